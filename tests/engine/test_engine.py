"""The engine's promises, with a backend that fails as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from syphus.core.errors import (
    AccessDenied,
    BadRequest,
    ConnectionFailed,
    ContentFiltered,
    ContextTooLong,
    MalformedReply,
    QuotaUsedUp,
    RateLimited,
    RequestError,
    ServerFailed,
    TimedOut,
    UnknownDeployment,
)
from syphus.core.records import Reply, Request
from tests.engine.conftest import Bench, Scripted, chunks, reply, request, run

RETRIED = [RateLimited, ServerFailed, ConnectionFailed, TimedOut, MalformedReply]
GIVEN_UP = [ContentFiltered, ContextTooLong, BadRequest]
STOPPING = [AccessDenied, UnknownDeployment, QuotaUsedUp]


async def well(_request: Request, _attempt: int) -> Reply:
    """Answers in the next turn of the loop."""
    await asyncio.sleep(0)
    return reply()


def failing(error: type[RequestError], times: int, **facts: object) -> Scripted:
    """Fails each request so many times before it answers."""

    async def answer(asked: Request, attempt: int) -> Reply:
        if attempt <= times:
            await asyncio.sleep(0)
            raise error("no", **facts)  # type: ignore[arg-type]
        return await well(asked, attempt)

    return Scripted(answer)


def test_every_request_has_one_outcome(bench: Bench) -> None:
    """A plain run answers all, never with more in flight than allowed."""
    backend = Scripted(well)
    run(bench.engine(backend, most=8), 500)
    assert bench.outcomes.replies.keys() == set(range(500))
    assert set(backend.asked.values()) == {1}
    assert backend.most == 8


@pytest.mark.parametrize("error", RETRIED)
def test_what_may_pass_is_tried_again(bench: Bench, error: type[RequestError]) -> None:
    """Two failures of a kind that passes don't lose a request."""
    backend = failing(error, 2)
    engine = bench.engine(backend, most=2)
    run(engine, 3)
    assert bench.outcomes.replies.keys() == {0, 1, 2}
    assert set(backend.asked.values()) == {3}
    assert engine.counts.retried == 6


@pytest.mark.parametrize("error", GIVEN_UP)
def test_what_cannot_pass_is_asked_once(bench: Bench, error: type[RequestError]) -> None:
    """A query that is refused for what it is fails alone, and says why."""
    run(bench.engine(failing(error, 99)), 3)
    assert {failure.kind for failure in bench.outcomes.failures.values()} == {error.kind}
    assert bench.outcomes.sends == [0, 1, 2]


@pytest.mark.parametrize("error", STOPPING)
def test_what_no_request_survives_stops_the_run(bench: Bench, error: type[RequestError]) -> None:
    """No more is sent than was in flight, and no query is marked as failed for it."""
    engine = bench.engine(failing(error, 99), most=4)
    run(engine, 1000)
    assert isinstance(engine.stopped_by, error)
    assert len(bench.outcomes.sends) <= 4
    assert not bench.outcomes.failures


def test_a_retry_holds_no_place_while_it_waits(bench: Bench) -> None:
    """With one place, new work is done while a rate-limited request waits its turn."""
    order: list[int] = []

    async def answer(asked: Request, attempt: int) -> Reply:
        order.append(asked.position)
        if asked.position == 0 and attempt == 1:
            raise ServerFailed("later", retry_after=0.2)
        return await well(asked, attempt)

    run(bench.engine(Scripted(answer), most=1), 50)
    assert order.index(49) < len(order) - 1 - order[::-1].index(0)


def test_an_attempt_that_may_be_billed_is_made_three_times_at_most(bench: Bench) -> None:
    """A connection lost after the send is tried again twice, then given up and told as such."""
    backend = failing(ConnectionFailed, 99, maybe_billed=True)
    run(bench.engine(backend), 1)
    assert backend.asked == {0: 3}
    assert bench.outcomes.failures[0].maybe_billed
    assert bench.outcomes.unbilled == []


def test_attempts_that_cost_nothing_are_told_as_such(bench: Bench) -> None:
    """So that a later sitting doesn't count them among what may have been billed."""
    run(bench.engine(failing(RateLimited, 2)), 1)
    assert bench.outcomes.unbilled == [0, 0]


def test_a_wrong_key_on_one_deployment_does_not_stop_the_others(bench: Bench) -> None:
    """The work of a closed deployment goes to those that answer, and it is said."""
    refused, serving = failing(AccessDenied, 99), Scripted(well)
    engine = bench.engine(refused, serving, most=4)
    run(engine, 200)
    assert bench.outcomes.replies.keys() == set(range(200))
    assert engine.stopped_by is None
    assert any("d0" in notice for notice in bench.notices)


def test_deployments_share_the_work(bench: Bench) -> None:
    """Both get some, each within its own places."""
    first, second = Scripted(well), Scripted(well)
    run(bench.engine(first, second, most=4), 400)
    assert first.asked
    assert second.asked
    assert not first.asked.keys() & second.asked.keys()


@pytest.mark.parametrize("lanes", [1, 2, 3])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_all_places_are_used(bench: Bench, lanes: int, share: float) -> None:
    """After the first answers as many are in flight as may be, failures or not, until the end."""
    now = 0
    seen = []

    async def answer(asked: Request, attempt: int) -> Reply:
        nonlocal now
        now += 1
        try:
            await asyncio.sleep(0.002)
        finally:
            seen.append(now)
            now -= 1
        if attempt == 1 and asked.position % 10 < 10 * share:
            raise MalformedReply("no")
        return reply()

    run(bench.engine(*(Scripted(answer) for _ in range(lanes)), most=40), 1000)
    assert bench.outcomes.replies.keys() == set(range(1000))
    assert max(seen) == 40
    assert sorted(seen)[500] > 30


def test_a_slow_deployment_is_used_as_far_as_the_others(bench: Bench) -> None:
    """Its places are filled while another's answers come, not only when one of its own does."""

    async def slow(_request: Request, _attempt: int) -> Reply:
        await asyncio.sleep(0.3)
        return reply()

    used = []

    async def quick(_request: Request, _attempt: int) -> Reply:
        used.append(first.now)
        await asyncio.sleep(0.002)
        return reply()

    async def at_once() -> AsyncIterator[Sequence[Request]]:
        yield [request(number) for number in range(300)]

    first = Scripted(slow)
    asyncio.run(bench.engine(first, Scripted(quick), most=30).run(at_once()))
    assert used[100] >= 5


def test_refusals_from_the_very_start_stop_the_run_early(bench: Bench) -> None:
    """A million requests aren't sent to learn that the endpoint accepts none."""
    engine = bench.engine(failing(BadRequest, 99), most=1)
    run(engine, 10_000)
    assert len(bench.outcomes.failures) == 20
    assert "refused the first 20" in str(engine.stopped_by)


def test_refusals_after_a_success_do_not_stop_the_run(bench: Bench) -> None:
    """Once one request was good, bad ones are the queries' own fault."""

    async def answer(asked: Request, attempt: int) -> Reply:
        if asked.position:
            raise BadRequest("no")
        return await well(asked, attempt)

    engine = bench.engine(Scripted(answer), most=1)
    run(engine, 60)
    assert len(bench.outcomes.failures) == 59
    assert engine.stopped_by is None


def test_stop_keeps_what_is_in_flight(bench: Bench) -> None:
    """After a stop nothing is sent, and everything sent still comes in."""

    async def slow(asked: Request, attempt: int) -> Reply:
        await asyncio.sleep(0.05)
        if asked.position == 0:
            engine.stop(RequestError("enough"))
        return await well(asked, attempt)

    engine = bench.engine(Scripted(slow), most=4)
    run(engine, 100)
    assert len(bench.outcomes.sends) < 20
    assert bench.outcomes.replies.keys() == set(bench.outcomes.sends)


def test_a_sink_that_forbids_sending_is_obeyed(bench: Bench) -> None:
    """A journal that can't be written means that nothing is sent."""

    async def go() -> None:
        engine = bench.engine(Scripted(well))
        bench.outcomes.allows = False
        engine.stop(RequestError("the disk is full"))
        await engine.run(chunks([request(0)]))

    asyncio.run(go())
    assert bench.outcomes.sends == []


def test_an_outcome_may_give_rise_to_another_request(bench: Bench) -> None:
    """What is submitted while its parent settles is asked before the run ends."""
    engine = bench.engine(Scripted(well), most=2)
    settle = bench.outcomes._settle

    def follow(asked: Request, answer: Reply) -> None:
        bench.outcomes.replies[asked.position] = answer
        if asked.position < 100:
            engine.submit(request(asked.position + 100))
        settle()

    bench.outcomes.replied = follow  # type: ignore[method-assign]
    run(engine, 5)
    assert bench.outcomes.replies.keys() == {*range(5), *range(100, 105)}


def test_the_source_is_read_no_further_than_needed(bench: Bench) -> None:
    """An endless generator is asked for a bounded number of queries ahead."""
    read = 0

    async def endless() -> AsyncIterator[Sequence[Request]]:
        nonlocal read
        while True:
            yield [request(read)]
            read += 1

    async def stuck(_request: Request, _attempt: int) -> Reply:
        await asyncio.sleep(0.2)
        engine.stop(RequestError("enough"))
        return reply()

    async def go() -> None:
        await engine.run(endless())

    engine = bench.engine(Scripted(stuck), most=8)
    asyncio.run(go())
    assert read < 8 * 4 + 300
