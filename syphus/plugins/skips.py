"""What a plugin left out, and why: counted, and the first of it kept to be told."""

from __future__ import annotations

from dataclasses import dataclass

MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedItem:
    """An item that gives no query. `position` counts from 1, `id` is empty where it has none."""

    position: int
    id: str
    reason: str

    def __str__(self) -> str:
        name = f" ({self.id})" if self.id else ""
        return f"item {self.position}{name} is left out: {self.reason}"


class Skips:
    """The items left out of a data set, in order; of more than `MOST_KEPT` the first.

    A plugin is read several times, from its beginning: what was added already isn't added again.
    `told` counts those that were told to the user.
    """

    def __init__(self) -> None:
        self.count = self.told = 0
        self.kept: list[SkippedItem] = []
        self._last = 0

    def add(self, item: SkippedItem) -> None:
        """Takes note of an item, unless an earlier reading has come to it."""
        if item.position <= self._last:
            return
        self._last = item.position
        self.count += 1
        if len(self.kept) < MOST_KEPT:
            self.kept.append(item)
