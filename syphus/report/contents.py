"""What stands in a report: plain values, gathered by whoever knows the run's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syphus.report.counting import Reasons, Sizes, Sources

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from syphus.report.roots import Root


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """What became of the queries. `invalid` has the reasons of rejected replies and pairs.

    `counts` are queries by what became of them, in the order to show; they sum up to `read`.
    `total` is None where it isn't known how many there are.
    """

    read: int
    total: int | None
    counts: Mapping[str, int]
    skipped: int
    invalid: Reasons = field(default_factory=Reasons)
    failures: Reasons = field(default_factory=Reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Tokens as billed; US dollars, None without a price; seconds of work."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    dollars: float | None
    perhaps_billed: int
    perhaps_dollars: float
    seconds: float


@dataclass(slots=True, kw_only=True)
class Texts:
    """Sizes of texts: in words, or where `unit` says so, in letters."""

    language: str
    unit: str
    pairs: int = 0
    questions: Sizes = field(default_factory=Sizes)
    answers: Sizes = field(default_factory=Sizes)
    sources: Sources = field(default_factory=Sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbs:
    """Roots of `looked_at` of all `seen` English texts; `missing` says what isn't there."""

    seen: int
    looked_at: int
    roots: Counter[Root]
    missing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run's report.

    `texts` has the pairs of each language, the first one shown in full; of a language of `lacking`
    there is no file. `free_text` has the replies of a run that keeps them whole.
    """

    name: str
    state: str
    about: Mapping[str, str]
    yielded: Yield
    cost: Cost
    texts: tuple[Texts, ...]
    lacking: tuple[str, ...]
    untranslated: Reasons
    free_text: Texts | None
    verbs: Verbs | None
    answer_verbs: Verbs | None
    quality: Mapping[str, object] | None
    names: Mapping[str, str]
