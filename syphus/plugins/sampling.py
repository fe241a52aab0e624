"""Chance that is the same in every run: seeded by the item that it is for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


def dice_for(item_id: str) -> random.Random:
    """A source of chance that gives the same for the same item, whatever came before it."""
    return random.Random(item_id)  # noqa: S311 - a sample, not a secret


def keep_some(values: Sequence[T], most: int, item_id: str) -> list[T]:
    """At most `most` of the values, in their order, the same ones for the same item."""
    if len(values) <= most:
        return list(values)
    chosen = sorted(dice_for(item_id).sample(range(len(values)), most))
    return [values[at] for at in chosen]
