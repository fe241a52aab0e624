"""Unique names for queries whose annotations repeat ids.

The same id with the same text is one query; the same id with another text becomes `id#2`, `id#3`
in order of appearance. To know them again two 60-bit hashes a query are kept and no text: one of
the id, one of id and text together. tracemalloc counts 100 to 131 bytes a query
(tests/plugins/test_naming.py), and 161 in the moment in which the table grows.

A collision of the first, about one run in 20,000 of ten million queries, gives an id that is
alone a needless `#2`: the name is still unique, and the same in every run. A query would be lost
only if its second hash collided as well.
"""

from __future__ import annotations

from hashlib import blake2b

_SHIFT = 4  # 60 bits fit an integer of two digits, which takes 32 bytes instead of 48
_ISSUED = -1


class UniqueNames:
    """Gives every query its name. Only the few names with `#` cost more than two hashes."""

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        self._renamed: set[int] = set()
        self._next: dict[int, int] = {}

    def claim(self, source_id: str, text: bytes) -> str | None:
        """The name of the query with this id and UTF-8 text; None if it has been claimed."""
        digest = blake2b(source_id.encode() + b"\0", digest_size=8)
        key = int.from_bytes(digest.digest(), "little") >> _SHIFT
        digest.update(text)
        content = int.from_bytes(digest.digest(), "little") >> _SHIFT
        known = self._first.get(key)
        if known is None:
            self._first[key] = content
            return source_id
        if known == content or content in self._renamed:
            return None
        self._renamed.add(content)
        return self._rename(source_id, key)

    def _rename(self, source_id: str, key: int) -> str:
        number = self._next.get(key, 2)
        while True:
            name = f"{source_id}#{number}"
            digest = blake2b(name.encode() + b"\0", digest_size=8)
            issued = int.from_bytes(digest.digest(), "little") >> _SHIFT
            number += 1
            if issued not in self._first:
                self._first[issued] = _ISSUED
                self._next[key] = number
                return name
