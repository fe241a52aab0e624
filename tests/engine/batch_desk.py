"""A run by batches over several sittings, with an endpoint and a journal in memory."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from syphus.core.batches import BatchLine, BatchOutcome, BatchState
from syphus.core.deployments import Deployment
from syphus.core.errors import (
    BadRequest,
    QuotaUsedUp,
    RequestError,
    UnsupportedParameter,
)
from syphus.core.records import Failure, Reply, Request, Usage
from syphus.engine.batch_lines import (
    FactsReader,
    KeptIds,
    short_id,
)
from syphus.engine.batching import STRAY, BatchEngine
from syphus.engine.budget import Budget
from tests.engine.conftest import RATES, request

USAGE = Usage(prompt_tokens=50, completion_tokens=50)
# What one request may cost: 256 bytes that the server adds, 2 of messages, 100 of completion.
MOST = 3.58
COST = 1.0
Verdict = Callable[[Request, int], RequestError | None]


def answers(_request: Request, _attempt: int) -> RequestError | None:
    """Every line is answered."""
    return None


@dataclass
class Chunk:
    name: str
    lines: list[BatchLine] = field(default_factory=list)
    given: bool = False


@dataclass
class Remote:
    """A backend and what it has on the disk: a new engine on it is the next sitting.

    Batches end one after the other as soon as they are sent off, unless `is_slow`. A chunk is
    closed at `most` lines.
    """

    verdict: Verdict = answers
    most: int = 1000
    is_slow: bool = False
    refuses: RequestError | None = None
    closed: list[Chunk] = field(default_factory=list)
    filling: Chunk | None = None
    gone: list[str] = field(default_factory=list)
    costs: dict[str, float | None] = field(default_factory=dict)
    sent: list[list[str]] = field(default_factory=list)
    too_large: frozenset[int] = frozenset()
    usage: Usage = USAGE

    def __post_init__(self) -> None:
        self.changed = asyncio.Event()

    def restart(self) -> None:
        """What is left after a kill: chunks that were closed and not let go, to be given anew."""
        self.filling = None
        self.changed = asyncio.Event()
        self.closed = [chunk for chunk in self.closed if chunk.name not in self.gone]
        for chunk in self.closed:
            chunk.given = False

    def add(self, line: BatchLine) -> None:
        if FactsReader().read(line.facts, sitting="").request.position in self.too_large:
            raise BadRequest("too large for any batch")
        assert not self.holds(line.custom_id), "one attempt is sent twice"
        self.filling = self.filling or Chunk(f"{len(self.sent):04}")
        self.filling.lines.append(line)
        if len(self.filling.lines) == self.most:
            self.flush()

    def flush(self) -> None:
        if self.filling is not None:
            self.closed.append(self.filling)
            self.sent.append([line.custom_id for line in self.filling.lines])
            self.filling = None
            self.changed.set()

    @property
    def chunks(self) -> list[Chunk]:
        return self.closed + ([self.filling] if self.filling else [])

    @property
    def outstanding(self) -> int:
        return sum(len(chunk.lines) for chunk in self.chunks if not chunk.given)

    def holds(self, custom_id: str) -> bool:
        return any(
            line.custom_id == custom_id
            for chunk in self.chunks
            if not chunk.given
            for line in chunk.lines
        )

    async def outcomes(self) -> AsyncIterator[Sequence[BatchOutcome]]:
        while True:
            if self.refuses is not None:
                raise self.refuses
            chunk = next((chunk for chunk in self.closed if not chunk.given), None)
            if chunk is None or self.is_slow:
                self.changed.clear()
                await self.changed.wait()
                continue
            chunk.given = True
            found = [self.outcome(chunk, line) for line in chunk.lines]
            found[-1] = replace(found[-1], is_last=True)
            middle = len(found) // 2
            yield found[:middle]
            yield found[middle:]

    def outcome(self, chunk: Chunk, line: BatchLine) -> BatchOutcome:
        facts = FactsReader().read(line.facts, sitting="")
        error = self.verdict(facts.request, facts.tries.sent)
        reply = Reply(
            text=facts.request.query_id,
            finish_reason="stop",
            usage=self.usage,
            latency=0.0,
            deployment="d",
            attempt=1,
            cost=RATES.cost(self.usage),
        )
        return BatchOutcome(
            custom_id=line.custom_id,
            facts=line.facts,
            reply=None if error else reply,
            error=error,
            most_cost=line.most_cost,
            batch=chunk.name,
        )

    def durable(self, batch: str, *, cost: float | None) -> None:
        self.costs[batch] = cost
        assert batch not in self.gone
        self.gone.append(batch)

    async def give_up_unsent(self, is_wanted: Callable[[str], bool]) -> int:
        """What is closed is sent at once here."""
        del is_wanted
        return 0

    async def cancel(self) -> None:
        self.is_slow = False

    def states(self) -> Sequence[BatchState]:
        return []


@dataclass
class Journal:
    """A sink that stores and settles at once, and remembers over sittings."""

    replies: dict[int, list[Reply]] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    follow_up: Callable[[Request], list[Request]] = lambda _: []
    stores: bool = True
    engine: BatchEngine | None = None

    def sending(self, request: Request, *, attempt: int, deployment: str, most_cost: float) -> bool:
        assert attempt >= 1
        assert deployment == "d"
        assert most_cost > 0
        self.sent.append(request.position)
        return True

    def not_billed(self, request: Request) -> None:
        raise AssertionError(request)

    def maybe_billed(self, request: Request, *, most_cost: float) -> None:
        assert most_cost > 0
        self.lost.append(request.position)

    def replied(self, request: Request, reply: Reply) -> None:
        self.replies.setdefault(request.position, []).append(reply)
        self.store(request)

    def failed(self, request: Request, failure: Failure) -> None:
        assert request.position not in self.failures
        self.failures[request.position] = failure
        self.store(request)

    def store(self, request: Request) -> None:
        assert self.engine is not None
        if self.stores:
            self.engine.stored(request)
        if request.position != STRAY:
            for each in self.follow_up(request):
                self.engine.submit(each)
            self.engine.settle()

    @property
    def kept(self) -> KeptIds:
        """The custom ids of what it has."""
        found = [reply.headers["custom_id"] for each in self.replies.values() for reply in each]
        return KeptIds(array("Q", sorted(map(short_id, found))))


@dataclass
class Words:
    """Names the wording by what was learnt."""

    refusals: int = 0

    def write(self, request: Request) -> tuple[str, bytes]:
        del request
        return str(self.refusals), b"{}"

    def learn(self, wording: str, error: RequestError) -> bool:
        if not isinstance(error, UnsupportedParameter):
            return False
        self.refusals += wording == str(self.refusals)
        return self.refusals < 3


@dataclass
class Desk:
    """One run over several sittings."""

    remote: Remote = field(default_factory=Remote)
    journal: Journal = field(default_factory=Journal)
    words: Words = field(default_factory=Words)
    notices: list[str] = field(default_factory=list)

    def engine(self, **more: Any) -> BatchEngine:
        engine = BatchEngine(
            self.remote,
            self.journal,
            run_name="r",
            deployment=Deployment(
                name="d", api_type="openai", base_url="http://x", model="m", rates=RATES
            ),
            wording=self.words,
            kept=self.journal.kept,
            on_notice=self.notices.append,
            **{"quiet": 0.05, "patience": 0.2, "budget": Budget(None)} | more,
        )
        self.journal.engine = engine
        return engine

    def sit(
        self,
        wanted: Iterable[int],
        *,
        stop_after: float | None = None,
        moved: int = 0,
        **more: Any,
    ) -> BatchEngine:
        """One sitting that asks what has no outcome yet, at positions `moved` on."""

        async def go() -> BatchEngine:
            self.remote.restart()
            engine = self.engine(**more)
            if stop_after is not None:
                loop = asyncio.get_running_loop()
                loop.call_later(stop_after, engine.stop, QuotaUsedUp("enough"))
            async with asyncio.timeout(10):
                await engine.run(self.source(wanted, moved))
            return engine

        return asyncio.run(go())

    async def source(self, wanted: Iterable[int], moved: int) -> AsyncIterator[Sequence[Request]]:
        for number in wanted:
            if number not in self.journal.replies and number not in self.journal.failures:
                yield [replace(request(number), position=number + moved)]
            await asyncio.sleep(0)
