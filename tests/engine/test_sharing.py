"""What one deployment can't take, or not yet, is there for the others."""

from __future__ import annotations

import asyncio

import pytest

from syphus.core.errors import (
    AccessDenied,
    BadRequest,
    ContextTooLong,
    RateLimited,
    ServerFailed,
    StoppedEarly,
)
from syphus.core.prices import Rates
from syphus.core.records import Reply, Request
from tests.engine.conftest import Bench, Scripted, reply, run

DAY = 86_400.0
DEAR = Rates(prompt=1.0, completion=1.0, cached=1.0)


async def well(_request: Request, _attempt: int) -> Reply:
    """Answers after half a second."""
    await asyncio.sleep(0.5)
    return reply()


async def too_long(asked: Request, attempt: int) -> Reply:
    """Refuses each fifth, which is too long for it."""
    if asked.position % 5 == 0:
        raise ContextTooLong("too long")
    return await well(asked, attempt)


def test_what_is_too_dear_elsewhere_does_not_go_back_to_who_refused_it(bench: Bench) -> None:
    """The rest is answered; then the run stops for the budget, and nothing has failed."""
    cheap, dear = Scripted(too_long), Scripted(well)
    engine = bench.engine(cheap, dear, budget=300.0, more={1: {"rates": DEAR}})
    run(engine, 20)
    assert isinstance(engine.stopped_by, StoppedEarly)
    assert "budget" in str(engine.stopped_by)
    assert bench.outcomes.replies.keys() == {at for at in range(20) if at % 5}
    assert bench.outcomes.failures == {}
    assert set(cheap.asked.values()) == {1}
    assert dear.asked == {}


def test_a_failure_elsewhere_does_not_send_it_back_to_who_refused_it(bench: Bench) -> None:
    """Each try after the refusal is made where there was none."""

    async def stumbles(asked: Request, attempt: int) -> Reply:
        if attempt == 2:
            raise ServerFailed("down")
        return await well(asked, attempt)

    narrow, wide = Scripted(too_long), Scripted(stumbles)
    run(bench.engine(narrow, wide, more={1: {"max_in_flight": 1}}), 50)
    assert bench.outcomes.replies.keys() == set(range(50))
    assert set(narrow.asked.values()) == {1}


@pytest.mark.parametrize("seconds", [0.0, 30.0])
def test_a_refused_request_fails_when_the_others_are_closed(bench: Bench, seconds: float) -> None:
    """In flight or waiting, it fails with what the last deployment said of it."""

    async def refuses(asked: Request, attempt: int) -> Reply:
        if asked.position == 0:
            raise BadRequest("not here")
        return await well(asked, attempt)

    async def locked(_request: Request, _attempt: int) -> Reply:
        await asyncio.sleep(seconds)
        raise AccessDenied("the key has expired")

    narrow = Scripted(refuses)
    engine = bench.engine(narrow, Scripted(locked), most=4)
    run(engine, 50)
    assert engine.stopped_by is None
    assert narrow.asked[0] == 1
    assert bench.outcomes.failures[0].message == "not here"
    assert bench.outcomes.replies.keys() == set(range(1, 50))


def test_a_wait_that_one_asks_for_is_not_waited_for_by_another(bench: Bench) -> None:
    """A day's Retry-After at one: its requests are answered by the other at once."""

    async def busy(_request: Request, _attempt: int) -> Reply:
        raise RateLimited("busy", retry_after=DAY)

    lying = Scripted(busy)
    assert run(bench.engine(lying, Scripted(well), most=4), 20) < 60
    assert bench.outcomes.replies.keys() == set(range(20))
    said = [notice for notice in bench.notices if "86400 s" in notice]
    assert len(said) == 1
    assert "300 s" in said[0]


def test_a_wait_that_is_asked_for_is_kept_by_who_asked(bench: Bench) -> None:
    """The request isn't asked there again before that, though nobody else is free for it."""
    times: list[float] = []

    async def once_busy(asked: Request, attempt: int) -> Reply:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            raise RateLimited("busy", retry_after=100)
        return await well(asked, attempt)

    async def refuses(_request: Request, _attempt: int) -> Reply:
        raise ContextTooLong("too long")

    run(bench.engine(Scripted(once_busy), Scripted(refuses)), 1)
    assert bench.outcomes.replies.keys() == {0}
    assert times[1] - times[0] >= 100


@pytest.mark.parametrize("limits", [{"requests_per_minute": 1}, {"tokens_per_minute": 100}])
def test_a_tight_limit_holds_no_work_back(bench: Bench, limits: dict[str, int]) -> None:
    """What a deployment's limits don't admit yet is answered by one that is free."""
    took = run(bench.engine(Scripted(well), Scripted(well), most=4, more={0: limits}), 40)
    assert bench.outcomes.replies.keys() == set(range(40))
    assert took < 30


def test_places_are_filled_beside_a_deployment_without_work_of_its_own(bench: Bench) -> None:
    """One that has refused all that is left isn't waited for, though it is the freest."""

    async def refuses(asked: Request, attempt: int) -> Reply:
        if asked.position:
            raise BadRequest("no")
        return await well(asked, attempt)

    wide = Scripted(well)
    took = run(bench.engine(Scripted(refuses), wide, most=10), 200)
    assert len(bench.outcomes.replies) == 200
    assert wide.most > 5
    assert took < 30


def test_retries_take_turns_with_what_was_put_off(bench: Bench) -> None:
    """Each of many requests that both deployments put off at first is answered in the end."""

    async def hesitant(asked: Request, attempt: int) -> Reply:
        if attempt < 3:
            await asyncio.sleep(0.1)
            raise RateLimited("later", retry_after=1 + asked.position % 7)
        return await well(asked, attempt)

    engine = bench.engine(Scripted(hesitant), Scripted(hesitant), most=8)
    run(engine, 60)
    assert bench.outcomes.replies.keys() == set(range(60))


def test_a_run_that_stops_leaves_what_only_one_refused(bench: Bench) -> None:
    """Where the other's key has expired too, a later sitting may ask it with a new one."""

    async def refuses(asked: Request, _attempt: int) -> Reply:
        if asked.position == 0:
            raise BadRequest("not here")
        await asyncio.sleep(1)
        raise AccessDenied("the key has expired")

    async def locked(_request: Request, _attempt: int) -> Reply:
        await asyncio.sleep(5)
        raise AccessDenied("the key has expired")

    engine = bench.engine(Scripted(refuses), Scripted(locked), most=4)
    run(engine, 10)
    assert isinstance(engine.stopped_by, AccessDenied)
    assert 0 in bench.outcomes.sends
    assert bench.outcomes.failures == {}


@pytest.mark.parametrize(
    "limits", [({}, {}), ({"requests_per_minute": 6000},) * 2, ({}, {"requests_per_minute": 6000})]
)
def test_all_places_are_taken_whoever_has_the_turn(
    bench: Bench, limits: tuple[dict[str, int], ...]
) -> None:
    """What one has sent gives the turn to the other at once, not with its next answer."""

    async def slow(_request: Request, _attempt: int) -> Reply:
        await asyncio.sleep(10)
        return reply()

    engine = bench.engine(Scripted(slow), Scripted(slow), most=64, more=dict(enumerate(limits)))
    took = run(engine, 1000)
    assert took < 1.2 * 10 * 1000 / 64
