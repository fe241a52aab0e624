"""Which pairs have a key: 64-bit keys to numbers of pairs, 6 bytes a slot, never taken out.

A dictionary of integers takes 110 bytes an entry, and a pair has fifteen of them. A slot holds the
number and 16 bits of the key, so one lookup in some ten thousand names a pair too many; whoever
asks looks at the pair itself. A full table gets a larger one beside it, so nothing is ever moved.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_FULLEST: Final = 0.7
_FIRST: Final = 1 << 14
_LARGEST: Final = 1 << 28
_TAG_BITS: Final = 16
# Of pairs that share a key the first so many are found: a phrase that all pairs have in common
# would else be compared with all of them.
MOST_SHARING: Final = 16


class _Table:
    """Open addressing with linear probing; 0 is an empty slot."""

    __slots__ = ("left", "numbers", "size", "tags")

    def __init__(self, size: int) -> None:
        self.size = size
        self.left = int(size * _FULLEST)
        self.numbers = array("I", (0,)) * size
        self.tags = array("H", (0,)) * size

    def add(self, keys: Sequence[int], number: int) -> None:
        numbers, tags, size = self.numbers, self.tags, self.size
        for key in keys:
            at = (key >> _TAG_BITS) % size
            while numbers[at]:
                at += 1
                if at == size:
                    at = 0
            numbers[at] = number + 1
            tags[at] = key & 0xFFFF
        self.left -= len(keys)

    def find(self, keys: Sequence[int], found: list[int]) -> None:
        numbers, tags, size = self.numbers, self.tags, self.size
        for key in keys:
            at = (key >> _TAG_BITS) % size
            room = MOST_SHARING
            while number := numbers[at]:
                if tags[at] == key & 0xFFFF:
                    found.append(number - 1)
                    room -= 1
                    if not room:
                        break
                at += 1
                if at == size:
                    at = 0


class Slots:
    """Remembers numbers of pairs by key. `expected` keys get their room at once, by a guess."""

    def __init__(self, expected: int = 0) -> None:
        size = min(_LARGEST, max(_FIRST, int(expected / _FULLEST) + 1))
        self._tables = [_Table(size)]

    def add(self, keys: Sequence[int], number: int) -> None:
        """Remembers that pair `number` (under 2**32 - 1) has these keys."""
        if self._tables[-1].left < len(keys):
            self._tables.append(_Table(min(_LARGEST, 2 * self._tables[-1].size)))
        self._tables[-1].add(keys, number)

    def find(self, keys: Sequence[int]) -> list[int]:
        """The pairs that have each of the keys, the first added first; one for each common key."""
        found: list[int] = []
        for table in self._tables:
            table.find(keys, found)
        return found
