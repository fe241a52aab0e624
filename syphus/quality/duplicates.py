"""Exact and near duplicates in a stream of pairs: the first stays.

Pairs are asked about in the order in which they are written, so what is found doesn't depend on
the order of replies. A pair that repeats another one isn't remembered itself. Memory grows by 160
bytes a pair; the words stand in a file without a name, where only likely duplicates are read.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from syphus.core.durable import named
from syphus.quality.sketch import (
    BANDS,
    SIMILAR,
    compare,
    key_bands,
    key_words,
    read_words,
)
from syphus.quality.slots import Slots

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeAlias

    Repeat: TypeAlias = Literal[
        "repeated_in_source", "repeated_in_set", "near_in_source", "near_in_set"
    ]

REASONS: Final[dict[Repeat, str]] = {
    "repeated_in_source": "it repeats an earlier pair of the same source",
    "repeated_in_set": "it repeats an earlier pair of another source",
    "near_in_source": "it is nearly the same as an earlier pair of the same source",
    "near_in_set": "it is nearly the same as an earlier pair of another source",
}
_MOST_COMPARED: Final = 16


class Duplicates:
    """Finds what repeats an earlier pair. `expected` is how many pairs are likely to come.

    `folder` is where the words are kept until `close`.

    Raises OSError where they can't be written.
    """

    def __init__(self, folder: Path, *, expected: int = 0) -> None:
        self._slots = Slots(expected * (BANDS + 1))
        self._sources = array("Q")
        self._ends = array("Q", (0,))
        self._folder = folder
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - close ends it

    def close(self) -> None:
        """Lets go of the words."""
        self._file.close()

    def find(self, source_id: str, question: str, answer: str) -> Repeat | None:
        """What the next pair repeats; remembers it if it repeats nothing."""
        source, words = key_words(source_id), read_words(question, answer)
        same = (key_words(words),)
        for number in self._slots.find(same):
            if self._words(number) == words:
                return "repeated_in_source" if self._is_of(number, source) else "repeated_in_set"
        bands = key_bands(words)
        sharing = Counter(self._slots.find(bands))
        likely = sorted(sharing, key=lambda number: (-sharing[number], number))[:_MOST_COMPARED]
        for number in likely:
            if compare(words, self._words(number)) >= SIMILAR:
                return "near_in_source" if self._is_of(number, source) else "near_in_set"
        self._remember(source, words, (*same, *bands))
        return None

    def _is_of(self, number: int, source: int) -> bool:
        return self._sources[number] == source

    def _remember(self, source: int, words: str, keys: tuple[int, ...]) -> None:
        content = words.encode("utf-8", "surrogatepass")
        self._slots.add(keys, len(self._sources))
        self._sources.append(source)
        self._ends.append(self._ends[-1] + len(content))
        try:
            written = self._file.write(content)
        except OSError as error:
            raise named(error, self._folder) from error
        if written != len(content):
            raise OSError(f"wrote {written} of {len(content)} bytes of the words of a pair")

    def _words(self, number: int) -> str:
        start, end = self._ends[number : number + 2]
        return os.pread(self._file.fileno(), end - start, start).decode("utf-8", "surrogatepass")
