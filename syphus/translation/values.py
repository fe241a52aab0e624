"""What the translation stage asks, and what it is given back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.core.records import Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePair:
    """An English pair to translate. `number` is its place among the pairs of its query."""

    number: int
    instruction: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What one request asks for: every pair in every language.

    In the request and in its reply the pairs are named "1", "2", ... by their place in `pairs`,
    whatever their numbers are, so that chunks of equal size ask for the same shape. `languages`
    are codes in alphabetical order.
    """

    pairs: tuple[SourcePair, ...]
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word of the glossary and its form by language code.

    A form equal to the term means that the term stays as it is. A language without a form is left
    to the model.
    """

    term: str
    forms: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """One pair in one language, as the reply has it: `normalise`d, not yet checked."""

    language: str
    instruction: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Untranslated:
    """A pair that a reply doesn't give in one language, and why; `text` is what it gives."""

    number: int
    language: str
    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTranslations:
    """What a reply gave, by pair number and language code.

    Each pair and language that was asked for stands in exactly one of `given` and `missing`.
    `extra_keys` counts properties that nobody asked for; `rejected` is the whole reply where
    nothing in it could be used.
    """

    given: Mapping[tuple[int, str], Translated] = field(default_factory=dict)
    missing: Mapping[tuple[int, str], Untranslated] = field(default_factory=dict)
    extra_keys: int = 0
    rejected: Rejected | None = None
