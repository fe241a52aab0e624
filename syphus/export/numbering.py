"""Which number each pair has: the order of queries, and of pairs within the reply.

Numbers follow from the data set alone, so they are the same on every run, whatever order the
replies came in.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from syphus.core.durable import read_json_list, without_surrogates
from syphus.core.records import QuestionAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFacts:
    """What the instruction file says of a query beside its pairs; `position` counts from 0."""

    query_id: str
    source_id: str
    image_ids: tuple[str, ...] = ()
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairGroup:
    """The pairs of one query; the first has the number `first`, counted from 1 over the set."""

    facts: QueryFacts
    first: int
    pairs: tuple[QuestionAnswer, ...]

    @property
    def numbers(self) -> range:
        """The number of each pair."""
        return range(self.first, self.first + len(self.pairs))


def pair_id(short: str, number: int) -> str:
    """`DC_INS_00001`; numbers over 99,999 take the digits they need."""
    return f"{short}_INS_{number:05d}"


def number_pairs(valid: Path, facts: Iterable[QueryFacts]) -> Iterator[PairGroup]:
    """Joins the records of `valid_output.json` with the facts of their queries.

    `facts` is in the order of the records and may name queries that gave none. Free text has no
    question and is left out.

    Raises ValueError where a record's query isn't among the facts, or not in that order.
    """
    remaining = iter(facts)
    first = 1
    for query_id, records in groupby(read_json_list(valid), key=itemgetter("id")):
        found = _find(query_id, remaining)
        pairs = tuple(
            QuestionAnswer(question=record["question"], answer=record["answer"])
            for record in records
            if "question" in record
        )
        if pairs:
            yield PairGroup(facts=found, first=first, pairs=pairs)
            first += len(pairs)


def _find(query_id: str, remaining: Iterator[QueryFacts]) -> QueryFacts:
    for facts in remaining:
        # The file holds ids as `dump` writes them.
        if without_surrogates(facts.query_id) == query_id:
            return facts
    raise ValueError(f"valid_output.json has {query_id!r} where no query of that id is left")
