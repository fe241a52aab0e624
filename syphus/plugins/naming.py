"""Unique names for queries whose annotations repeat ids.

The same id with the same text is one query; the same id with another text becomes `id#2`, `id#3`
in order of appearance. To know them again two 64-bit hashes a query are kept and no text: one of
the id, one of id and text together, both Python's own, a tenth of what BLAKE2 takes. They stand in
arrays, 24 to 48 bytes a query; a dictionary of Python's integers took 0.7 us less and 100 to 160
bytes.

A collision of the first, about one run in 370,000 of ten million queries, gives an id that is
alone a needless `#2`: the name is still unique, but another run may ask that query by its id. A
query would be lost only if its second hash collided as well.
"""

from __future__ import annotations

from array import array

_PARTS = 256
_FEWEST_PLACES = 8
_BITS = (1 << 64) - 1
_ISSUED = 0
_NOT_FREE = 1


class UniqueNames:
    """Gives every query its name. Only the few names with `#` cost more than two hashes."""

    def __init__(self) -> None:
        self._first = [_Table() for _ in range(_PARTS)]
        self._renamed: set[int] = set()
        self._next: dict[int, int] = {}

    def claim(self, source_id: str, text: str) -> str | None:
        """The name of the query with this id and text; None if it has been claimed."""
        key = hash(source_id) & _BITS or _NOT_FREE
        content = hash((source_id, text)) & _BITS
        known = self._first[key % _PARTS].put(key, content)
        if known is None:
            return source_id
        if known == content or content in self._renamed:
            return None
        self._renamed.add(content)
        return self._rename(source_id, key)

    def _rename(self, source_id: str, key: int) -> str:
        number = self._next.get(key, 2)
        while True:
            name = f"{source_id}#{number}"
            issued = hash(name) & _BITS or _NOT_FREE
            number += 1
            if self._first[issued % _PARTS].put(issued, _ISSUED) is None:
                self._next[key] = number
                return name


class _Table:
    """Numbers of 64 bits by others that aren't 0: key and value, each in the first free place.

    One of many, so that growing takes neither long nor twice the memory of all.
    """

    __slots__ = ("_count", "_mask", "_places")

    def __init__(self) -> None:
        self._make(_FEWEST_PLACES)

    def _make(self, size: int) -> None:
        self._count = 0
        self._mask = 2 * size - 1
        self._places = array("Q", bytes(16 * size))

    def put(self, key: int, value: int) -> int | None:
        """Keeps `value` for a new key, else returns the value that it has."""
        places, mask = self._places, self._mask
        at = (key // _PARTS << 1) & mask
        while found := places[at]:
            if found == key:
                return places[at + 1]
            at = (at + 2) & mask
        places[at], places[at + 1] = key, value
        self._count += 1
        if 3 * self._count > mask:
            self._grow()
        return None

    def _grow(self) -> None:
        old, count = self._places, self._count
        self._make(self._mask + 1)
        self._count = count
        places, mask = self._places, self._mask
        for at in range(0, len(old), 2):
            if key := old[at]:
                to = (key // _PARTS << 1) & mask
                while places[to]:
                    to = (to + 2) & mask
                places[to], places[to + 1] = key, old[at + 1]
