"""The glossary: terms of the source, and the form that each has in a language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from unicodedata import normalize

from syphus.core.errors import AnnotationError, SettingsError
from syphus.core.languages import LANGUAGES, TARGETS
from syphus.core.reading import read_json
from syphus.translation.values import Term

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_KEEP: Final = "keep"
_WORD: Final = re.compile(r"\w+")


class Glossary:
    """Terms that are looked up by their first word, so that their number costs nothing.

    Raises SettingsError for a term without a letter or digit, and for one that is there twice.
    """

    __slots__ = ("_by_word", "terms")

    def __init__(self, terms: Iterable[Term] = ()) -> None:
        self.terms = tuple(terms)
        self._by_word: dict[str, list[tuple[str, int, Term]]] = {}
        names: set[str] = set()
        for term in sorted(self.terms, key=lambda term: -len(term.term)):
            name = term.term.lower()
            word = _WORD.search(name)
            if word is None:
                raise SettingsError(f"--glossary: the term {term.term!r} has no letter or digit")
            if name in names:
                raise SettingsError(f"--glossary: the term {term.term!r} is there twice")
            names.add(name)
            self._by_word.setdefault(word[0], []).append((name, word.start(), term))

    def find(self, text: str) -> Iterator[tuple[Term, str]]:
        """Yield each term that `text` has as words of their own, once, and how it is written there.

        Upper and lower case make no difference. Of two terms at one place the longer counts.
        """
        lowered = text.lower()
        as_written = text if len(text) == len(lowered) else lowered
        end = 0
        found: set[str] = set()
        for word in _WORD.finditer(lowered):
            if word.start() < end:
                continue
            for name, before, term in self._by_word.get(word[0], ()):
                start = word.start() - before
                stop = start + len(name)
                if start < 0 or not lowered.startswith(name, start):
                    continue
                if name[-1].isalnum() and lowered[stop : stop + 1].isalnum():
                    continue
                end = stop
                if name not in found:
                    found.add(name)
                    yield term, as_written[start:stop]
                break


def terms_in(text: str, glossary: Glossary) -> tuple[Term, ...]:
    """Return the terms that `text` has, in the order of their first places."""
    return tuple(term for term, _ in glossary.find(text))


def find_glossary_fault(source: str, text: str, language: str, glossary: Glossary) -> str | None:
    """Return which term of the source isn't said in its form, or None.

    A form that is the term itself has to stand in the text as in the term or as in the source;
    any other in upper or lower case, with or without an ending. Once is enough, however often the
    source has the term: a language may say it once for twice.
    """
    lowered = text.lower()
    for term, written in glossary.find(source):
        form = term.forms.get(language)
        if form is None:
            continue
        if form == term.term:
            if form not in text and written not in text:
                return f"the term {form} is missing"
        elif form.lower() not in lowered:
            return f"the term {term.term} is not said as {form}"
    return None


def load_glossary(path: str | Path) -> Glossary:
    """Read `{"term": "keep", "other term": {"zh": "...", "de": "keep"}}`.

    `keep` leaves a term as it is, in every language or in one; a language that isn't named is left
    to the model.

    Raises SettingsError that names the file and the term.
    """
    try:
        content = read_json(path)
    except AnnotationError as error:
        raise SettingsError(f"--glossary {error}") from error
    if not isinstance(content, dict):
        raise SettingsError(f"--glossary {path}: it is no JSON object of terms")
    terms = [_read_term(term, forms, path) for term, forms in content.items()]
    try:
        return Glossary(terms)
    except SettingsError as error:
        raise SettingsError(f"{error} ({path})") from None


def _read_term(name: str, forms: Any, path: str | Path) -> Term:
    term = normalize("NFC", name).strip()
    if forms == _KEEP:
        return Term(term=term, forms=dict.fromkeys(TARGETS, term))
    problem = f"--glossary {path}: the term {name!r}"
    if not isinstance(forms, dict) or not forms:
        raise SettingsError(f'{problem} needs "keep", or an object with a form per language')
    read: dict[str, str] = {}
    for code, form in forms.items():
        if code not in LANGUAGES:
            raise SettingsError(f"{problem} names {code!r}; choose from {','.join(TARGETS)}")
        if not isinstance(form, str) or not form.strip():
            raise SettingsError(f"{problem} has no text for {code!r}")
        read[code] = term if form == _KEEP else normalize("NFC", form).strip()
    return Term(term=term, forms=read)
