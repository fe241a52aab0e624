"""Counts of a stream of pairs, in memory that hardly grows with it."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 10_000
MOST_KINDS = 1_000
_OTHERS = "other reasons"
_BUCKETS = 256
_REASON_LENGTH = 120
_DETAIL = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


class Sizes:
    """How often each size occurred; sizes over `LONGEST` count as that."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, size: int, times: int = 1) -> None:
        """Counts one more of this size, or several."""
        self._counts[min(size, LONGEST)] += times

    @property
    def total(self) -> int:
        """How many were counted."""
        return self._counts.total()

    @property
    def mean(self) -> float:
        """The mean size; 0 of none."""
        weight = sum(size * count for size, count in self._counts.items())
        return weight / self.total if self.total else 0.0

    def quantile(self, part: float) -> int:
        """The smallest size that at least this part doesn't exceed; 0 of none."""
        wanted, seen = part * self.total, 0
        for size in sorted(self._counts):
            seen += self._counts[size]
            if seen >= wanted:
                return size
        return 0

    def bins(self, most: int = 30) -> list[tuple[str, int]]:
        """At most so many columns of equal width, with their labels.

        The last holds whatever lies behind 99 of 100, so that one giant doesn't flatten the rest.
        """
        if not self._counts:
            return []
        low, high = min(self._counts), self.quantile(0.99)
        width = _round_up(max(1, -(-(high - low + 1) // (most - 1))))
        low -= low % width
        count = (high - low) // width + 1
        columns = [0] * count
        behind = 0
        for size, times in self._counts.items():
            at = (size - low) // width
            if at < count:
                columns[at] += times
            else:
                behind += times
        found = [(_label(low + at * width, width), n) for at, n in enumerate(columns)]
        return [*found, (f"{low + count * width} or more", behind)] if behind else found


def _round_up(width: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    scale = 1
    while True:
        for step in (1, 2, 5):
            if step * scale >= width:
                return step * scale
        scale *= 10


def _label(start: int, width: int) -> str:
    return str(start) if width == 1 else f"{start} to {start + width - 1}"


class Sources:
    """How many pairs each source has; a source is the images that its pairs are about.

    Eight bytes a pair: a hash of the ids, sorted a part at a time when all are there. Any two
    of a million fall together with a chance of 1 in 30 million.
    """

    def __init__(self) -> None:
        self._parts = [array("Q") for _ in range(_BUCKETS)]
        self.without = 0

    def add(self, images: Iterable[str]) -> None:
        """Counts one pair; one that names no image is in `without`."""
        names = "\0".join(images)
        if not names:
            self.without += 1
            return
        digest = blake2b(names.encode("utf-8", "replace"), digest_size=8).digest()
        self._parts[digest[0]].append(int.from_bytes(digest, "big"))

    def sizes(self) -> Sizes:
        """How many sources have so many pairs."""
        found = Sizes()
        for part in self._parts:
            for _, same in groupby(sorted(part)):
                found.add(sum(1 for _ in same))
        return found


class Reasons:
    """How often each reason was given; numbers and quotations in it make no other reason."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, reason: str) -> None:
        """Counts one; behind `MOST_KINDS` different ones, new ones count as others."""
        kind = _DETAIL.sub("…", " ".join(reason[: 4 * _REASON_LENGTH].split()))[:_REASON_LENGTH]
        if kind not in self._counts and len(self._counts) >= MOST_KINDS:
            kind = _OTHERS
        self._counts[kind or "no reason given"] += 1

    @property
    def total(self) -> int:
        """How many were counted."""
        return self._counts.total()

    def most_common(self, most: int = 12) -> list[tuple[str, int]]:
        """The most frequent, the others together behind them."""
        counts = self._counts.copy()
        others = counts.pop(_OTHERS, 0)
        first = counts.most_common(most)
        others += counts.total() - sum(count for _, count in first)
        return [*first, (_OTHERS, others)] if others else first
