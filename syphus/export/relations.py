"""Which pairs belong together."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import chain, islice
from typing import TYPE_CHECKING, Protocol

from syphus.export.numbering import number_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from syphus.export.numbering import QueryFacts


# MIMIC-IT's trainers put all related pairs before a pair, into a text of 1,024 to 2,048 tokens: a
# few dozen fit. Without a bound, the ids of a source with n pairs would be n squared.
MOST_RELATED = 100


def nearest(names: Sequence[str], at: int) -> list[str]:
    """The up to `MOST_RELATED` names nearest to the one at index `at`, which is left out."""
    start = max(0, min(at - MOST_RELATED // 2, len(names) - MOST_RELATED - 1))
    return [*names[start:at], *names[at + 1 : start + MOST_RELATED + 1]]


class Relations(Protocol):
    """A strategy: which pairs of other queries the pairs of one query are related to."""

    def around(self, source_id: str, first: int) -> tuple[Sequence[int], Sequence[int]]:
        """The numbers of those before and of those behind the query whose first pair is `first`.

        Up to `MOST_RELATED` on either side, the nearest, in order.
        `source_id` is what the annotations call the query.
        """
        ...


class EachAlone:
    """For data sets whose sources were asked about once: no other query's pairs are related."""

    def around(self, source_id: str, first: int) -> tuple[Sequence[int], Sequence[int]]:
        """None before and none behind."""
        del source_id, first
        return (), ()


class SameSource:
    """Relates the pairs that describe the same images: those of one source, in order.

    Only sources with several queries are remembered, two numbers a query; the pairs of any other
    source are all in one query.
    """

    def __init__(self, valid: Path, facts: Callable[[], Iterable[QueryFacts]]) -> None:
        # Ids of queries are unique, so of several queries of one source all but one are renamed.
        repeated = {each.source_id for each in facts() if each.query_id != each.source_id}
        self._spans: dict[str, array[int]] = {}
        if repeated:
            for group in number_pairs(valid, facts()):
                source = group.facts.source_id
                if source in repeated:
                    spans = self._spans.setdefault(source, array("I"))
                    spans.extend((group.numbers.start, group.numbers.stop))

    def around(self, source_id: str, first: int) -> tuple[Sequence[int], Sequence[int]]:
        """The pairs of the source's other queries."""
        spans = self._spans.get(source_id)
        if spans is None:
            return (), ()
        queries = range(0, len(spans), 2)
        own = bisect_left(queries, first, key=spans.__getitem__)
        behind = _some(range(*spans[at : at + 2]) for at in queries[own + 1 :])
        before = _some(reversed(range(*spans[at : at + 2])) for at in reversed(queries[:own]))
        return before[::-1], behind


def _some(spans: Iterable[Iterable[int]]) -> list[int]:
    return list(islice(chain.from_iterable(spans), MOST_RELATED))
