"""Chance that repeats: numbers drawn from a hash of what they are for.

A generator with a state would give other numbers whenever requests come in another order.
"""

from __future__ import annotations

import hashlib

_FRACTION_BITS = 53  # what a float holds exactly


def fraction(*parts: object) -> float:
    """A number from 0 up to but not including 1; equal parts give equal numbers anywhere."""
    digest = hashlib.blake2b(_join(parts), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> (64 - _FRACTION_BITS)) / (1 << _FRACTION_BITS)


class Dice:
    """As many numbers as are asked for, decided by the parts it was made of."""

    def __init__(self, *parts: object) -> None:
        self._seed = hashlib.blake2b(_join(parts))
        self._block = 0
        self._bytes = b""

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound - 1`; `bound` is at most some millions."""
        if not self._bytes:
            digest = self._seed.copy()
            digest.update(self._block.to_bytes(4, "big"))
            self._block += 1
            self._bytes = digest.digest()
        number, self._bytes = self._bytes[:4], self._bytes[4:]
        return int.from_bytes(number, "big") % bound

    def choose(self, items: list[str] | tuple[str, ...]) -> str:
        """One of the items."""
        return items[self.below(len(items))]


def _join(parts: tuple[object, ...]) -> bytes:
    return "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
