"""Writes a run's files from its journal, query by query in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.export.instructions import InstructionsMeta
from syphus.export.mimicit import write_mimicit
from syphus.export.numbering import QueryFacts
from syphus.export.results import VALID, Answered, write_results
from syphus.pipeline.generation import NOTHING_TO_ASK, NOTHING_TO_ASK_FAILURE, UNANSWERED
from syphus.pipeline.plugin_calls import images_of
from syphus.pipeline.verdicts import judge

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator
    from pathlib import Path

    from syphus.core.records import Query
    from syphus.export.queries import QuerySpool
    from syphus.export.results import ResultCounts
    from syphus.journal.reader import JournalReader
    from syphus.plugins.dataset import AbstractDataset

AUTHOR = "Syphus"


def write_outputs(
    folder: Path,
    *,
    dataset: AbstractDataset,
    spool: QuerySpool,
    offsets: array[int],
    reader: JournalReader,
    version: str,
    time: str,
) -> ResultCounts:
    """Writes the result lists and the MIMIC-IT files; `time` stands in their head.

    Replies are read and judged again: nothing of them was kept in memory.
    """
    spool.finish()
    answers = (
        _answered(dataset, query, offset, reader)
        for query, offset in zip(spool.queries(), offsets, strict=True)
        if offset != UNANSWERED
    )
    counts = write_results(folder, answers)
    if not dataset.free_text:
        write_mimicit(
            folder,
            short=dataset.short,
            valid=folder / VALID,
            facts=lambda: _facts(dataset, spool),
            meta=InstructionsMeta(version=version, time=time, author=AUTHOR),
        )
    return counts


def _facts(dataset: AbstractDataset, spool: QuerySpool) -> Iterator[QueryFacts]:
    for query in spool.queries():
        yield QueryFacts(
            query_id=query.id, source_id=query.source_id, image_ids=images_of(dataset, query)
        )


def _answered(
    dataset: AbstractDataset, query: Query, offset: int, reader: JournalReader
) -> Answered:
    if offset == NOTHING_TO_ASK:
        return Answered(query=query, failure=NOTHING_TO_ASK_FAILURE)
    record = reader.at(offset)
    if record.reply is None:
        return Answered(query=query, failure=record.failure)
    verdict = judge(dataset, record.reply)
    return Answered(query=query, parsed=verdict.parsed, free_text=verdict.free_text)
