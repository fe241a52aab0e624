"""Whether a translation is its source, or has a sentence of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from syphus.translation.check_detector import is_english
from syphus.translation.check_source import SENTENCE_WORDS, is_names, split_sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

from syphus.translation.check_source import Source

COPIED: Final = "it is a copy of the source"
_SENTENCE_COPIED: Final = "a sentence of the source is left as it was"
# "Golden Gate Bridge" is a name in any language, "Verify Your Email Address" is none.
_NAME_WORDS: Final = 3
# No name, but often a whole answer.
_ANSWERS: Final = frozenset({"yes", "none", "true", "false", "both", "neither", "left", "right"})
# "T-shirt", "X-ray", "e-mail": one word, though a sign stands in it.
_LETTERED: Final = re.compile(r"\W*[A-Za-z]-[A-Za-z]+\W*")
# Spanish, German and French share many words with English: "tennis", "orange", "no", "total".
_SHARING: Final = frozenset({"es", "de", "fr"})


def find_copy_fault(prose: str, words: Sequence[str], source: Source, language: str) -> str | None:
    """Return that the text, or a sentence of five words or more, is the source's, or None.

    Case and punctuation make no difference. Texts of names, without letters, and single words that
    a language may share with English are no copies. `prose` is the text without its kept
    items, `words` are its words in lower case.
    """
    if words and words == source.words and not _may_stay(source, language):
        return COPIED
    if (
        source.sentences
        and len(source.vocabulary.intersection(words)) > SENTENCE_WORDS // 2
        and not source.sentences.isdisjoint(split_sentences(prose))
    ):
        return _SENTENCE_COPIED
    return None


def _may_stay(source: Source, language: str) -> bool:
    if len(source.words) == 1 and source.words[0] in _ANSWERS:
        return False
    if len(source.words) == 1 and language in _SHARING:
        return True
    if language in _SHARING and _LETTERED.fullmatch(source.prose):
        return True
    if not is_names(source.prose):
        return False
    return len(source.words) <= _NAME_WORDS or not is_english(source.words)
