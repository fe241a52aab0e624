"""The words of a glossary that a text holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syphus.translation.values import Term


def occurs(term: str, text: str) -> bool:
    """Whether `text` holds `term` as a word of its own, in upper or lower case."""
    term, text = term.casefold(), text.casefold()
    start = text.find(term) if term else -1
    while start >= 0:
        end = start + len(term)
        if not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum():
            return True
        start = text.find(term, start + 1)
    return False


def occurring(terms: Iterable[Term], texts: Sequence[str]) -> list[Term]:
    """The terms that stand in at least one of the texts, in their own order."""
    return [term for term in terms if any(occurs(term.term, text) for text in texts)]
