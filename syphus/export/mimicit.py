"""The MIMIC-IT files of a run: English instructions, and which instructions are related."""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from syphus.core.durable import replacing
from syphus.core.records import Pair
from syphus.export.entries import EntryWriter
from syphus.export.instructions import InstructionsMeta, instructions_file
from syphus.export.numbering import QueryFacts, number_pairs, pair_id
from syphus.export.relations import Relations, SameSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_REMEMBERED_IDS = 1 << 12


def instructions_path(folder: Path, short: str) -> Path:
    """Where the instructions of the data set named `short` stand."""
    return folder / f"{short}_instructions.json"


def train_path(folder: Path, short: str) -> Path:
    """Where the related ids of each instruction stand."""
    return folder / f"{short}_train.json"


def write_mimicit(
    folder: Path,
    *,
    short: str,
    valid: Path,
    facts: Callable[[], Iterable[QueryFacts]],
    meta: InstructionsMeta,
) -> int:
    """Writes `<SHORT>_instructions.json` and `<SHORT>_train.json`; gives the number of pairs.

    `valid` is the run's `valid_output.json`. `facts` opens the queries' facts, in the order of
    that file, and is called up to three times. Memory grows only with the queries of sources that
    were asked about more than once: two numbers each.

    Raises ValueError where `valid` has a query that the facts don't have in its place; the
    earlier files then stay as they were.
    """
    relations = SameSource(valid, facts)
    with (
        instructions_file(instructions_path(folder, short), meta) as instructions,
        _train_file(train_path(folder, short)) as train,
    ):
        for pair in _pairs(short, valid, facts(), relations):
            instructions.add(pair)
            train.add(pair.id, pair.related_ids)
        return instructions.count


def _pairs(
    short: str, valid: Path, facts: Iterable[QueryFacts], relations: Relations
) -> Iterator[Pair]:
    @lru_cache(maxsize=_REMEMBERED_IDS)
    def name(number: int) -> str:
        return pair_id(short, number)

    for group in number_pairs(valid, facts):
        rows = zip(group.numbers, group.pairs, relations.of(group), strict=True)
        for number, pair, related in rows:
            yield Pair(
                id=name(number),
                query_id=group.facts.query_id,
                instruction=pair.question,
                answer=pair.answer,
                image_ids=group.facts.image_ids,
                related_ids=tuple(map(name, related)),
            )


@contextmanager
def _train_file(path: Path) -> Iterator[EntryWriter]:
    with replacing(path) as file:
        entries = EntryWriter(file)
        yield entries
        entries.close()
        file.write(b"\n")
