"""A deployment that is down is left alone, and found out when it is back."""

from __future__ import annotations

import pytest

from syphus.engine.breaker import FIRST_REST, LONGEST_REST, OPENS_AFTER, Breaker


def fail(breaker: Breaker, times: int, *, sent_at: float, now: float) -> None:
    """Failures in a row."""
    for _ in range(times):
        breaker.failed(sent_at=sent_at, now=now)


def test_the_breaker_opens_after_ten_in_a_row() -> None:
    """Nine failures and a success leave it closed."""
    breaker = Breaker()
    fail(breaker, OPENS_AFTER - 1, sent_at=0, now=1)
    breaker.succeeded(sent_at=1)
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
    now += LONGEST_REST
    breaker.sent()
    breaker.succeeded(sent_at=now)
    assert breaker.wait(now) == 0


def test_only_the_probe_tells_that_a_deployment_is_back() -> None:
    """Replies to what was sent before the rest may come while the probe is under way."""
    breaker = Breaker()
    fail(breaker, OPENS_AFTER, sent_at=0, now=1)
    breaker.sent()
    breaker.succeeded(sent_at=0.5)
    breaker.no_verdict(sent_at=0.5)
    assert breaker.wait(40) is None
    breaker.succeeded(sent_at=32)
    assert breaker.wait(40) == 0
