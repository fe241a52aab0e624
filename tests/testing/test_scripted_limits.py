from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.testing import LimitChange, Limits, Script, ScriptedServer
from syphus.testing.limits import Limiter, allowance, spell_duration

ARRIVALS = st.lists(st.tuples(st.floats(0, 2), st.integers(1, 60)), max_size=80)


@given(
    arrivals=ARRIVALS,
    window=st.floats(1, 10),
    rpm=st.integers(1, 2000),
    tpm=st.integers(60, 6000),
)
def test_no_window_holds_more_than_its_limit(
    arrivals: list[tuple[float, int]], window: float, rpm: int, tpm: int
) -> None:
    """In no window are more requests or tokens admitted than allowed, and none refused in vain."""
    limiter = Limiter(Limits(requests_per_minute=rpm, tokens_per_minute=tpm, window=window))
    requests, tokens = allowance(rpm, window), allowance(tpm, window)
    admitted: list[tuple[float, int]] = []
    times = accumulate(gap for gap, _ in arrivals)
    for position, (now, (_, amount)) in enumerate(zip(times, arrivals, strict=True), start=1):
        verdict = limiter.judge(now, position=position, tokens=amount, dialect="openai")
        recent = [size for at, size in admitted if at + window > now]
        fits = len(recent) < requests and sum(recent) + amount <= tokens
        assert verdict.admitted == fits
        if fits:
            admitted.append((now, amount))


@given(arrivals=ARRIVALS, rpm=st.integers(1, 100), tpm=st.integers(60, 6000))
def test_the_wait_that_is_told_is_enough(
    arrivals: list[tuple[float, int]], rpm: int, tpm: int
) -> None:
    """Who comes back after the time told in the refusal, before anyone else, is admitted."""
    limiter = Limiter(Limits(requests_per_minute=rpm, tokens_per_minute=tpm, window=3))
    now = 0.0
    for gap, amount in arrivals:
        now += gap
        verdict = limiter.judge(now, position=1, tokens=amount, dialect="openai")
        if verdict.admitted or math.isinf(verdict.wait):
            assert verdict.admitted or amount > allowance(tpm, 3)
            continue
        now += int(verdict.headers["retry-after-ms"]) / 1000 + 1e-6
        assert limiter.judge(now, position=1, tokens=amount, dialect="openai").admitted


@pytest.mark.parametrize(
    ("seconds", "spelled"),
    [
        (0, "0s"),
        (0.02, "20ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (59.9996, "1m0s"),
        (360, "6m0s"),
        (90.951, "1m30.951s"),
        (3723, "1h2m3s"),
    ],
)
def test_durations_are_spelled_as_openai_does(seconds: float, spelled: str) -> None:
    """Reset headers are spelled with hours, minutes, seconds or milliseconds."""
    assert spell_duration(seconds) == spelled


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_a_burst_gets_what_the_window_allows(ask_all: Any, dialect: str) -> None:
    """Of 60 requests at once, 120 a minute over ten seconds lets 20 through; the rest get 429."""
    limits = Limits(requests_per_minute=120, window=10)
    with ScriptedServer(Script(limits=limits)) as server:
        answers = ask_all(server, [f"q{number}" for number in range(60)], dialect=dialect)
        log = server.log
    good = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    assert (len(good), len(refused)) == (20, 40)
    assert log.rate_limited == 40
    assert log.busiest(10)[0] == 20
    assert sum(requests for requests, _ in log.windows(10)) == 20
    assert sorted(int(one.headers["x-ratelimit-remaining-requests"]) for one in good) == [
        *range(20)
    ]
    for answer in refused:
        assert "rate limit" in answer.error["message"].lower()
        assert answer.error["code"] == ("429" if dialect == "azure" else "rate_limit_exceeded")
        assert answer.headers["retry-after"] in {"9", "10"}
        assert 0 < int(answer.headers["retry-after-ms"]) <= 10_000
    reset = refused[0].headers.get("x-ratelimit-reset-requests")
    assert reset is None if dialect == "azure" else reset.endswith("s")


def test_tokens_are_the_prompt_and_the_reserved_completion(ask: Any) -> None:
    """A request is admitted by its prompt's estimate plus max_tokens."""
    limits = Limits(tokens_per_minute=6000, window=10)
    with ScriptedServer(Script(limits=limits)) as server:
        first = ask(server, "x", max_tokens=600)
        second = ask(server, "x", max_tokens=600)
        too_large = ask(server, "x", max_tokens=1000)
        prompt = first.value["usage"]["prompt_tokens"]
        assert first.headers["x-ratelimit-limit-tokens"] == "6000"
        assert int(first.headers["x-ratelimit-remaining-tokens"]) == 1000 - 600 - prompt
        assert "x-ratelimit-limit-requests" not in first.headers
        assert second.status == 429
        assert second.error["type"] == "tokens"
        assert "too large" in too_large.error["message"]
        assert "retry-after" not in too_large.headers
        assert server.log.busiest(10) == (1, 600 + prompt)


def test_headers_are_told_as_the_limits_say(ask: Any) -> None:
    """Headers may be absent, without limits, -1, or in the other provider's style."""
    common = {"requests_per_minute": 6, "window": 10}
    with ScriptedServer(Script(limits=Limits(style="none", **common))) as server:
        told = ask(server), ask(server)
        server.play(Script(limits=Limits(tells_minus_one=True, tells_limits=False, **common)))
        minus_one = ask(server)
        server.play(Script(limits=Limits(style="azure", tells_retry_after=False, **common)))
        azure = ask(server), ask(server)
    assert [one.status for one in told] == [200, 429]
    assert not any(name.lower().startswith("x-ratelimit") for one in told for name in one.headers)
    assert "retry-after" in told[1].headers
    assert minus_one.headers["x-ratelimit-remaining-requests"] == "-1"
    assert "x-ratelimit-limit-requests" not in minus_one.headers
    assert "x-ratelimit-reset-requests" not in azure[0].headers
    assert azure[1].status == 429
    assert "retry-after" not in azure[1].headers


def test_limits_may_fall_during_a_run(ask_all: Any) -> None:
    """From the position of a change on, its figures are enforced and told."""
    change = LimitChange(at=6, requests_per_minute=36)
    limits = Limits(requests_per_minute=600, window=10, changes=[change])
    with ScriptedServer(Script(limits=limits)) as server:
        answers = ask_all(server, [f"q{number}" for number in range(10)], at_once=1)
    assert [one.status for one in answers] == [200] * 6 + [429] * 4
    told = [one.headers["x-ratelimit-limit-requests"] for one in answers]
    assert told == ["600"] * 5 + ["36"] * 5
