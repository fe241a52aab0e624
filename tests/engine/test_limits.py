"""Limits a minute, the cap in flight, the breaker, the budget and the waits between tries."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest
from asyncio_throttle import throttler
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.deployments import Deployment
from syphus.core.errors import RateLimited, RequestError, ServerFailed
from syphus.core.records import Reply, Request, Usage
from syphus.engine.limits import (
    Concurrency,
    Pace,
    Spacing,
    TokenWindow,
    limit_in,
    remaining_in,
    request_throttle,
)
from syphus.engine.retry import Backoff, RetryPolicy, Tries, may_retry
from tests.engine.conftest import Bench, Scripted, reply, request, run


class FakeTime:
    """Stands for the modules `time` and `asyncio` of the throttle: waiting only moves the clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(
    st.floats(1, 600_000),
    st.lists(st.floats(0, 3), min_size=1, max_size=20),
    st.integers(1, 60),
)
def test_no_second_sees_more_than_its_share_of_requests(
    per_minute: float, pauses: list[float], burst: int
) -> None:
    """Azure counts in windows of seconds: a minute's worth must not go out at once."""
    clock = FakeTime()
    throttle = request_throttle(per_minute)
    sent: list[float] = []

    async def go() -> None:
        for pause in pauses:
            clock.now += pause
            for _ in range(burst):
                await throttle.acquire()
                sent.append(clock.now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throttler, "time", clock)
        patch.setattr(throttler, "asyncio", clock)
        asyncio.run(go())
    share = max(1, int(per_minute // 60))
    period = share * 60 / per_minute
    for first, later in itertools.pairwise(sent[i] for i in range(0, len(sent), share)):
        assert later - first > period - 1e-6
    assert len(sent) == len(pauses) * burst


Takes = st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 2)), min_size=2, max_size=60)


def let_through(window: TokenWindow, takes: list[tuple[int, float]]) -> list[tuple[float, int]]:
    """When requests of so many tokens get in that come with such pauses between them."""
    now = 0.0
    taken = []
    for tokens, pause in takes:
        now += pause
        while seconds := window.wait(tokens, now):
            now += seconds
        window.take(tokens, now, pace=1.0)
        taken.append((now, tokens))
    return taken


@given(st.integers(60, 10**6), Takes)
def test_no_window_sees_more_tokens_than_its_share(
    per_minute: int, takes: list[tuple[int, float]]
) -> None:
    """Any second holds a second's share at most, or one request that is larger than that."""
    taken = let_through(TokenWindow(per_minute), takes)
    for first, (start, _) in enumerate(taken):
        within = [tokens for at, tokens in taken[first:] if at < start + 1 - 1e-6]
        assert len(within) == 1 or sum(within) <= per_minute / 60


@given(st.integers(60, 10**6), Takes)
def test_large_requests_keep_to_the_limit_on_average(
    per_minute: int, takes: list[tuple[int, float]]
) -> None:
    """A request of several seconds' share holds the window for as many seconds."""
    taken = let_through(TokenWindow(per_minute), takes)
    for first, (start, _) in enumerate(taken):
        for at, tokens in taken[first:]:
            before = sum(amount for then, amount in taken[first:] if then < at)
            assert before <= per_minute / 60 * (at - start + 1) + tokens * 1e-9 + 1e-3


@given(st.integers(60, 10**6), Takes)
def test_no_request_waits_longer_than_those_before_it_take(
    per_minute: int, takes: list[tuple[int, float]]
) -> None:
    """Nobody starves: a large one is let in once what was before it has left."""
    at_once = [(tokens, 0.0) for tokens, _ in takes]
    taken = let_through(TokenWindow(per_minute), at_once)
    seconds = 0.0
    for (at, _), (tokens, _) in zip(taken, takes, strict=True):
        assert at <= seconds + 1e-6
        seconds += max(1.0, tokens * 60 / per_minute)


def test_what_was_not_used_is_spent_while_the_endpoint_says_that_it_remains() -> None:
    """Where only real usage counts, `remaining` stays high, and more is sent; up to that usage."""
    window = TokenWindow(60_000)
    window.used(Usage(prompt_tokens=100, completion_tokens=150), estimated=100, reserved=1000)
    window.take(1000, 0.0, pace=1.0)
    assert window.wait(1000, 0.0) == pytest.approx(1.0)
    window.told(60_000)
    window.take(1000, 2.0, pace=1.0)
    assert window.wait(1000, 2.0) == pytest.approx(0.25, rel=0.01)
    window.told(30_000)
    window.take(1000, 4.0, pace=1.0)
    assert window.wait(1000, 4.0) == pytest.approx(1.0)


def test_estimates_of_prompts_are_corrected_by_what_was_counted() -> None:
    """A vocabulary that cuts finer than ours would overrun the limit by as much."""
    window = TokenWindow(60_000)
    asked = replace(request(1), prompt_tokens=100)
    most = asked.shape.sampling.max_tokens or 0
    assert window.size(asked) == 100 + most
    for _ in range(1000):
        window.used(Usage(prompt_tokens=120, completion_tokens=5), estimated=100, reserved=150)
    assert window.size(asked) == 120 + most


@given(st.lists(st.tuples(st.floats(0.001, 5), st.floats(0, 3)), min_size=2, max_size=60))
def test_requests_are_spread_evenly(takes: list[tuple[float, float]]) -> None:
    """Over any stretch, requests stand for a tenth of a second more than it lasts, and one more."""
    spacing = Spacing()
    now = 0.0
    taken = []
    for seconds, pause in takes:
        now += pause
        now += spacing.wait(now)
        spacing.take(seconds, now)
        taken.append((now, seconds))
    for first, (start, _) in enumerate(taken):
        for last, (end, _) in enumerate(taken[first:], first):
            stood_for = sum(seconds for _, seconds in taken[first:last])
            assert stood_for <= end - start + 0.1 + 1e-6


def test_refusals_slow_the_pace_and_answers_bring_it_back() -> None:
    """The pace stays between half of the limit and a little less than all of it."""
    pace = Pace()
    calm = pace.factor
    assert 0.98 <= calm < 1
    pace.refused()
    assert pace.factor < calm * 0.98
    for _ in range(1000):
        pace.refused()
    assert pace.factor == 0.5
    for _ in range(10_000):
        pace.answered()
    assert pace.factor == calm


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ratelimit-limit-requests": "600"}, 600),
        ({"x-ratelimit-limit-requests": "-1"}, None),
        ({"x-ratelimit-limit-requests": "0"}, None),
        ({"x-ratelimit-limit-requests": "many"}, None),
        ({"x-ratelimit-limit-requests": "9" * 5000}, None),
        ({"x-ratelimit-limit-requests": "\u0665"}, None),
        ({}, None),
    ],
)
def test_limits_are_taken_from_sound_headers_only(
    headers: dict[str, str], expected: int | None
) -> None:
    """A provider's -1, or nonsense, is no limit."""
    assert limit_in(headers, "requests") == expected


@pytest.mark.parametrize(("value", "left"), [("0", 0), ("12", 12), ("-1", None), (None, None)])
def test_what_remains_is_taken_from_sound_headers_only(value: str | None, left: int | None) -> None:
    """Azure's -1 means that it doesn't know."""
    headers = {} if value is None else {"x-ratelimit-remaining-tokens": value}
    assert remaining_in(headers, "tokens") == left


def test_few_go_until_one_is_answered() -> None:
    """A limit that isn't known yet is found out by a handful of requests, not by a thousand."""
    places = Concurrency(1000)
    assert places.cap == 8
    places.in_flight = 8
    places.succeeded()
    assert places.cap == 1000


def opened(most: int) -> Concurrency:
    """A cap after a first answer."""
    places = Concurrency(most)
    places.succeeded()
    return places


def test_one_round_of_rate_limits_cuts_once() -> None:
    """Requests that were in flight together and are all refused lower the cap one time."""
    places = opened(100)
    places.in_flight = 100
    cuts = [places.rate_limited(sent_at=0.0, now=1.0, is_paced=False) for _ in range(100)]
    assert (cuts.count(True), places.cap) == (1, 70)
    assert places.rate_limited(sent_at=2.0, now=3.0, is_paced=False)
    assert places.cap == 49


def test_a_rate_limit_cuts_little_where_the_limit_is_known() -> None:
    """Then the pace was wrong, and fewer in flight would only leave the limit unused."""
    places = opened(100)
    places.in_flight = 100
    assert places.rate_limited(sent_at=0.0, now=1.0, is_paced=True)
    assert places.cap == 95


def test_the_cap_grows_back_only_while_it_is_used() -> None:
    """Successes with places to spare say nothing about how many more would go."""
    places = opened(10)
    places.in_flight = 10
    places.rate_limited(sent_at=0.0, now=1.0, is_paced=False)
    places.in_flight = 1
    for _ in range(1000):
        places.succeeded()
    assert places.cap == 7
    for _ in range(1000):
        places.in_flight = places.cap
        places.succeeded()
    assert places.cap == 10


@given(st.lists(st.booleans(), max_size=200))
def test_the_cap_stays_between_one_and_the_most(events: list[bool]) -> None:
    """Whatever happens, at least one request may go and never more than allowed."""
    places = Concurrency(5)
    for now, good in enumerate(events, start=1):
        places.in_flight = places.cap
        if good:
            places.succeeded()
        else:
            places.rate_limited(sent_at=now, now=now, is_paced=now % 2 == 0)
        assert 1 <= places.cap <= 5


@given(st.integers(1, 100), st.none() | st.floats(0, 300))
def test_a_wait_is_jittered_and_never_below_what_was_asked(
    tries: int, retry_after: float | None
) -> None:
    """Between Retry-After and a minute beyond it."""
    error = RateLimited("slow down", retry_after=retry_after)
    seconds = Backoff().seconds(Tries(rate_limited=tries), error)
    assert (retry_after or 0) <= seconds <= (retry_after or 0) + min(60, 2 ** (tries - 1))


def test_tries_are_counted_by_kind() -> None:
    """Being asked for patience doesn't use up the tries that failures have."""
    policy, tries = RetryPolicy(transient=2, rate_limited=5), Tries()
    for _ in range(4):
        tries.count(RateLimited("slow"))
        assert may_retry(RateLimited("slow"), tries, policy)
    tries.count(ServerFailed("down"))
    assert may_retry(ServerFailed("down"), tries, policy)
    tries.count(ServerFailed("down"))
    assert not may_retry(ServerFailed("down"), tries, policy)
    assert not may_retry(RequestError("odd"), Tries(), policy)


def test_given_limits_are_kept_by_the_engine(bench: Bench) -> None:
    """1,200 requests a minute are 20 a second, however many may be in flight."""
    deployment = Deployment(
        name="d", api_type="openai", base_url="http://x", model="m", requests_per_minute=1200
    )
    times: list[float] = []

    async def answer(_request: Request, _attempt: int) -> Reply:
        times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0)
        return reply()

    run(bench.engine(Scripted(answer), most=64, deployment=deployment), 50)
    for first in range(len(times) - 20):
        assert times[first + 20] - times[first] > 0.97
