"""Where outcomes stand: a map from keys to offsets in a quarter of a dictionary's memory.

A resume holds one entry a reply, millions of them. Two integers and their place in a dictionary
take 122 bytes an entry; here key and offset stand side by side, 24 bytes, in one of 65,536 short
runs of bytes, which the search of bytes goes through in a fraction of a microsecond.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = 16
_ENTRY = 24


class Places(MutableMapping[int, int]):
    """Offsets of less than 2**64 by keys of 128 bits, any of them as likely as another."""

    def __init__(self) -> None:
        self._runs: dict[bytes, bytearray] = {}
        self._count = 0

    def find(self, key: int) -> int | None:
        """The offset of a key; None where there is none."""
        name = key.to_bytes(_KEY, "big")
        run = self._runs.get(name[:2], b"")
        at = run.find(name)
        if at > 0 and at % _ENTRY:
            at = _aligned(run, name, at)
        if at < 0:
            return None
        return int.from_bytes(run[at + _KEY : at + _ENTRY], "big")

    def put(self, key: int, offset: int) -> int | None:
        """Sets the offset of a key and gives the one before, if there was one."""
        name = key.to_bytes(_KEY, "big")
        entry = name + offset.to_bytes(_ENTRY - _KEY, "big")
        run = self._runs.get(name[:2])
        if run is None:
            run = self._runs[name[:2]] = bytearray()
        at = run.find(name)
        if at > 0 and at % _ENTRY:
            at = _aligned(run, name, at)
        if at < 0:
            run += entry
            self._count += 1
            return None
        before = int.from_bytes(run[at + _KEY : at + _ENTRY], "big")
        run[at : at + _ENTRY] = entry
        return before

    def __getitem__(self, key: int) -> int:
        offset = self.find(key)
        if offset is None:
            raise KeyError(key)
        return offset

    def __setitem__(self, key: int, offset: int) -> None:
        self.put(key, offset)

    def __delitem__(self, key: int) -> None:
        name = key.to_bytes(_KEY, "big")
        run = self._runs.get(name[:2], bytearray())
        at = _aligned(run, name, run.find(name))
        if at < 0:
            raise KeyError(key)
        del run[at : at + _ENTRY]
        self._count -= 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        for run in self._runs.values():
            for at in range(0, len(run), _ENTRY):
                yield int.from_bytes(run[at : at + _KEY], "big")


def _aligned(run: bytes | bytearray, name: bytes, at: int) -> int:
    """Where the entry of that name begins, from `at` on: what is found may lie across two."""
    while at >= 0 and at % _ENTRY:
        at = run.find(name, at + 1)
    return at
