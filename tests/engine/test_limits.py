"""Limits a minute, the cap in flight, the breaker, the budget and the waits between tries."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syphus.core.deployments import Deployment
from syphus.core.errors import RateLimited, RequestError, ServerFailed
from syphus.core.records import Reply, Request
from syphus.engine.breaker import FIRST_REST, LONGEST_REST, OPENS_AFTER, Breaker
from syphus.engine.budget import Budget
from syphus.engine.limits import (
    Concurrency,
    TokenBucket,
    is_used_up,
    limit_in,
    request_throttle,
)
from syphus.engine.retry import Backoff, RetryPolicy, Tries, may_retry
from tests.engine.conftest import Bench, Scripted, reply, run


@settings(max_examples=20, deadline=None)
@given(st.integers(600, 60_000))
def test_no_second_sees_more_than_its_share_of_requests(per_minute: int) -> None:
    """Azure counts in windows of seconds: a minute's worth must not go out at once."""

    async def go() -> list[float]:
        throttle = request_throttle(per_minute)
        times = []
        until = time.monotonic() + 0.05
        while time.monotonic() < until and len(times) < 2000:
            try:
                async with asyncio.timeout(0.02):
                    await throttle.acquire()
            except TimeoutError:
                break
            times.append(time.monotonic())
        return times

    times = asyncio.run(go())
    assert 1 <= len(times) <= per_minute // 60 + 1


@given(
    st.integers(60, 10**6),
    st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 2)), min_size=2, max_size=60),
)
def test_no_window_sees_more_tokens_than_its_share(
    per_minute: int, takes: list[tuple[int, float]]
) -> None:
    """Over any stretch, what is taken is at most its share and one request beyond a second's."""
    now = 0.0
    bucket = TokenBucket(per_minute, now=now)
    taken: list[tuple[float, int]] = []
    for tokens, pause in takes:
        now += pause
        now += bucket.wait(tokens, now)
        bucket.take(tokens)
        taken.append((now, tokens))
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            seconds = taken[last][0] - taken[first][0]
            total = sum(tokens for _, tokens in taken[first:last])
            assert total <= per_minute / 60 * (seconds + 1) + max(t for _, t in taken) + 1e-3


def test_what_a_request_did_not_use_is_given_back() -> None:
    """The estimate is corrected by the real usage, up to one second's share."""
    bucket = TokenBucket(6000, now=0.0)
    bucket.take(100)
    assert bucket.wait(100, 0.0) == pytest.approx(1.0)
    bucket.give_back(50)
    assert bucket.wait(100, 0.0) == pytest.approx(0.5)
    bucket.give_back(10_000)
    assert bucket.wait(100, 0.0) == 0
    assert bucket.wait(200, 0.0) == 0


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


def test_a_used_up_window_is_recognised() -> None:
    """Only a plain zero says so."""
    assert is_used_up({"x-ratelimit-remaining-tokens": "0"}, "tokens")
    assert not is_used_up({"x-ratelimit-remaining-tokens": "-1"}, "tokens")
    assert not is_used_up({}, "tokens")


def test_one_round_of_rate_limits_cuts_once() -> None:
    """Requests that were in flight together and are all refused lower the cap one time."""
    places = Concurrency(100)
    places.in_flight = 100
    cuts = [places.rate_limited(sent_at=0.0, now=1.0) for _ in range(100)]
    assert (cuts.count(True), places.cap) == (1, 70)
    assert places.rate_limited(sent_at=2.0, now=3.0)
    assert places.cap == 49


def test_the_cap_grows_back_only_while_it_is_used() -> None:
    """Successes with places to spare say nothing about how many more would go."""
    places = Concurrency(10)
    places.in_flight = 10
    places.rate_limited(sent_at=0.0, now=1.0)
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
            places.rate_limited(sent_at=now, now=now)
        assert 1 <= places.cap <= 5


def fail(breaker: Breaker, times: int, *, sent_at: float, now: float) -> None:
    """Failures in a row."""
    for _ in range(times):
        breaker.failed(sent_at=sent_at, now=now)


def test_the_breaker_opens_after_ten_in_a_row() -> None:
    """Nine failures and a success leave it closed."""
    breaker = Breaker()
    fail(breaker, OPENS_AFTER - 1, sent_at=0, now=1)
    breaker.succeeded()
    fail(breaker, OPENS_AFTER - 1, sent_at=1, now=2)
    assert breaker.wait(2) == 0
    assert breaker.failed(sent_at=1, now=2)
    assert breaker.wait(2) == FIRST_REST


def test_an_open_breaker_lets_one_probe_out_and_doubles_its_rest() -> None:
    """30 s, 60 s, 120 s, ... up to five minutes; what was in flight before doesn't count."""
    breaker = Breaker()
    fail(breaker, OPENS_AFTER, sent_at=0, now=0)
    fail(breaker, 50, sent_at=0, now=1)
    now, rests = 0.0, []
    for _ in range(6):
        rest = breaker.wait(now)
        assert rest is not None
        rests.append(rest)
        now += rest
        assert breaker.wait(now) == 0
        breaker.sent()
        assert breaker.wait(now) is None
        breaker.failed(sent_at=now + 0.1, now=now + 0.2)
        now += 0.2
    assert rests == pytest.approx([30, 60, 120, 240, LONGEST_REST, LONGEST_REST])
    breaker.sent()
    breaker.succeeded()
    assert breaker.wait(now) == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1)), max_size=50), st.floats(1, 20))
def test_a_budget_holds_with_all_in_flight(
    requests: list[tuple[float, float]], limit: float
) -> None:
    """Whatever is reserved and then costs up to its most, the limit is kept."""
    budget = Budget(limit)
    reserved = [most for most, _ in requests if budget.reserve(most)]
    for most, (_, part) in zip(reserved, requests, strict=False):
        budget.settle(most, most * part)
    assert budget.spent <= limit + 1e-9


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
        times.append(time.monotonic())
        await asyncio.sleep(0)
        return reply()

    run(bench.engine(Scripted(answer), most=64, deployment=deployment), 50)
    for first in range(len(times) - 20):
        assert times[first + 20] - times[first] > 0.97
