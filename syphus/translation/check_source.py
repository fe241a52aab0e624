"""A source text, taken apart once for the checks of all its translations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from syphus.translation.check_kept import split_kept
from syphus.translation.check_numbers import find_numbers
from syphus.translation.check_text import write_plain_digits

if TYPE_CHECKING:
    from syphus.translation.check_kept import Items
    from syphus.translation.check_numbers import Number

_WORD: Final = re.compile(r"[^\W\d_]+")
_SENTENCE_END: Final = re.compile("[.!?\n\u3002\uff01\uff1f\u061f]+")
_AROUND_SENTENCE: Final = " \t\"'\u201c\u201d()"
_COMMON_WORD: Final = re.compile(r"(?<![^\W\d_])[a-z]+(?![^\W\d_])")
SENTENCE_WORDS: Final = 5
# The pairs of a query are checked together: 8 pairs of two texts, each in seven languages.
_REMEMBERED: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source text and its parts.

    `prose` is the text without kept items; `words` are its words in lower case, `vocabulary` the
    same as a set; `sentences` are those that a translation can't have by chance: five words that
    are no names, or more.
    """

    text: str
    prose: str
    items: Items
    numbers: tuple[Number, ...]
    words: list[str]
    vocabulary: frozenset[str]
    sentences: frozenset[str]


@lru_cache(maxsize=_REMEMBERED)
def read_source(text: str) -> Source:
    """Take a source text apart. The last few are remembered, for the next language's check."""
    prose, items = split_kept(write_plain_digits(text))
    words = find_words(prose)
    return Source(
        text=text,
        prose=prose,
        items=items,
        numbers=find_numbers(prose),
        words=words,
        vocabulary=frozenset(words),
        sentences=frozenset(filter(_is_long, split_sentences(prose))),
    )


def find_words(prose: str) -> list[str]:
    """Return the words of a text in lower case: letters without digits or signs between them."""
    return _WORD.findall(prose.lower())


def split_sentences(prose: str) -> list[str]:
    """Return the sentences of a text in any of the languages, without what ends them."""
    return [part.strip(_AROUND_SENTENCE) for part in _SENTENCE_END.split(prose)]


def _is_long(sentence: str) -> bool:
    return sum(word[0].islower() for word in sentence.split()) >= SENTENCE_WORDS


def is_names(prose: str) -> bool:
    """Whether the words of a text are all names or abbreviations: none is in lower case."""
    return _COMMON_WORD.search(prose) is None
