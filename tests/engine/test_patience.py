"""Waiting for a deployment: it ends with a stop, and it isn't asked again and again meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from syphus.core.errors import AccessDenied, RateLimited, RequestError, StoppedEarly
from syphus.core.records import Reply, Request
from syphus.engine.fruitless import Fruitless
from tests.engine.conftest import Bench, Scripted, VirtualLoop, chunks, reply, request, run

TIGHT = [{"requests_per_minute": 1}, {"tokens_per_minute": 10}]


async def well(_request: Request, _attempt: int) -> Reply:
    """Answers after half a second."""
    await asyncio.sleep(0.5)
    return reply()


@pytest.mark.parametrize("limits", [*TIGHT, {}])
def test_a_stop_ends_the_wait_for_a_limit(bench: Bench, limits: dict[str, int]) -> None:
    """Whether the limit was given or learned, nothing in flight means that the run ends at once."""
    engine = bench.engine(Scripted(well), more={0: limits})

    async def go() -> float:
        loop = asyncio.get_running_loop()
        if not limits:
            bench.lanes[0].learn_limits({"x-ratelimit-limit-requests": "1"})
        loop.call_later(20, engine.stop, StoppedEarly("enough"))
        await engine.run(chunks(map(request, range(5))))
        return loop.time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(go()) == pytest.approx(20)
    assert bench.outcomes.sends == [0]


@pytest.mark.parametrize("limits", TIGHT)
def test_a_deployment_closed_while_its_limit_is_waited_for_sends_no_more(
    bench: Bench, limits: dict[str, int]
) -> None:
    """A key that is refused by a slow answer isn't tried once more."""

    async def locked(_request: Request, _attempt: int) -> Reply:
        await asyncio.sleep(5)
        raise AccessDenied("no")

    closed = Scripted(locked)
    run(bench.engine(closed, Scripted(well), most=4, more={0: limits}), 5000)
    assert sum(closed.asked.values()) == 1
    assert bench.outcomes.replies.keys() == set(range(5000))


@pytest.mark.parametrize("known", [None, 60_000])
def test_an_endpoint_that_only_says_429_is_not_hammered(bench: Bench, known: int | None) -> None:
    """Ten minutes of it see few requests and fewer words, and then all goes on."""
    seen: list[int] = []

    async def answer(asked: Request, attempt: int) -> Reply:
        now = asyncio.get_running_loop().time()
        seen.append(int(now))
        if 5 <= now < 605:
            await asyncio.sleep(0.01)
            raise RateLimited("HTTP 429")
        return await well(asked, attempt)

    engine = bench.engine(Scripted(answer), most=64, more={0: {"requests_per_minute": known}})

    async def go() -> None:
        async def stop() -> None:
            await asyncio.sleep(700)
            engine.stop(RequestError("seen enough"))

        stopping = asyncio.create_task(stop())
        await engine.run(chunks(map(request, range(10**6))))
        await stopping

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(go())
    refused = [at for at in seen if 6 <= at < 605]
    assert len(refused) < 600
    assert len([at for at in refused if at > 300]) < 20
    assert len([at for at in seen if at >= 665]) > 500
    assert len(bench.notices) < 25
    assert not bench.outcomes.failures


def test_an_answer_ends_the_rests() -> None:
    """They double from a second to a minute, and begin anew after an answer to a later request."""
    lane = Fruitless()
    rests = [lane.refused(now=float(at)) for at in range(9)]
    assert rests == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    lane.answered(sent_at=-1.0)
    assert lane.refused(now=10.0) == 60
    lane.answered(sent_at=9.5)
    assert [lane.refused(now=20.0), lane.refused(now=21.0)] == [0, 1]


def test_rate_limits_are_told_once_in_a_while() -> None:
    """Once a minute, or when the number in flight is half of what was last told."""
    lane = Fruitless()
    told = [
        (at, cap)
        for at, cap in enumerate([100, 95, 80, 51, 50, 49, *[40] * 100])
        if lane.is_worth_saying(cap, 0.0, is_cut=True, now=float(at))
    ]
    assert told == [(0, 100), (4, 50), (64, 40)]


def test_a_long_rest_is_told_once() -> None:
    """All that were in flight are asked to wait as long: one line says so."""
    lane = Fruitless()
    assert lane.is_worth_saying(8, 0.0, is_cut=True, now=0.0)
    told = [lane.is_worth_saying(8, 300.0, is_cut=False, now=1.0 + at) for at in range(20)]
    assert told == [True] + [False] * 19
