"""Sets of ids, a few bytes an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGITS: Final = 2
_MOST_RECENT: Final = 1 << 14


class IdSet:
    """Exact, and small where ids end in numbers: one bit for each number of a hundred.

    `DC_INS_00042` is bit 42 of the page `DC_INS_000`. A million such ids in a row take 1.3 MB as
    against the 96 MB of a set; ids that don't end in two digits are held as they are.
    """

    def __init__(self) -> None:
        self._pages: dict[str, int] = {}
        self._others: set[str] = set()
        self._recent: set[str] = set()
        self._count = 0

    def add(self, name: str) -> bool:
        """Whether `name` is new."""
        if name in self._recent:
            return False
        if _is_numbered(name):
            page, bit = name[:-2], 1 << int(name[-2:])
            held = self._pages.get(page, 0)
            if held & bit:
                return False
            self._pages[page] = held | bit
        elif name in self._others:
            return False
        else:
            self._others.add(name)
        self._count += 1
        self._remember(name)
        return True

    def __contains__(self, name: str) -> bool:
        if name in self._recent:
            return True
        if _is_numbered(name):
            found = bool(self._pages.get(name[:-2], 0) >> int(name[-2:]) & 1)
        else:
            found = name in self._others
        if found:
            self._remember(name)
        return found

    def _remember(self, name: str) -> None:
        """The pairs of a source name each other: most ids are asked for again soon."""
        if len(self._recent) >= _MOST_RECENT:
            self._recent.clear()
        self._recent.add(name)

    def __len__(self) -> int:
        return self._count

    def without(self, other: IdSet) -> Iterator[str]:
        """The ids that `other` doesn't have, roughly in the order in which they came."""
        for page, bits in self._pages.items():
            yield from _names(page, bits & ~other._pages.get(page, 0))
        yield from sorted(self._others - other._others)

    def common(self, other: IdSet) -> Iterator[str]:
        """The ids that `other` has too."""
        for page, bits in self._pages.items():
            yield from _names(page, bits & other._pages.get(page, 0))
        yield from sorted(self._others & other._others)


def _is_numbered(name: str) -> bool:
    tail = name[-2:]
    return len(tail) == _DIGITS and tail.isascii() and tail.isdigit()


def _names(page: str, bits: int) -> Iterator[str]:
    while bits:
        lowest = bits & -bits
        yield f"{page}{lowest.bit_length() - 1:02d}"
        bits ^= lowest
