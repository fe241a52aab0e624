"""What an outage costs: an endpoint that fails for ten minutes of virtual time.

A backend answers after half a second. What is sent meanwhile is compared with what is sent in a
calm time, and work has to go on by itself.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from syphus.core.deployments import Deployment
from syphus.core.errors import (
    ConnectionFailed,
    NoSuchName,
    RequestError,
    ServerFailed,
    StoppedEarly,
    SyphusError,
    Unreachable,
)
from syphus.core.records import Reply, Request
from syphus.engine.breaker import LONGEST_REST
from syphus.engine.engine import Engine
from syphus.engine.lane import Lane
from syphus.testing.dice import fraction
from tests.engine.conftest import Outcomes, VirtualLoop, reply, request

LATENCY = 0.5
CALM = 5.0
OUTAGE = 600.0
# One probe comes in at most five minutes; what fails is answered half a second later.
COMES_BACK_WITHIN = LONGEST_REST + 1
Fails = Callable[[Request, float, float], bool]


def fails_from(begin: float, *, share: float = 1.0) -> Fails:
    """For ten minutes from then on, a share of the answers is an error."""
    answered = 0

    def decide(_asked: Request, _sent_at: float, now: float) -> bool:
        nonlocal answered
        answered += 1
        return begin <= now < begin + OUTAGE and fraction("outage", answered) < share

    return decide


def always_well(_asked: Request, _sent_at: float, _now: float) -> bool:
    """No error at all."""
    return False


@dataclass
class Endpoint:
    """A backend that knows when it was asked.

    `latency` gets the request and the time at which it was sent, `fails` also that of its answer.
    """

    fails: Fails
    error: type[RequestError] = ServerFailed
    latency: Callable[[Request, float], float] = lambda *_: LATENCY
    sends: list[float] = field(default_factory=list)
    replies: list[float] = field(default_factory=list)

    async def ask(self, asked: Request, *, attempt: int) -> Reply:
        del attempt
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        self.sends.append(sent_at)
        await asyncio.sleep(self.latency(asked, sent_at))
        if self.fails(asked, sent_at, loop.time()):
            raise self.error("it is down")
        self.replies.append(loop.time())
        return reply()

    def sent(self, begin: float, end: float) -> int:
        """How often it was asked between two times."""
        return bisect_left(self.sends, end) - bisect_left(self.sends, begin)

    def answered_after(self, moment: float) -> float | None:
        """When it first answered after that moment."""
        at = bisect_right(self.replies, moment)
        return self.replies[at] if at < len(self.replies) else None


@dataclass
class Watch:
    """A run in virtual time, which `ended` at some moment."""

    most: int
    endpoints: Sequence[Endpoint]
    outcomes: Outcomes = field(default_factory=Outcomes)
    notices: list[str] = field(default_factory=list)
    ended: float = 0.0
    stopped_by: SyphusError | None = None

    def run(self, count: int | None, until: Callable[[float], bool] = lambda _: False) -> None:
        """Asks `count` requests, or endlessly many until something holds of the time."""
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(self._run(count, until))

    async def _run(self, count: int | None, until: Callable[[float], bool]) -> None:
        loop = asyncio.get_running_loop()
        lanes = [
            Lane(
                Deployment(name=f"d{at}", api_type="openai", base_url="http://x", model="m"),
                endpoint,  # type: ignore[arg-type]  # the engine asks for no dialect
                most_in_flight=self.most,
                on_notice=self.notices.append,
                clock=loop.time,
            )
            for at, endpoint in enumerate(self.endpoints)
        ]
        engine = self.outcomes.engine = Engine(
            lanes, self.outcomes, most_in_flight=self.most, on_notice=self.notices.append
        )

        async def stop_in_time() -> None:
            while not until(loop.time()):  # noqa: ASYNC110 - virtual seconds cost nothing
                await asyncio.sleep(1)
            engine.stop(StoppedEarly("the test has seen enough"))

        watching = asyncio.create_task(stop_in_time())
        await engine.run(_source(count))
        watching.cancel()
        self.ended, self.stopped_by = loop.time(), engine.stopped_by


async def _source(count: int | None) -> AsyncIterator[Sequence[Request]]:
    number = 0
    while count is None or number < count:
        yield [request(number)]
        number += 1


@pytest.mark.parametrize("most", [1, 64, 1000])
@pytest.mark.parametrize("share", [1.0, 0.9])
def test_an_outage_is_not_hammered_and_ends_by_itself(most: int, share: float) -> None:
    """Ten minutes of 500s, whole or nine of ten: under a tenth is sent, and nothing fails."""
    end = CALM + OUTAGE
    endpoint = Endpoint(fails_from(CALM, share=share))
    watch = Watch(most, [endpoint])
    watch.run(None, lambda now: (endpoint.answered_after(end) or now) < now - CALM)
    normal = endpoint.sent(0, CALM) / CALM
    assert normal == pytest.approx(most / LATENCY, rel=0.15)
    assert endpoint.sent(CALM, end) < normal * OUTAGE / 10
    assert watch.outcomes.failures == {}
    back = endpoint.answered_after(end)
    assert back is not None
    assert back < end + COMES_BACK_WITHIN
    # The first seconds after it are as busy as the calm before.
    assert endpoint.sent(back, back + CALM) > 0.8 * normal * CALM


@pytest.mark.parametrize("most", [2, 64, 1000])
def test_one_of_two_deployments_may_be_down(most: int) -> None:
    """The other takes the work, the one that is down sees next to nothing and is taken back."""
    end, slow = CALM + OUTAGE, 60.0
    down, well = Endpoint(fails_from(CALM)), Endpoint(always_well, latency=lambda *_: slow)
    watch = Watch(most, [down, well])
    watch.run(None, lambda _: down.answered_after(end) is not None)
    normal = down.sent(0, CALM) / CALM
    assert down.sent(CALM, end) < normal * OUTAGE / 10
    assert watch.outcomes.failures == {}
    assert watch.ended < end + COMES_BACK_WITHIN + slow
    assert well.sent(CALM + slow, end) > 0.8 * most * (OUTAGE - slow) / slow


def test_what_is_finished_in_an_outage_does_not_end_it() -> None:
    """An endpoint that refuses new requests and still answers old ones isn't asked for each."""
    begin = 60.0
    endpoint = Endpoint(
        lambda _, sent_at, __: begin <= sent_at < begin + OUTAGE,
        latency=lambda asked, now: 1 + asked.position % 25 if now < begin else 0.01,
    )
    watch = Watch(64, [endpoint])
    watch.run(None, lambda now: now > begin + OUTAGE)
    assert sum(at > begin + 1 for at in endpoint.replies) > 40
    assert endpoint.sent(begin, begin + OUTAGE) < 64
    assert watch.outcomes.failures == {}


@pytest.mark.parametrize("count", [1, 2, 3, 8, 30])
def test_the_last_requests_of_a_run_outlast_an_outage(count: int) -> None:
    """Where nothing else is left to ask, what is in flight isn't blamed for it either."""
    endpoint = Endpoint(
        fails_from(CALM), latency=lambda asked, _: LATENCY if asked.position < 20 else CALM
    )
    watch = Watch(64, [endpoint])
    watch.run(20 + count)
    assert len(watch.outcomes.replies) == 20 + count
    assert watch.outcomes.failures == {}
    assert CALM + OUTAGE < watch.ended < CALM + OUTAGE + LONGEST_REST + 90


def test_a_request_that_fails_by_itself_is_given_up() -> None:
    """A server error that meets one request alone is its own: it ends after a few minutes."""
    endpoint = Endpoint(lambda asked, _, __: asked.position == 3)
    watch = Watch(1, [endpoint])
    watch.run(2000)
    assert watch.outcomes.failures.keys() == {3}
    assert watch.outcomes.failures[3].attempts <= 12
    assert len(watch.outcomes.replies) == 1999
    assert not any("left alone" in notice for notice in watch.notices)


def test_requests_that_fail_by_themselves_do_not_set_the_deployment_aside() -> None:
    """Where only such are left at the end of a run, it doesn't wait for hours between them."""
    endpoint = Endpoint(lambda asked, _, __: asked.position % 20 == 7)
    watch = Watch(8, [endpoint])
    watch.run(2000)
    assert len(watch.outcomes.failures) == 100
    assert len(watch.outcomes.replies) == 1900
    assert watch.ended < 2000 * LATENCY / 8 + 600


def test_the_last_request_of_a_run_is_given_up_in_the_end() -> None:
    """With nothing to compare it with it is tried for longer than an outage, but not for ever."""
    endpoint = Endpoint(lambda asked, _, __: asked.position == 9)
    watch = Watch(1, [endpoint])
    watch.run(10)
    assert watch.outcomes.failures.keys() == {9}
    assert OUTAGE < watch.ended < OUTAGE + 3 * LONGEST_REST


@pytest.mark.parametrize(
    ("error", "begin", "end"), [(ConnectionFailed, 200, OUTAGE), (NoSuchName, 30, 60)]
)
def test_an_endpoint_that_has_never_answered_stops_the_run(
    error: type[RequestError], begin: float, end: float
) -> None:
    """A wrong address isn't probed for a night, and a server that starts is waited for.

    A name that nobody has is no server that starts.
    """
    watch = Watch(8, [Endpoint(lambda *_: True, error)])
    watch.run(100)
    assert isinstance(watch.stopped_by, Unreachable)
    assert watch.outcomes.failures == {}
    assert begin < watch.ended < end


def test_a_name_that_is_known_a_little_late_costs_nothing() -> None:
    """Half a minute is bridged, and with an answer the name may be away like any endpoint."""
    late = Endpoint(lambda _, sent_at, __: sent_at < 20 or 100 < sent_at < 300, NoSuchName)
    watch = Watch(8, [late])
    watch.run(4000)
    assert watch.stopped_by is None
    assert len(watch.outcomes.replies) == 4000
    assert late.answered_after(300)
