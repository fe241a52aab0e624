"""What the judge is asked, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.core.records import QuestionAnswer

CRITERIA: Final = ("relevance", "grounding", "clarity")
LOWEST: Final = 1
HIGHEST: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The marks of one pair, each from `LOWEST` to `HIGHEST`."""

    relevance: int
    grounding: int
    clarity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """Pairs with what they are graded by.

    `task` is what the writer of the pairs was told, `annotation` what it knew of the pictures. In
    request and reply the pairs are named "1", "2", ... by their place in `pairs`.
    """

    task: str
    annotation: str
    pairs: tuple[QuestionAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a reply gave, by the place of the pair, from 1.

    Each place that was asked about stands in exactly one of `given` and `missing`, there with the
    reason.
    """

    given: Mapping[int, Scores] = field(default_factory=dict)
    missing: Mapping[int, str] = field(default_factory=dict)
