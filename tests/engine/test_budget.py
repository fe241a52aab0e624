"""A hard stop on money, held to over failures, kills and resumes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syphus.core.deployments import Deployment
from syphus.core.errors import ConnectionFailed, ContentFiltered, ServerFailed, TimedOut
from syphus.core.prices import Rates
from syphus.core.records import Failure, Reply, Request, RequestShape, Sampling, Usage
from syphus.engine.budget import Budget
from syphus.engine.engine import Engine
from syphus.engine.lane import Lane
from syphus.journal.format import (
    encode_failure,
    encode_not_billed,
    encode_reply,
    encode_sent,
    read_head,
)
from syphus.journal.reader import JournalIndex

PICODOLLAR = 1e-12
ADDED_BY_SERVER = 256
UNBOUNDED_COMPLETION = 4096
MOST_FAILURES_IN_A_ROW = 5
PRICES = st.sampled_from([0.0, 1e-7, 0.15e-6, 2.5e-6, 1e-5]) | st.floats(0, 1e-4)
RATES = st.builds(Rates, prompt=PRICES, completion=PRICES, cached=PRICES)


def make_request(number: int, *, size: int, max_tokens: int | None) -> Request:
    """A request whose messages are so many bytes."""
    return Request(
        key=f"{number:032x}",
        identity=f"b2:{number}",
        query_id=str(number),
        stage="generate",
        shape=RequestShape(model="m", sampling=Sampling(max_tokens=max_tokens)),
        messages=b"x" * size,
        prompt_tokens=1,
        position=number,
    )


class Killed(Exception):
    """The process is gone, in the middle of everything."""


@dataclass
class Provider:
    """Bills as providers do: what was processed, whether or not the reply arrives."""

    seed: int
    greedy: bool = False
    billed: list[float] = field(default_factory=list)
    arrivals: int = 0
    failures: int = 0
    dies_at: int | None = None

    async def ask(self, request: Request, rates: Rates) -> Reply:
        self.arrivals += 1
        dice = Random(f"{self.seed} {self.arrivals}")  # noqa: S311 - it must repeat
        fate = dice.choice(["well"] * 5 + ["silent", "silent", "lost", "late", "down", "filtered"])
        if self.failures >= MOST_FAILURES_IN_A_ROW:
            fate = "well"
        prompt, completion = (
            most if self.greedy else dice.randint(1, most)
            for most in (
                len(request.messages) + ADDED_BY_SERVER,
                request.shape.sampling.max_tokens or UNBOUNDED_COMPLETION,
            )
        )
        usage = Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=0 if self.greedy else dice.choice([0, dice.randint(0, prompt)]),
        )
        cost = rates.cost(usage)
        if fate != "down":
            self.billed.append(cost)
        if self.arrivals == self.dies_at:
            raise Killed
        for _ in range(dice.randint(0, 5)):
            await asyncio.sleep(0)
        self.failures += fate in ("lost", "late", "down")
        match fate:
            case "lost":
                raise ConnectionFailed("lost", maybe_billed=True)
            case "late":
                raise TimedOut("late", maybe_billed=True)
            case "down":
                raise ServerFailed("down")
            case "filtered":
                raise ContentFiltered("filtered", maybe_billed=True)
        self.failures = 0
        told = usage if fate == "well" else Usage()
        return Reply(
            text="t",
            finish_reason="stop",
            usage=told,
            latency=0,
            deployment="d",
            attempt=1,
            cost=cost if fate == "well" else None,
        )


@dataclass
class Door:
    """The backend of one deployment."""

    provider: Provider
    rates: Rates

    async def ask(self, request: Request, *, attempt: int) -> Reply:
        del attempt
        return await self.provider.ask(request, self.rates)


@dataclass
class Journal:
    """A sink whose lines survive a kill, as those of the journal do."""

    lines: list[bytes] = field(default_factory=list)
    engine: Engine | None = None

    def sending(self, request: Request, *, attempt: int, deployment: str, most_cost: float) -> bool:
        self.lines.append(
            encode_sent(request, attempt=attempt, deployment=deployment, most_cost=most_cost)
        )
        return True

    def not_billed(self, request: Request) -> None:
        self.lines.append(encode_not_billed(request))

    def maybe_billed(self, request: Request, *, most_cost: float) -> None:
        pass

    def replied(self, request: Request, reply: Reply) -> None:
        self.lines.append(encode_reply(request, reply, time=0))
        self._settle()

    def failed(self, request: Request, failure: Failure) -> None:
        self.lines.append(encode_failure(request, failure, time=0))
        self._settle()

    def _settle(self) -> None:
        assert self.engine is not None
        self.engine.settle()

    def index(self) -> JournalIndex:
        """What a resume reads."""
        index = JournalIndex()
        for number, line in enumerate(self.lines):
            head = read_head(line)
            assert head is not None
            index.add(head, number)
        return index


def sit(
    journal: Journal,
    provider: Provider,
    requests: Sequence[Request],
    rates: Sequence[Rates],
    *,
    limit: float | None,
    most: int,
    bench: Any,
) -> Engine:
    """One sitting of a run, from what the journal holds to its end or to a kill."""
    index = journal.index()
    left = [request for request in requests if int(request.key, 16) not in index.outcomes]
    lanes = [
        Lane(
            Deployment(name=f"d{at}", api_type="openai", base_url="", model="m", rates=each),
            Door(provider, each),  # type: ignore[arg-type]
            most_in_flight=most,
            on_notice=lambda _: None,
        )
        for at, each in enumerate(rates)
    ]
    budget = Budget(limit, spent=index.cost + index.uncertain_cost)
    engine = Engine(lanes, journal, most_in_flight=most, budget=budget, on_notice=lambda _: None)
    engine._ownership.backoff = bench.at_once()
    journal.engine = engine

    async def source() -> Any:
        yield left

    async def go() -> None:
        async with asyncio.timeout(20):
            await engine.run(source())

    try:
        asyncio.run(go())
    except* Killed:
        pass
    return engine


@settings(max_examples=100)
@given(
    sizes=st.lists(
        st.tuples(st.integers(2, 3000), st.integers(1, 500) | st.none()), min_size=8, max_size=30
    ),
    rates=st.lists(RATES, min_size=1, max_size=3),
    parts=st.lists(st.floats(0.02, 1), min_size=1, max_size=3),
    kills=st.lists(st.none() | st.integers(1, 20), min_size=6, max_size=6),
    greedy=st.booleans(),
    most=st.integers(1, 64),
    seed=st.integers(0, 1 << 32),
)
def test_a_budget_is_never_passed(
    bench_kit: Any,
    *,
    sizes: list[tuple[int, int | None]],
    rates: list[Rates],
    parts: list[float],
    kills: list[int | None],
    greedy: bool,
    most: int,
    seed: int,
) -> None:
    """Whatever was billed, seen by us or not, over all sittings: at most the limit of each."""
    requests = [
        make_request(at, size=size, max_tokens=bound) for at, (size, bound) in enumerate(sizes)
    ]
    most_of_all = sum(Budget(None).most_of(each, max_of(rates)) for each in requests)
    provider, journal = Provider(seed, greedy), Journal()
    limits = [part * most_of_all + PICODOLLAR for part in sorted(parts * 2)]
    for limit, kill in zip(limits, kills, strict=False):
        provider.dies_at = kill and provider.arrivals + kill
        sit(journal, provider, requests, rates, limit=limit, most=most, bench=bench_kit)
        assert math.fsum(provider.billed) <= limit + PICODOLLAR
    provider.dies_at = None
    sit(journal, provider, requests, rates, limit=None, most=most, bench=bench_kit)
    assert len(journal.index().outcomes) == len(requests)


def max_of(rates: Sequence[Rates]) -> Rates:
    """The dearest of each kind."""
    return Rates(
        prompt=max(each.prompt for each in rates),
        completion=max(each.completion for each in rates),
        cached=max(each.cached for each in rates),
    )


def test_money_that_is_there_is_spent(bench_kit: Any) -> None:
    """A stop leaves less than one more request could cost: caution isn't waste."""
    rates = Rates(prompt=1e-6, completion=4e-6, cached=1e-6)
    requests = [make_request(at, size=1000, max_tokens=100) for at in range(500)]
    most = Budget(None).most_of(requests[0], rates)
    provider = Provider(seed=3)
    engine = sit(Journal(), provider, requests, [rates], limit=100 * most, most=64, bench=bench_kit)
    assert engine.stopped_by is not None
    assert "--budget" in str(engine.stopped_by)
    assert 99 * most < engine.budget.spent <= 100 * most


def test_a_cheap_deployment_goes_on_where_a_dear_one_cannot(bench_kit: Any) -> None:
    """What is left of the budget is spent where it suffices for one more request."""
    dear = Rates(prompt=1.0, completion=1.0, cached=1.0)
    cheap = Rates(prompt=1e-6, completion=1e-6, cached=1e-6)
    requests = [make_request(at, size=100, max_tokens=10) for at in range(40)]
    journal = Journal()
    provider = Provider(seed=1)
    engine = sit(journal, provider, requests, [dear, cheap], limit=1.0, most=8, bench=bench_kit)
    assert engine.stopped_by is None
    assert len(journal.index().outcomes) == 40


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1)), max_size=50), st.floats(1, 20))
def test_what_is_set_aside_counts_as_spent(
    requests: list[tuple[float, float]], limit: float
) -> None:
    """Whatever is reserved and then costs up to its most, the limit is kept."""
    budget = Budget(limit)
    reserved = [most for most, _ in requests if budget.reserve(most)]
    for most, (_, part) in zip(reserved, requests, strict=False):
        budget.settle(most, most * part)
    assert budget.spent <= limit + PICODOLLAR
    assert budget.is_idle


@pytest.mark.parametrize(("limit", "times"), [(0.3, 3), (0.8, 8), (0.7, 7), (1.0, 10)])
def test_sums_do_not_drift(limit: float, times: int) -> None:
    """Three dimes are thirty cents, which floats deny."""
    budget = Budget(limit)
    for _ in range(times):
        assert budget.reserve(0.1)
        budget.settle(0.1, 0.1)
    assert not budget.reserve(PICODOLLAR)


def test_a_server_that_bills_more_than_was_sent_is_believed() -> None:
    """A gateway's own long system message shows once; from then on it is counted."""
    rates = Rates(prompt=0.001, completion=0.002, cached=0.001)
    asked = make_request(1, size=44, max_tokens=100)
    budget = Budget(10.0)
    most = budget.most_of(asked, rates)
    assert most == pytest.approx(0.3 + 0.2)
    budget.learn(asked, rates, cost=0.4)
    assert budget.most_of(asked, rates) == most
    budget.learn(asked, rates, cost=1.5)
    assert budget.most_of(asked, rates) == pytest.approx(1.5)
    budget.learn(asked, rates, cost=1.0)
    assert budget.most_of(asked, rates) == pytest.approx(1.5)


def test_a_prompt_counts_with_its_response_format() -> None:
    """A schema is billed as part of the prompt."""
    rates = Rates(prompt=1.0, completion=0.0, cached=1.0)
    asked = make_request(1, size=10, max_tokens=1)
    longer = replace(asked, shape=replace(asked.shape, response_format=b"x" * 90))
    budget = Budget(None)
    assert budget.most_of(longer, rates) - budget.most_of(asked, rates) == pytest.approx(90)
