"""How far a stage behind the first is with the pairs of one query."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from syphus.core.records import QuestionAnswer

Given = TypeVar("Given")
Name: TypeAlias = tuple[int, str]
"""What is asked for: the number of a pair in its reply, from 1, and what of it (a language)."""
WHOLE = ""
"""Says in a name that the stage asks for one thing a pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Why something isn't given; `text` is what the reply has in its place."""

    reason: str
    text: str = ""


@dataclass(slots=True, kw_only=True)
class Progress(Generic[Given]):
    """What is given of what is asked about the pairs of one query, by name.

    `failed` are those whose last request was given up. The pairs numbered in `skipped` are
    neither asked about nor read. `unsure` counts, by what is asked, texts of which a check knows
    nothing.
    """

    query_id: str
    pairs: tuple[QuestionAnswer, ...]
    key: str = ""
    skipped: frozenset[int] = frozenset()
    given: dict[Name, Given] = field(default_factory=dict)
    rejected: dict[Name, Lacking] = field(default_factory=dict)
    failed: set[Name] = field(default_factory=set)
    tries: Counter[Name] = field(default_factory=Counter)
    asking: set[Name] = field(default_factory=set)
    unsure: Counter[str] = field(default_factory=Counter)

    @property
    def wanted(self) -> list[int]:
        """The numbers of the pairs that aren't skipped."""
        numbers = range(1, len(self.pairs) + 1)
        return [number for number in numbers if number not in self.skipped]


def names_of(pairs: Iterable[int], parts: Collection[str]) -> list[Name]:
    """The names of what a request or a reply is about; no `parts` means whole pairs."""
    return [(pair, part) for pair in pairs for part in parts or (WHOLE,)]
