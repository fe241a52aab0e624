"""How far the translations of one query's pairs are, and those of all pairs by language."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syphus.translation.values import SourcePair, Translated, Untranslated


@dataclass(slots=True, kw_only=True)
class Coverage:
    """Pairs of one language, and texts that were too short for their language to be judged.

    `unasked` of those `missing` weren't asked for as often as they may be.
    """

    translated: int = 0
    missing: int = 0
    unasked: int = 0
    unjudged: int = 0


@dataclass(slots=True, kw_only=True)
class Progress:
    """The translations of one query's pairs, by pair number and language.

    `failed` are those whose last request was given up. The pairs numbered in `skipped` are
    neither asked for nor read: they are dropped.
    """

    query_id: str
    key: str
    pairs: tuple[SourcePair, ...]
    skipped: frozenset[int] = frozenset()
    given: dict[tuple[int, str], Translated] = field(default_factory=dict)
    rejected: dict[tuple[int, str], Untranslated] = field(default_factory=dict)
    failed: set[tuple[int, str]] = field(default_factory=set)
    tries: Counter[tuple[int, str]] = field(default_factory=Counter)
    asking: set[tuple[int, str]] = field(default_factory=set)
    unjudged: Counter[str] = field(default_factory=Counter)

    @property
    def wanted(self) -> Sequence[SourcePair]:
        """The pairs that aren't skipped."""
        if not self.skipped:
            return self.pairs
        return [pair for pair in self.pairs if pair.number not in self.skipped]
