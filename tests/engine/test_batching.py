from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.batches import BatchLine, BatchOutcome, BatchState
from syphus.core.deployments import Deployment
from syphus.core.errors import (
    AccessDenied,
    BadRequest,
    ContentFiltered,
    QuotaUsedUp,
    RequestError,
    RetryableError,
    ServerFailed,
    UnsupportedParameter,
)
from syphus.core.prices import Rates
from syphus.core.records import Failure, Reply, Request, RequestShape, Sampling, Usage
from syphus.engine.batch_lines import (
    FactsReader,
    KeptIds,
    LineFacts,
    custom_id,
    encode_facts,
    name_of,
    short_id,
)
from syphus.engine.batching import STRAY, BatchEngine
from syphus.engine.budget import Budget
from syphus.engine.retry import Tries

SHAPE = RequestShape(model="m", sampling=Sampling(max_tokens=100))
USAGE = Usage(prompt_tokens=50, completion_tokens=50)
RATES = Rates(prompt=0.01, completion=0.01, cached=0.005)
# What one request may cost: 256 bytes that the server adds, 2 of messages, 100 of completion.
MOST = 3.58
COST = 1.0
Verdict = Callable[[Request, int], RequestError | None]


def request(number: int) -> Request:
    """One of many requests."""
    return Request(
        key=f"{number:032x}",
        identity=f"b2:{number}",
        query_id=str(number),
        stage="generate",
        shape=SHAPE,
        messages=b"[]",
        prompt_tokens=100,
        position=number,
    )


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

    def durable(self, batch: str) -> None:
        assert batch not in self.gone
        self.gone.append(batch)

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


@pytest.fixture
def desk() -> Desk:
    """A run that has not begun."""
    return Desk()


def test_every_request_is_answered_once_in_as_few_batches_as_fit(desk: Desk) -> None:
    """Full chunks go at once, the rest when the source is at its end; all are let go."""
    desk.remote.most = 40
    engine = desk.sit(range(100))
    assert {at: len(found) for at, found in desk.journal.replies.items()} == dict.fromkeys(
        range(100), 1
    )
    assert list(map(len, desk.remote.sent)) == [40, 40, 20]
    assert desk.remote.gone == ["0000", "0001", "0002"]
    assert (engine.counts.sent, engine.counts.replied, engine.in_flight) == (100, 100, 0)
    assert engine.stopped_by is None


def test_what_replies_give_rise_to_goes_into_a_batch_of_its_own(desk: Desk) -> None:
    """Forty replies of one batch give forty translations in one batch, not in forty."""
    desk.remote.most = 40
    desk.journal.follow_up = lambda each: (
        [request(each.position + 1000)] if each.position < 1000 else []
    )
    desk.sit(range(40))
    assert list(map(len, desk.remote.sent)) == [40, 40]
    assert len(desk.journal.replies) == 80


def test_failed_lines_are_asked_again_in_the_next_batch(desk: Desk) -> None:
    """What a batch left unanswered is sent again under another custom id, in one batch."""
    desk.remote.verdict = lambda each, attempt: (
        RetryableError("batch_expired") if each.position % 3 == 0 and attempt == 1 else None
    )
    engine = desk.sit(range(90))
    assert list(map(len, desk.remote.sent)) == [90, 30]
    assert len({custom for sent in desk.remote.sent for custom in sent}) == 120
    assert {reply.attempt for reply in desk.journal.replies[3]} == {2}
    assert engine.counts.retried == 30
    assert desk.remote.gone == ["0000", "0001"]


def test_a_line_that_fails_for_ever_is_given_up(desk: Desk) -> None:
    """While others are answered, a request is tried a bounded number of times."""
    desk.remote.verdict = lambda each, _: ServerFailed("500") if each.position == 7 else None
    desk.sit(range(10))
    assert desk.journal.failures[7].kind == "server_failed"
    assert 1 < desk.journal.failures[7].attempts == len(desk.remote.sent) <= 12
    assert len(desk.journal.replies) == 9


def test_lines_that_never_came_back_may_have_been_billed(desk: Desk) -> None:
    """Three tries that may each have cost money are the most, and the budget counts them."""
    desk.remote.verdict = lambda each, _: (
        RetryableError("no line", maybe_billed=True) if each.position == 1 else None
    )
    engine = desk.sit(range(3))
    assert desk.journal.lost == [1, 1, 1]
    assert desk.journal.failures[1].maybe_billed
    assert engine.budget.spent == pytest.approx(2 * COST + 3 * MOST)


def test_a_refused_request_fails_alone(desk: Desk) -> None:
    """A refusal of one line is that request's, whatever it is that comes first."""
    desk.remote.verdict = lambda each, _: ContentFiltered("no") if each.position < 30 else None
    desk.sit(range(40))
    assert sorted(desk.journal.failures) == list(range(30))
    assert desk.remote.gone == ["0000"]


def test_a_chunk_that_is_refused_as_a_whole_stops_the_run(desk: Desk) -> None:
    """No query is given up for what is wrong with all; mended, they are asked again."""
    desk.remote.verdict = lambda _request, _attempt: BadRequest("no such thing")
    engine = desk.sit(range(40))
    assert "refused the first 40" in str(engine.stopped_by)
    assert desk.journal.failures == {}
    assert desk.remote.gone == ["0000"]
    desk.remote.verdict = answers
    assert desk.sit(range(40)).stopped_by is None
    assert len(desk.journal.replies) == 40


def test_quota_in_lines_stops_after_the_chunk(desk: Desk) -> None:
    """What was answered is kept, the chunk is let go, and the next sitting asks the rest."""
    desk.remote.verdict = lambda each, _: QuotaUsedUp("paid up") if each.position > 4 else None
    engine = desk.sit(range(10))
    assert isinstance(engine.stopped_by, QuotaUsedUp)
    assert sorted(desk.journal.replies) == list(range(5))
    assert desk.remote.gone == ["0000"]
    desk.remote.verdict = answers
    desk.sit(range(10))
    assert [len(desk.journal.replies[at]) for at in range(10)] == [1] * 10


def test_an_endpoint_that_refuses_all_stops_the_run(desk: Desk) -> None:
    """Nothing is lost by it: the chunk is found again."""
    desk.remote.refuses = AccessDenied("401")
    assert isinstance(desk.sit(range(10)).stopped_by, AccessDenied)
    desk.remote.refuses = None
    desk.sit(range(10))
    assert list(map(len, desk.remote.sent)) == [10]
    assert len(desk.journal.replies) == 10


def test_other_words_are_tried_in_the_next_batch(desk: Desk) -> None:
    """A parameter that the endpoint refuses costs no request one of its tries."""
    desk.remote.verdict = lambda _, attempt: (
        UnsupportedParameter("max_tokens", param="max_tokens") if attempt < 3 else None
    )
    desk.sit(range(30))
    assert desk.words.refusals == 2
    assert list(map(len, desk.remote.sent)) == [30, 30, 30]
    assert desk.journal.failures == {}


def test_a_line_too_large_for_any_batch_fails(desk: Desk) -> None:
    """The others go."""
    desk.remote.too_large = frozenset({3})
    engine = desk.sit(range(5))
    assert desk.journal.failures[3].kind == "bad_request"
    assert len(desk.journal.replies) == 4
    assert engine.budget.spent == pytest.approx(4 * COST)


def test_a_stop_leaves_batches_alone_and_the_next_sitting_finds_them(desk: Desk) -> None:
    """Nothing is sent twice, and outcomes go to the positions of the new sitting."""
    desk.remote.is_slow = True
    engine = desk.sit(range(20), stop_after=0.2)
    assert engine.in_flight == 20
    assert "the same command fetches it" in desk.notices[-1]
    desk.remote.is_slow = False
    engine = desk.sit(range(20), moved=100)
    assert list(map(len, desk.remote.sent)) == [20]
    assert sorted(desk.journal.replies) == list(range(100, 120))
    assert engine.counts.sent == 0
    assert desk.remote.gone == ["0000"]


def test_a_chunk_whose_outcomes_were_journalled_before_a_kill_is_not_counted_twice(
    desk: Desk,
) -> None:
    """Its replies come again, are known by their custom ids, and the chunk is let go."""
    desk.journal.stores = False
    desk.sit(range(10))
    assert desk.remote.gone == []
    desk.journal.stores = True
    engine = desk.sit(range(12), budget=Budget(100.0, spent=10 * COST + 10 * MOST))
    assert all(len(found) == 1 for found in desk.journal.replies.values())
    assert len(desk.journal.replies) == 12
    assert desk.remote.gone == ["0000", "0001"]
    assert engine.budget.spent == pytest.approx(12 * COST)


def test_replies_that_nobody_asks_for_any_more_are_journalled(desk: Desk) -> None:
    """They were paid for; they belong to no query of the sitting."""
    desk.remote.is_slow = True
    desk.sit(range(10), stop_after=0.2)
    desk.remote.is_slow = False
    desk.sit(range(5))
    assert len(desk.journal.replies[STRAY]) == 5
    assert sorted(set(desk.journal.replies) - {STRAY}) == list(range(5))
    assert desk.remote.gone == ["0000"]


def test_a_second_try_of_an_earlier_sitting_is_found(desk: Desk) -> None:
    """The chunk of the first try is gone, that of the second is on its way: it isn't sent again."""
    desk.remote.verdict = lambda each, attempt: (
        ServerFailed("500") if each.position == 1 and attempt == 1 else None
    )

    def slow_second(each: Request, attempt: int) -> RequestError | None:
        desk.remote.is_slow = True
        return ServerFailed("500") if each.position == 1 and attempt == 1 else None

    desk.remote.verdict = slow_second
    desk.sit(range(3), stop_after=0.4)
    assert list(map(len, desk.remote.sent)) == [3, 1]
    desk.remote.is_slow = False
    desk.remote.verdict = answers
    desk.sit(range(3))
    assert list(map(len, desk.remote.sent)) == [3, 1]
    assert [reply.attempt for reply in desk.journal.replies[1]] == [2]


def test_asking_anew_what_was_answered_is_another_attempt(desk: Desk) -> None:
    """`--redo` asks again what the journal has: under a custom id that was never paid for."""
    desk.sit(range(3))

    async def source() -> AsyncIterator[Sequence[Request]]:
        yield [request(1)]

    async def go() -> None:
        desk.remote.restart()
        await desk.engine().run(source())

    asyncio.run(go())
    first, second = desk.journal.replies[1]
    assert first.headers["custom_id"] != second.headers["custom_id"]
    assert second.attempt == 2


def test_the_budget_is_held_before_each_chunk(desk: Desk) -> None:
    """What does not fit waits for the true cost of a batch, then goes; at last the run stops."""
    limit = 10 * MOST
    engine = desk.sit(range(100), budget=Budget(limit))
    assert engine.stopped_by is not None
    assert "--budget" in str(engine.stopped_by)
    assert engine.budget.spent <= limit
    assert len(desk.journal.replies) * COST == pytest.approx(engine.budget.spent)
    assert limit - engine.budget.spent < MOST
    assert len(desk.remote.sent[0]) == 10
    assert len(desk.remote.sent) > 2
    assert desk.remote.outstanding == 0


def test_a_reply_without_usage_costs_the_most(desk: Desk) -> None:
    """An endpoint that doesn't tell what it used must not pass the budget by."""
    desk.remote.usage = Usage()
    engine = desk.sit(range(3))
    assert engine.budget.spent == pytest.approx(3 * MOST)
    assert desk.journal.replies[0][0].cost == pytest.approx(MOST)


def test_the_budget_counts_batches_of_an_earlier_sitting(desk: Desk) -> None:
    """Their lines count at their most until they come back, then at their cost."""
    desk.remote.is_slow = True
    desk.sit(range(10), stop_after=0.2)
    desk.remote.is_slow = False
    engine = desk.sit(range(30), budget=Budget(1000.0, spent=10 * MOST))
    assert engine.budget.spent == pytest.approx(30 * COST)


def test_what_came_early_waits_for_its_owner_while_money_is_short(desk: Desk) -> None:
    """Outcomes are taken before the source is read, to free money; none is asked for again."""
    desk.remote.is_slow = True
    desk.sit(range(20, 40), stop_after=0.3)
    desk.remote.is_slow = False
    engine = desk.sit(range(40), budget=Budget(20 * MOST + MOST, spent=20 * MOST))
    assert engine.stopped_by is None
    assert sorted(desk.journal.replies) == list(range(40))
    assert all(len(found) == 1 for found in desk.journal.replies.values())
    assert sum(map(len, desk.remote.sent)) == 40


@dataclass
class Online:
    """Stands for an engine that answers at once."""

    sink: Journal
    asked: list[int] = field(default_factory=list)
    stopped_by: None = None
    in_flight: int = 0

    async def run(self, source: AsyncIterator[Sequence[Request]]) -> None:
        async for chunk in source:
            for each in chunk:
                self.submit(each)
            await asyncio.sleep(0)

    def submit(self, each: Request) -> None:
        self.asked.append(each.position)
        self.sink.replies[each.position] = []
        self.sink.store(each)

    def settle(self) -> None:
        pass


def test_a_small_rest_is_finished_online(desk: Desk) -> None:
    """At most so many requests, when nothing else is on its way; more go into a batch."""
    online = Online(desk.journal)
    desk.remote.verdict = lambda each, _: ServerFailed("500") if each.position < 5 else None
    desk.sit(range(50), online=online, online_below=5)
    assert list(map(len, desk.remote.sent)) == [50]
    assert sorted(online.asked) == list(range(5))
    assert "online price" in desk.notices[-1]


def test_a_larger_rest_is_not(desk: Desk) -> None:
    """Six are more than five."""
    online = Online(desk.journal)
    desk.remote.verdict = lambda each, attempt: (
        ServerFailed("500") if each.position < 6 and attempt == 1 else None
    )
    desk.sit(range(50), online=online, online_below=5)
    assert list(map(len, desk.remote.sent)) == [50, 6]
    assert online.asked == []


def test_cancelling_keeps_what_is_done_and_asks_nothing(desk: Desk) -> None:
    """Replies are journalled, failures are left to be asked again some day."""
    desk.remote.is_slow = True
    desk.sit(range(10), stop_after=0.2)
    desk.remote.verdict = lambda each, _: RetryableError("cancelled") if each.position > 3 else None

    async def go() -> None:
        desk.remote.restart()
        await desk.engine().cancel()

    asyncio.run(go())
    assert len(desk.journal.replies[STRAY]) == 4
    assert desk.journal.failures == {}
    assert desk.remote.gone == ["0000"]
    assert list(map(len, desk.remote.sent)) == [10]


texts = st.text(st.characters(codec=None), max_size=20)


@given(
    query_id=texts,
    messages=st.binary(max_size=3).map(lambda raw: b'["' + raw.hex().encode() + b'"]'),
    shape=st.tuples(
        st.integers(1, 9) | st.none(), st.floats(0, 2) | st.none(), st.none() | st.just(b"{}")
    ),
    pairs=st.lists(st.integers(1, 9)).map(tuple),
    span=st.floats(0, 1e9),
)
def test_facts_make_the_request_again(
    query_id: str,
    messages: bytes,
    shape: tuple[int | None, float | None, bytes | None],
    pairs: tuple[int, ...],
    span: float,
) -> None:
    """On one line of ASCII, whatever the query is called; equal shapes are one object."""
    sampling = Sampling(max_tokens=shape[0], temperature=shape[1])
    first = replace(
        request(1),
        query_id=query_id,
        messages=messages,
        pairs=pairs,
        languages=("de",) if pairs else (),
        shape=RequestShape(model="m", sampling=sampling, response_format=shape[2]),
    )
    tries = Tries(sent=2, span=span, good_seen=5)
    line = encode_facts(LineFacts(request=first, tries=tries, sitting="a", wording="w"))
    assert line.isascii()
    assert b"\n" not in line
    reader = FactsReader()
    found, later = reader.read(line, sitting="a"), reader.read(line, sitting="b")
    assert replace(found.request, shape=first.shape) == first
    assert found.request.shape.sampling == sampling
    assert found.request.shape.response_format == shape[2]
    assert found.request.shape is later.request.shape
    assert (found.tries, later.tries.good_seen) == (tries, 0)


def test_custom_ids_tell_runs_requests_and_attempts_apart() -> None:
    """Equal ids mean the same paid thing; two translations of one query share only their key."""
    one = request(1)
    names = {
        custom_id(run, name_of(each), attempt)
        for run in ("r", "s")
        for each in (one, request(2), replace(one, identity="b2:other"), replace(one, turn=1))
        for attempt in (1, 2)
    }
    assert len(names) == 16
    assert all(len(name) == 31 and name.isalnum() for name in names)
    assert custom_id("r", name_of(one), 1) == custom_id("r", name_of(request(1)), 1)
