"""The first stage: queries become requests, replies become durable, then judged.

A query's state is one number in `offsets`: where its final outcome stands in the journal. That is
all that a finished query leaves in memory; outputs are written from the journal by those offsets.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from syphus.core.errors import InputError, StoppedEarly
from syphus.core.records import Failure, QuestionAnswer, Reply
from syphus.pipeline.keeping import NOT_WRITTEN
from syphus.pipeline.plugin_calls import images_of, message_for, ready_pairs
from syphus.pipeline.verdicts import Verdict, correction, judge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from syphus.core.records import Pair, Query, Request
    from syphus.engine.asking import Asking
    from syphus.export.queries import QuerySpool
    from syphus.pipeline.keeping import Kept, StageJournal
    from syphus.pipeline.translating import Translating
    from syphus.plugins.dataset import AbstractDataset
    from syphus.prompting.messages import Assembler

UNANSWERED = NOT_WRITTEN
NOTHING_TO_ASK = -2
READY = -3
NOTHING_TO_ASK_FAILURE = Failure(
    kind="empty_query", message="there is nothing to ask about: the text is empty", attempts=0
)
_CHUNK = 64
_CHUNK_SECONDS = 0.05
_READ_ON_SECONDS = 15.0
_LONGEST_REPEATED = 8000


@dataclass(slots=True, kw_only=True)
class Tally:
    """Queries by state."""

    read: int = 0
    restored: int = 0
    valid: int = 0
    invalid: int = 0
    failed: int = 0
    empty: int = 0
    pairs: int = 0


class Generation:
    """Feeds the engine, takes its outcomes and keeps the tally.

    `send=False` asks nothing: what the journal doesn't hold stays unanswered.
    """

    def __init__(
        self,
        *,
        dataset: AbstractDataset,
        queries: Iterator[Query],
        assembler: Assembler,
        spool: QuerySpool,
        journal: StageJournal,
        translating: Translating | None,
        max_reasks: int,
        total: int | None,
        redo_invalid: bool = False,
        send: bool = True,
    ) -> None:
        self.total = total
        self._exhausted = False
        self.offsets = array("q")
        self.tally = Tally()
        self._dataset = dataset
        self._queries = queries
        self._assembler = assembler
        self._spool = spool
        self._outcomes = journal.index.outcomes
        self._reader = journal.reader
        self._translating = translating
        self._max_reasks = max_reasks
        self._redo_invalid = redo_invalid
        self._send = send
        self._asking: dict[int, Query] = {}
        self._restored_below = journal.index.whole_bytes
        self._engine: Asking

    def attach(self, engine: Asking) -> None:
        """Names the engine that asks; before anything runs."""
        self._engine = engine

    async def requests(self) -> AsyncIterator[Sequence[Request]]:
        """What is to be asked, in chunks: new queries first, then what must be asked again.

        An error of the plugin in mid-run stops the sending; what was answered stays.
        """
        try:
            while chunk := await asyncio.to_thread(_take, self._queries):
                yield list(self._first_requests(chunk))
            self.total = self.tally.read
            self._exhausted = True
            for requests in self._second_requests():
                yield requests
                await asyncio.sleep(0)
        except InputError as error:
            if not self._engine.counts.sent and self._engine.stopped_by is None:
                raise
            self._engine.stop(_stop_for(error))
        except OSError as error:
            self._engine.stop(StoppedEarly(f"the queries can't be written down: {error}"))

    async def read_on(self) -> bool:
        """After a stop: finds the outcomes of earlier sittings that weren't reached.

        False if that takes longer than `_READ_ON_SECONDS`, for a plugin may be slow or endless.
        """
        self._send = False
        if not self._outcomes:
            return True
        until = time.monotonic() + _READ_ON_SECONDS
        async for _ in self.requests():
            if time.monotonic() > until:
                return False
        return True

    @property
    def is_exhausted(self) -> bool:
        """Whether every query of the data set was read."""
        return self._exhausted

    def _first_requests(self, chunk: Sequence[Query]) -> Iterator[Request]:
        for query in chunk:
            position = len(self.offsets)
            text = message_for(self._dataset, query)
            images_of(self._dataset, query)
            self._spool.add(query)
            self.tally.read += 1
            if (ready := ready_pairs(self._dataset, query)) is not None:
                self.offsets.append(READY)
                yield from self._take_ready(position, query, ready)
                continue
            if not text.strip() and not query.images:
                self.offsets.append(NOTHING_TO_ASK)
                self.tally.empty += 1
                continue
            request = self._assembler.ask(query.id, text, position=position)
            offset = self._outcomes.get(int(request.key, 16))
            if offset is not None:
                self.offsets.append(offset)
                self.tally.restored += 1
                continue
            self.offsets.append(UNANSWERED)
            if self._send:
                self._asking[position] = query
                yield request

    def _take_ready(self, position: int, query: Query, pairs: Sequence[Pair]) -> Iterator[Request]:
        self.tally.valid += 1
        self.tally.pairs += len(pairs)
        if self._translating is not None:
            texts = [QuestionAnswer(question=p.instruction, answer=p.answer) for p in pairs]
            yield from self._translating.begin(position, query.id, texts)

    def _second_requests(self) -> Iterator[list[Request]]:
        """Judges what earlier sittings left, in order; asks again what gave no pair."""
        if not self.tally.restored:
            return
        requests: list[Request] = []
        queries = islice(self._spool.queries(), len(self.offsets))
        for position, query in enumerate(queries):
            if 0 <= self.offsets[position] < self._restored_below:
                requests += self._follow_up(position, query)
            if position % _CHUNK == 0:
                yield requests
                requests = []
        yield requests

    def _follow_up(self, position: int, query: Query) -> list[Request]:
        """Walks from a query's first reply over its correcting turns to the last in the journal.

        Returns what is still to be asked: a correcting turn, or translations.
        """
        text = message_for(self._dataset, query)
        first = request = self._assembler.ask(query.id, text, position=position)
        while True:
            record = self._reader.at(self.offsets[position])
            if record.reply is None:
                self.tally.failed += 1
                return []
            verdict = judge(self._dataset, record.reply)
            again = self._ask_again(request, text, record.reply, verdict)
            offset = self._outcomes.get(int(again.key, 16)) if again else None
            if again is not None and offset is not None:
                request, self.offsets[position] = again, offset
                continue
            if self._send and not verdict.is_valid and (again or self._redo_invalid):
                self._asking[position] = query
                return [again or first]
            return self._count(position, query, verdict)

    def _ask_again(
        self, request: Request, text: str, reply: Reply, verdict: Verdict
    ) -> Request | None:
        if verdict.is_valid or verdict.parsed is None or request.turn >= self._max_reasks:
            return None
        return self._assembler.ask_again(
            request,
            text,
            reply=(reply.text or "")[:_LONGEST_REPEATED],
            correction=correction(self._dataset, verdict.parsed),
            turn=request.turn + 1,
        )

    def _count(self, position: int, query: Query, verdict: Verdict) -> list[Request]:
        """Takes note of a final verdict; returns the translations that it gives rise to."""
        if not verdict.is_valid:
            self.tally.invalid += 1
            return []
        self.tally.valid += 1
        self.tally.pairs += verdict.pairs
        if self._translating is None or verdict.parsed is None:
            return []
        return self._translating.begin(position, query.id, verdict.parsed.pairs)

    def take(self, kept: Kept) -> None:
        """Judges one outcome that is safe on the disk.

        A plugin that raises for it stops the sending; the reply stays in the journal.
        """
        request, outcome = kept.request, kept.outcome
        self.offsets[request.position] = kept.offset
        query = self._asking.pop(request.position)
        try:
            if isinstance(outcome, Failure):
                self.tally.failed += 1
            else:
                self._judge(request, query, outcome)
        except InputError as error:
            self._engine.stop(_stop_for(error))
        self._engine.settle()

    def _judge(self, request: Request, query: Query, reply: Reply) -> None:
        verdict = judge(self._dataset, reply)
        text = "" if verdict.is_valid else message_for(self._dataset, query)
        again = self._ask_again(request, text, reply, verdict)
        if again is None:
            for each in self._count(request.position, query, verdict):
                self._engine.submit(each)
        else:
            self._asking[request.position] = query
            self._engine.submit(again)


def _stop_for(error: InputError) -> StoppedEarly:
    stop = StoppedEarly(f"{error}. What was answered is kept")
    stop.__cause__ = error
    return stop


def _take(queries: Iterator[Query]) -> list[Query]:
    """The next chunk: short where the plugin is slow, so that asking doesn't wait for it."""
    until = time.monotonic() + _CHUNK_SECONDS
    chunk = []
    for query in islice(queries, _CHUNK):
        chunk.append(query)
        if time.monotonic() > until:
            break
    return chunk
