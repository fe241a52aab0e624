"""What is being asked about pairs while it waits a day in a batch: 8 bytes a query."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BITS = 64


class AskedLanguages:
    """Sets of (pair number, language) by position, a bit for each.

    What has no room in 64 bits, ten pairs in seven languages, takes some 150 bytes instead of 8.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = tuple(languages)
        self._places = {code: place for place, code in enumerate(self._languages)}
        self._sets = array("Q")
        self._larger: dict[int, int] = {}

    def put(self, position: int, asked: Iterable[tuple[int, str]]) -> None:
        """Keeps the set of one position in the place of what it had."""
        width = len(self._languages)
        bits = sum(1 << ((pair - 1) * width + self._places[code]) for pair, code in asked)
        self._larger.pop(position, None)
        if bits.bit_length() > _BITS:
            self._larger[position] = bits
            return
        missing = position + 1 - len(self._sets)
        if missing > 0:
            self._sets.extend([0] * missing)
        self._sets[position] = bits

    def take(self, position: int) -> set[tuple[int, str]]:
        """The set of one position."""
        bits = self._larger.pop(position, None)
        if bits is None:
            bits = self._sets[position]
        asked, width = set(), len(self._languages)
        while bits:
            place = (bits & -bits).bit_length() - 1
            asked.add((place // width + 1, self._languages[place % width]))
            bits &= bits - 1
        return asked
