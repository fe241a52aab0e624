"""Which pairs belong together."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Protocol

from syphus.export.numbering import number_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from syphus.export.numbering import PairGroup, QueryFacts


class Relations(Protocol):
    """A strategy: for each pair of a group the numbers of its related pairs, never its own."""

    def of(self, group: PairGroup) -> Iterator[Sequence[int]]:
        """One sequence for each of `group.numbers`, in that order."""
        ...


class SameSource:
    """Relates the pairs that describe the same images: those of one source, in order.

    Only sources with several queries are remembered, two numbers a query; the pairs of any other
    source are all in the group itself.
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

    def of(self, group: PairGroup) -> Iterator[Sequence[int]]:
        """The other pairs of the group's source, in order."""
        spans = self._spans.get(group.facts.source_id)
        if spans is None:
            members = list(group.numbers)
        else:
            members = [
                number
                for start, stop in zip(spans[::2], spans[1::2], strict=True)
                for number in range(start, stop)
            ]
        place = members.index(group.first)
        for at in range(place, place + len(group.pairs)):
            yield members[:at] + members[at + 1 :]
