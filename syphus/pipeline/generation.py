"""The first stage: queries become requests, replies become durable, then judged.

A query's state is one number in `offsets`: where its final outcome stands in the journal. That is
all that a query leaves in memory, also while it waits a day in a batch: what a reply without a pair
needs of its query is read back, and outputs are written from the journal by those offsets.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from syphus.core.errors import InputError, StoppedEarly
from syphus.core.records import Failure, QuestionAnswer, Reply
from syphus.pipeline.keeping import NOT_WRITTEN
from syphus.pipeline.plugin_calls import images_of, message_for, names_images, ready_pairs
from syphus.pipeline.stopping import stop_for
from syphus.pipeline.verdicts import Verdict, correction, judge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from syphus.core.images import SentImage
    from syphus.core.records import Pair, Query, Request
    from syphus.engine.asking import Asking
    from syphus.export.queries import QuerySpool
    from syphus.pipeline.judging import Judging
    from syphus.pipeline.keeping import Kept, StageJournal
    from syphus.pipeline.translating import Translating
    from syphus.pipeline.vision import Vision
    from syphus.plugins.dataset import AbstractDataset
    from syphus.prompting.messages import Assembler

UNANSWERED = NOT_WRITTEN
NOTHING_TO_ASK = -2
READY = -3
UNSENDABLE = -4
NOTHING_TO_ASK_FAILURE = Failure(
    kind="empty_query", message="there is nothing to ask about: the text is empty", attempts=0
)
# A thread is asked for queries: with 64 at a time the handing over took a third of a resume.
_CHUNK = 64
_RESTORED_CHUNK = 512
_CHUNK_SECONDS = 0.05
_TURN_SECONDS = 0.005
_MOST_AT_ONCE = 64
_READ_ON_SECONDS = 15.0
_LONGEST_REPEATED = 8000


@dataclass(slots=True, kw_only=True)
class Tally:
    """Queries by state.

    `redone_in_vain` counts those whose earlier reply stands because asking again failed.
    """

    read: int = 0
    restored: int = 0
    valid: int = 0
    invalid: int = 0
    failed: int = 0
    empty: int = 0
    pairs: int = 0
    redone_in_vain: int = 0


class Generation:
    """Feeds the engine, takes its outcomes and keeps the tally.

    `redo` asks once more for what earlier sittings left failed, truncated or invalid; until there
    is a new reply, the earlier outcome stands. `send=False` asks nothing: what the journal doesn't
    hold stays unanswered. `unsendable` are the queries, by id, whose images can't be sent.
    """

    def __init__(
        self,
        *,
        dataset: AbstractDataset,
        queries: Iterator[Query],
        assembler: Assembler,
        spool: QuerySpool,
        journal: StageJournal,
        following: Judging | Translating | None,
        max_reasks: int,
        total: int | None,
        redo: str | None = None,
        send: bool = True,
        vision: Vision | None = None,
    ) -> None:
        self.total = total
        self._exhausted = False
        self.offsets = array("q")
        self.tally = Tally()
        self._dataset = dataset
        self._names_images = names_images(dataset)
        self._queries = queries
        self._taken: deque[Query] = deque()
        self._assembler = assembler
        self._spool = spool
        self._outcomes = journal.index.outcomes
        self._reader = journal.reader
        self._following = following
        self._max_reasks = max_reasks
        self._redo = redo if send else None
        self._send = send
        self._vision = vision
        if vision is not None:
            vision.attach(spool)
        self.unsendable: dict[str, Failure] = {}
        self._redoing: set[int] = set()
        self._redo_left = False
        self._followed = 0
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
            while self._taken or await self._take():
                async for requests in _in_turns(self._first_requests()):
                    yield requests
            self.total = self.tally.read
            self._exhausted = True
            async for requests in _in_turns(self._second_requests()):
                yield requests
        except InputError as error:
            if not self._engine.counts.sent and self._engine.stopped_by is None:
                raise
            self._engine.stop(stop_for(error))
        except OSError as error:
            self._engine.stop(StoppedEarly(f"the queries can't be written down: {error}"))

    async def read_on(self) -> bool:
        """After a stop: finds the outcomes of earlier sittings that weren't reached.

        What was to be asked again and wasn't keeps its earlier outcome. False if that takes longer
        than `_READ_ON_SECONDS`, for a plugin may be slow or endless.
        """
        self._send = False
        for position in sorted(self._redoing):
            reply = self._reader.at(self.offsets[position]).reply
            verdict = judge(self._dataset, reply) if reply else None
            self._count(position, self._spool.at(position).id, verdict)
            self._redo_left = True
        self._redoing.clear()
        until = time.monotonic() + _READ_ON_SECONDS
        is_all = len(self._outcomes) <= self.tally.restored
        async for _ in self._rest() if is_all else self.requests():
            if time.monotonic() > until:
                return False
        return True

    async def _rest(self) -> AsyncIterator[Sequence[Request]]:
        with suppress(InputError):  # the run has another reason to stop already
            async for requests in _in_turns(self._second_requests()):
                yield requests

    async def _take(self) -> bool:
        """Takes the next chunk: short where the plugin is slow, so that asking doesn't wait.

        Queries that the journal has the answers to come by more at once: nobody waits for them.
        """
        is_restoring = len(self._outcomes) > self.tally.restored
        most = _RESTORED_CHUNK if is_restoring else _CHUNK
        self._taken.extend(await asyncio.to_thread(_take, self._queries, most, self._vision))
        return bool(self._taken)

    @property
    def is_whole(self) -> bool:
        """Whether every query has its final outcome, and what was to be asked again was."""
        tally = self.tally
        done = tally.valid + tally.invalid + tally.failed + tally.empty
        return self._exhausted and done == tally.read and not self._redo_left

    def _first_requests(self) -> Iterator[Sequence[Request]]:
        while self._taken:
            yield self._first_request(self._taken.popleft())

    def _first_request(self, query: Query) -> Sequence[Request]:
        position = len(self.offsets)
        text = message_for(self._dataset, query)
        if self._names_images:
            images_of(self._dataset, query)
        ready = ready_pairs(self._dataset, query)
        self._spool.add(query)
        self.tally.read += 1
        if ready is not None:
            self.offsets.append(READY)
            return self._take_ready(position, query, ready)
        look = partial(self._restore, query, text)
        images = self._vision.take(query, look) if self._vision else ()
        if isinstance(images, Failure):
            return self._refuse(query, images)
        if not (text.strip() or query.images or images):
            self.offsets.append(NOTHING_TO_ASK)
            self.tally.empty += 1
            return ()
        offset = self._restore(query, text, images)
        self.offsets.append(offset)
        if offset != UNANSWERED:
            self.tally.restored += 1
        elif self._send:
            return (self._assembler.ask(query.id, text, position=position, images=images),)
        return ()

    def _refuse(self, query: Query, failure: Failure) -> Sequence[Request]:
        """Leaves a query unasked whose images can't be sent; the next sitting looks again."""
        self.offsets.append(UNSENDABLE)
        self.unsendable[query.id] = failure
        self.tally.failed += 1
        return ()

    def _restore(self, query: Query, text: str, images: Sequence[SentImage]) -> int:
        """Where the journal has the outcome of a query's first request."""
        if not self._outcomes:
            return UNANSWERED
        key = int(self._assembler.key_of(query.id, text, images), 16)
        offset = self._outcomes.find(key)
        return UNANSWERED if offset is None else offset

    def _take_ready(self, position: int, query: Query, pairs: Sequence[Pair]) -> Sequence[Request]:
        self.tally.valid += 1
        self.tally.pairs += len(pairs)
        texts = _texts_of(pairs)
        return self._following.begin(position, query.id, texts) if self._following else ()

    def _second_requests(self) -> Iterator[Sequence[Request]]:
        """Judges what earlier sittings left, in order; asks again what gave no pair."""
        if not self.tally.restored:
            return
        queries = islice(self._spool.queries(), self._followed, len(self.offsets))
        for position, query in enumerate(queries, start=self._followed):
            self._followed = position + 1
            if 0 <= self.offsets[position] < self._restored_below:
                yield self._follow_up(position, query)

    def _follow_up(self, position: int, query: Query) -> list[Request]:
        """Walks from a query's first reply over its correcting turns to the last in the journal.

        Returns what is still to be asked: a correcting turn, the request to be redone, or
        translations.
        """
        verdict, request, is_redo = self._walk(position, query)
        is_gone = self._vision is not None and self._vision.is_gone(query)
        if request is None or is_gone or not self._send:
            self._redo_left |= is_redo and not is_gone
            return self._count(position, query.id, verdict)
        if is_redo:
            self._redoing.add(position)
        return [request]

    def _walk(self, position: int, query: Query) -> tuple[Verdict | None, Request | None, bool]:
        """The last verdict, the request that follows it, and whether that asks once more."""
        first = request = cut_off = None
        while True:
            record = self._reader.at(self.offsets[position])
            verdict = judge(self._dataset, record.reply) if record.reply else None
            is_due = record.kind == self._redo
            if not is_due and (verdict is None or verdict.is_valid):
                return verdict, None, False
            if first is None or request is None:
                text = message_for(self._dataset, query)
                first = request = self._assembler.ask(
                    query.id, text, position=position, images=record.images
                )
            if record.reply is None or verdict is None:
                return None, request, True
            if is_due and cut_off is None:
                cut_off = request
            again = self._ask_again(request, text, record.reply, verdict)
            offset = self._outcomes.find(int(again.key, 16)) if again else None
            if again is not None and offset is not None:
                request, self.offsets[position] = again, offset
                continue
            if cut_off is None and self._redo == "invalid" and again is None:
                cut_off = first
            return verdict, cut_off or again, cut_off is not None

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

    def _count(self, position: int, query_id: str, verdict: Verdict | None) -> list[Request]:
        """Takes note of a final verdict; returns what the next stage asks about its pairs."""
        if verdict is None:
            self.tally.failed += 1
            return []
        if not verdict.is_valid:
            self.tally.invalid += 1
            return []
        self.tally.valid += 1
        self.tally.pairs += verdict.pairs
        if self._following is None or verdict.parsed is None:
            return []
        return self._following.begin(position, query_id, verdict.parsed.pairs)

    def about(self, position: int) -> tuple[str, tuple[SentImage, ...]]:
        """What the model was told and shown about the query at a position."""
        images = self._reader.at(self.offsets[position]).images
        return message_for(self._dataset, self._spool.at(position)), images

    def pairs_of(self, position: int) -> Sequence[QuestionAnswer]:
        """The pairs of a valid query, read again. Raises PluginError as the plugin does."""
        offset = self.offsets[position]
        if offset == READY:
            return _texts_of(ready_pairs(self._dataset, self._spool.at(position)) or ())
        reply = self._reader.at(offset).reply
        parsed = judge(self._dataset, reply).parsed if reply else None
        return parsed.pairs if parsed else ()

    def take(self, kept: Kept) -> None:
        """Judges one outcome that is safe on the disk.

        A plugin that raises for it stops the sending; the reply stays in the journal.
        """
        position, outcome = kept.request.position, kept.outcome
        earlier = None
        if position in self._redoing:
            self._redoing.discard(position)
            earlier = self._reader.at(self.offsets[position]).reply
        try:
            if isinstance(outcome, Reply):
                self.offsets[position] = kept.offset
                self._judge(kept.request, outcome)
            elif earlier is not None:
                self.tally.redone_in_vain += 1
                self._settle(kept.request, judge(self._dataset, earlier))
            else:
                self.offsets[position] = kept.offset
                self.tally.failed += 1
        except (InputError, OSError) as error:
            self._engine.stop(stop_for(error))
        self._engine.settle()

    def _judge(self, request: Request, reply: Reply) -> None:
        verdict, text = judge(self._dataset, reply), ""
        if not verdict.is_valid and request.turn < self._max_reasks:
            text = message_for(self._dataset, self._spool.at(request.position))
        again = self._ask_again(request, text, reply, verdict)
        if again is None:
            self._settle(request, verdict)
        else:
            self._engine.submit(again)

    def _settle(self, request: Request, verdict: Verdict) -> None:
        for each in self._count(request.position, request.query_id, verdict):
            self._engine.submit(each)


def _texts_of(pairs: Sequence[Pair]) -> list[QuestionAnswer]:
    return [QuestionAnswer(question=p.instruction, answer=p.answer) for p in pairs]


def _take(queries: Iterator[Query], most: int, vision: Vision | None) -> list[Query]:
    until = time.monotonic() + _CHUNK_SECONDS
    chunk = []
    for query in islice(queries, most):
        chunk.append(query)
        if time.monotonic() > until:
            break
    return chunk if vision is None else vision.prepare(chunk)


async def _in_turns(found: Iterator[Sequence[Request]]) -> AsyncIterator[Sequence[Request]]:
    """What is found, a few milliseconds at a time: in between, sending and answers go on."""
    requests: list[Request] = []
    until = time.monotonic() + _TURN_SECONDS
    for more in found:
        requests += more
        if len(requests) >= _MOST_AT_ONCE or time.monotonic() > until:
            yield requests
            await asyncio.sleep(0)
            requests = []
            until = time.monotonic() + _TURN_SECONDS
    yield requests
