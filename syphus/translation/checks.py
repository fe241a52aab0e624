"""Every check that a translated text must pass: pure, repeatable, free.

A check that can't be sure lets the text through. What each looks for stands in the module of its
name (`check_language`, `check_kept`, ...).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from syphus.translation.check_copy import find_copy_fault
from syphus.translation.check_finding import Finding
from syphus.translation.check_glossary import find_glossary_fault
from syphus.translation.check_kept import find_kept_fault, split_kept
from syphus.translation.check_language import check_language
from syphus.translation.check_length import find_length_fault
from syphus.translation.check_numbers import find_number_fault
from syphus.translation.check_source import find_words, read_source
from syphus.translation.check_talk import find_talk_fault
from syphus.translation.check_text import (
    find_character_fault,
    normalise,
    write_plain_digits,
)

if TYPE_CHECKING:
    from syphus.translation.check_glossary import Glossary
    from syphus.translation.check_kept import Items
    from syphus.translation.check_source import Source

__all__ = ["Finding", "check_translation", "normalise"]

# Fewer may be a label whose only translation is a number or a placeholder.
_WORDS_OF_A_SENTENCE: Final = 3
_WORD_CHARACTER: Final = re.compile(r"[^\W_]")


def check_translation(
    source: str, text: str, language: str, *, glossary: Glossary | None = None
) -> Finding:
    """Check one translated text against its English source.

    `text` is what `normalise` returned; `language` is the code it should be in, one of
    `syphus.core.languages.TARGETS`. The first fault found is the finding's reason.
    """
    if reason := _find_text_fault(source, text):
        return Finding(reason=reason)
    known = read_source(source)
    prose, items = split_kept(write_plain_digits(text))
    words = find_words(prose)
    if not words and len(known.words) >= _WORDS_OF_A_SENTENCE:
        return Finding(reason="it has no words")
    if reason := find_copy_fault(prose, words, known, language):
        return Finding(reason=reason)
    finding = check_language(prose, words, known, language)
    if not finding.ok:
        return finding
    reason = (
        find_kept_fault(known.items, items, prose)
        or _find_number_fault(known, prose, items, language)
        or find_length_fault(prose, known, language)
    )
    if not reason and glossary is not None:
        reason = find_glossary_fault(source, text, language, glossary)
    return Finding(reason=reason) if reason else finding


def _find_text_fault(source: str, text: str) -> str | None:
    if not text or text.isspace():
        return "it is empty"
    if reason := find_character_fault(text, source):
        return reason
    if not _WORD_CHARACTER.search(text) and _WORD_CHARACTER.search(source):
        return "it has no words"
    return find_talk_fault(text, source)


def _find_number_fault(source: Source, prose: str, items: Items, language: str) -> str | None:
    if not source.numbers:
        return None
    # A clock time that the source wrote without a colon is a number of it.
    added = [
        value.replace(":", " ")
        for kind, value in items
        if kind == "timestamp" and (kind, value) not in source.items
    ]
    return find_number_fault(source.numbers, source.prose, " ".join((prose, *added)), language)
