"""Which pairs belong together."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Protocol

from syphus.export.numbering import number_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from syphus.export.numbering import QueryFacts


class Relations(Protocol):
    """A strategy: which pairs of other queries the pairs of one query are related to."""

    def around(self, source_id: str, first: int) -> tuple[Sequence[int], Sequence[int]]:
        """The numbers of those before and of those behind the query whose first pair is `first`.

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
        spans = self._spans.get(source_id, ())
        before: list[int] = []
        behind: list[int] = []
        for start, stop in zip(spans[::2], spans[1::2], strict=True):
            if start != first:
                (before if start < first else behind).extend(range(start, stop))
        return before, behind
