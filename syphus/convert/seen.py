"""Which names were given already: ten bytes each, whatever their length."""

from __future__ import annotations

from hashlib import blake2b

_BUCKET_BYTES = 2
_REST_BYTES = 8


class SeenNames:
    """A set of names, kept as hashes of 80 bits in runs that share their first two bytes.

    Among ten million names, the odds that any two are taken for one are 1 to 24 thousand millions.
    """

    def __init__(self) -> None:
        self._runs: dict[bytes, bytearray] = {}

    def add(self, name: str) -> bool:
        """Adds a name; tells whether it is new."""
        digest = blake2b(
            name.encode("utf-8", "surrogatepass"), digest_size=_BUCKET_BYTES + _REST_BYTES
        ).digest()
        run = self._runs.setdefault(digest[:_BUCKET_BYTES], bytearray())
        rest = digest[_BUCKET_BYTES:]
        at = run.find(rest)
        while at % _REST_BYTES and at >= 0:
            at = run.find(rest, at + 1)
        if at >= 0:
            return False
        run += rest
        return True
