"""Which pairs belong together."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import chain, islice
from typing import TYPE_CHECKING, Protocol

from syphus.export.numbering import number_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from pathlib import Path

    from syphus.export.numbering import QueryFacts


# MIMIC-IT's trainers put all related pairs before a pair, into a text of 1,024 to 2,048 tokens: a
# few dozen fit. Without a bound, the ids of a source with n pairs would be n squared.
MOST_RELATED = 100


# Ten million queries take a thirtieth of its bits.
_TABLE_BYTES = 1 << 25


def nearest(numbers: Sequence[int], at: int) -> list[int]:
    """The up to `MOST_RELATED` numbers nearest to the one at index `at`, which is left out."""
    if len(numbers) <= MOST_RELATED:
        return [*numbers[:at], *numbers[at + 1 :]]
    start = max(0, min(at - MOST_RELATED // 2, len(numbers) - MOST_RELATED - 1))
    return [*numbers[start:at], *numbers[at + 1 : start + MOST_RELATED + 1]]


class Relations(Protocol):
    """A strategy: which pairs the pairs of one query are related to."""

    def related(self, facts: QueryFacts, numbers: range) -> Iterable[Sequence[int]]:
        """For each of the query's pairs, of these numbers, the numbers it is related to, in order.

        Up to `MOST_RELATED` each; never itself, and none that doesn't exist.
        """
        ...


class EachAlone:
    """For data sets that ask about each image once: the pairs of a query are related."""

    def related(self, facts: QueryFacts, numbers: range) -> Iterable[Sequence[int]]:
        """The query's other pairs."""
        del facts
        every = list(numbers)
        return [nearest(every, at) for at in range(len(every))]


class PreviousTurns:
    """For conversations: a turn is related to those before it, which it may speak of.

    `turns` is how many pairs make a conversation where a reply holds several; 0: all of them.
    """

    def __init__(self, turns: int = 0) -> None:
        self._turns = turns

    def related(self, facts: QueryFacts, numbers: range) -> Iterable[Sequence[int]]:
        """The earlier pairs of the conversation, the latest of them."""
        del facts
        turns = self._turns or max(1, len(numbers))
        if len(numbers) % turns:
            # One was rejected, so nobody knows any more where a conversation begins.
            return ((),) * len(numbers)
        starts = ((at // turns * turns, at) for at in range(len(numbers)))
        return (numbers[max(start, at - MOST_RELATED) : at] for start, at in starts)


class Grouping(Protocol):
    """Which queries are about the same thing."""

    def key(self, facts: QueryFacts) -> Hashable:
        """Equal for queries about the same thing."""
        ...

    def may_repeat(self, facts: QueryFacts) -> bool:
        """False where no other query is about the same; true may be an error."""
        ...


class BySource:
    """Queries that the annotations call by one id."""

    def __init__(self, facts: Iterable[QueryFacts]) -> None:
        # Ids of queries are unique, so of several queries of one source all but one are renamed.
        self._repeated = {each.source_id for each in facts if each.query_id != each.source_id}

    def key(self, facts: QueryFacts) -> Hashable:
        """The source's id."""
        return facts.source_id

    def may_repeat(self, facts: QueryFacts) -> bool:
        """Exact."""
        return facts.source_id in self._repeated


class ByImages:
    """Queries whose pairs belong to the same images in the same order.

    A table of bits, one byte for eight hashes, tells which keys come twice: 32 MiB however many
    queries there are. Of ten million, one in thirty is taken for repeated and costs a little.
    """

    def __init__(self, facts: Iterable[QueryFacts]) -> None:
        seen = bytearray(_TABLE_BYTES)
        self._repeated: set[int] = set()
        for each in facts:
            place = self._place(each)
            if seen[place >> 3] & 1 << (place & 7):
                self._repeated.add(place)
            seen[place >> 3] |= 1 << (place & 7)

    def __bool__(self) -> bool:
        return bool(self._repeated)

    def key(self, facts: QueryFacts) -> Hashable:
        """The images; a query without images stands for its source."""
        return facts.image_ids or facts.source_id

    def may_repeat(self, facts: QueryFacts) -> bool:
        """True for all that repeat, and a few more."""
        return self._place(facts) in self._repeated

    def _place(self, facts: QueryFacts) -> int:
        return hash(self.key(facts)) % (_TABLE_BYTES * 8)


class SameSource:
    """Relates the pairs that describe the same images: those of one group of queries, in order.

    Only groups of several queries are remembered, two numbers a query; the pairs of any other are
    all in one query.
    """

    def __init__(
        self, valid: Path, facts: Callable[[], Iterable[QueryFacts]], grouping: Grouping
    ) -> None:
        self._grouping = grouping
        self._spans: dict[Hashable, array[int]] = {}
        for group in number_pairs(valid, facts()):
            if grouping.may_repeat(group.facts):
                spans = self._spans.setdefault(grouping.key(group.facts), array("I"))
                spans.extend((group.numbers.start, group.numbers.stop))

    def related(self, facts: QueryFacts, numbers: range) -> Iterable[Sequence[int]]:
        """The other pairs of the group, the nearest of them."""
        before, behind = self._around(facts, numbers.start)
        group = [*before, *numbers, *behind]
        return (nearest(group, len(before) + at) for at in range(len(numbers)))

    def _around(self, facts: QueryFacts, first: int) -> tuple[Sequence[int], Sequence[int]]:
        """Up to `MOST_RELATED` on either side of the query whose first pair is `first`."""
        if not self._grouping.may_repeat(facts):
            return (), ()
        spans = self._spans[self._grouping.key(facts)]
        queries = range(0, len(spans), 2)
        own = bisect_left(queries, first, key=spans.__getitem__)
        behind = _some(range(*spans[at : at + 2]) for at in queries[own + 1 :])
        before = _some(reversed(range(*spans[at : at + 2])) for at in reversed(queries[:own]))
        return before[::-1], behind


def _some(spans: Iterable[Iterable[int]]) -> list[int]:
    return list(islice(chain.from_iterable(spans), MOST_RELATED))
