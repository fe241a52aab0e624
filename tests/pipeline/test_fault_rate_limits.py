"""Rate limits: what a 429 asks for is waited for, whatever its spelling, and costs no query."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from syphus.testing import Fault, LimitChange, Limits, Script

ASKED = 300.0
# A first wait of a second at most, and what is skipped while replies are written down.
SOON = 60.0


@pytest.mark.parametrize("spelling", ["ms", "seconds", "date"])
def test_retry_after_is_a_minimum(hurried: Any, photos: Callable[..., Any], spelling: Any) -> None:
    """Five minutes in milliseconds, in seconds or as a date: the run waits so long, not less."""
    fault = Fault("rate_limited", first=1, retry_after=ASKED, retry_after_as=spelling)
    hurried.server.play(Script(faults=[fault]))
    began = time.monotonic()
    sitting = hurried.run(photos(3), num_threads=1)
    took = time.monotonic() - began
    assert sitting.counts == (3, 0, 0)
    assert sitting.requests == 4
    # A date is told in whole seconds.
    assert hurried.skipped + took >= ASKED - 1
    assert hurried.skipped < ASKED + SOON


@pytest.mark.parametrize("spelling", ["ms", "seconds"])
@pytest.mark.parametrize("value", [-5.0, float("nan"), float("inf")])
def test_a_wait_that_makes_no_sense_is_as_none(
    hurried: Any, photos: Callable[..., Any], spelling: Any, value: float
) -> None:
    """Negative, NaN and infinite values neither end the run nor hold it: it waits as it would."""
    fault = Fault("rate_limited", first=1, retry_after=value, retry_after_as=spelling)
    hurried.server.play(Script(faults=[fault]))
    sitting = hurried.run(photos(3), num_threads=1)
    assert sitting.outcome.exit_status == 0
    assert sitting.counts == (3, 0, 0)
    assert hurried.skipped < SOON


def test_a_date_that_has_passed_is_as_none(hurried: Any, photos: Callable[..., Any]) -> None:
    """A server whose clock is behind asks for no wait."""
    fault = Fault("rate_limited", first=1, retry_after=-3600, retry_after_as="date")
    hurried.server.play(Script(faults=[fault]))
    assert hurried.run(photos(3), num_threads=1).counts == (3, 0, 0)
    assert hurried.skipped < SOON


def test_waiting_is_no_failure(hurried: Any, photos: Callable[..., Any]) -> None:
    """A query that is put off more often than a failing one would be tried is answered at last."""
    hurried.server.play(Script(faults=[Fault("rate_limited", first=20)]))
    sitting = hurried.run(photos(1))
    assert sitting.counts == (1, 0, 0)
    assert sitting.requests == 21
    assert sitting.outcome.snapshot.rate_limited == 20


def test_limits_that_are_told_nowhere_are_kept_by_patience(
    hurried: Any, photos: Callable[..., Any]
) -> None:
    """Without a single rate-limit header, 429s alone bring every query through."""
    limits = Limits(requests_per_minute=3000, window=0.2, style="none", tells_retry_after=False)
    hurried.server.play(Script(limits=limits))
    sitting = hurried.run(photos(60), num_threads=32)
    assert sitting.counts == (60, 0, 0)
    assert hurried.server.log.rate_limited > 0


def test_remaining_minus_one_is_no_limit(job: Any, photos: Callable[..., Any]) -> None:
    """Azure's -1 says that nothing is known: nobody waits for it."""
    limits = Limits(
        requests_per_minute=10**6,
        tokens_per_minute=10**9,
        tells_limits=False,
        tells_minus_one=True,
    )
    job.server.play(Script(limits=limits))

    async def go() -> Any:
        # A wait of a second for each reply would make it two minutes.
        async with asyncio.timeout(40):
            return await job.syphus(photos(120), num_threads=1).run()

    assert asyncio.run(go()).snapshot.valid == 120


def test_a_limit_that_falls_during_the_run_is_followed(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The headers tell of the lower limit: no query is lost, and few are refused for it."""
    limits = Limits(
        requests_per_minute=12_000,
        window=1.0,
        changes=[LimitChange(at=60, requests_per_minute=1200)],
    )
    job.server.play(Script(limits=limits))
    sitting = job.run(photos(100), num_threads=8)
    assert sitting.counts == (100, 0, 0)
    # Those in flight when it falls, and as many again.
    assert job.server.log.rate_limited <= 16


def busiest(job: Any, photos: Callable[..., Any], fault: Any) -> tuple[int, str]:
    """The most in flight after eight requests met a fault, once all of that time are gone."""
    seen: list[int] = []
    log = job.server.log

    def answer(_messages: Any, _body: Any) -> str:
        seen.append(log.in_flight)
        return "Question: What?\nAnswer: That."

    job.server.play(Script(answer=answer, latency=0.1, faults=[Fault(fault, after=16, until=24)]))
    sitting = job.run(photos(72), num_threads=16)
    assert sitting.counts == (72, 0, 0)
    return max(seen[40:]), sitting.said


def test_a_rate_limit_lowers_concurrency(job: Any, photos: Callable[..., Any]) -> None:
    """After 429s fewer are in flight than allowed, and that is said."""
    most, said = busiest(job, photos, "rate_limited")
    assert most < 16
    assert "rate limited" in said


def test_a_server_error_does_not_lower_concurrency(job: Any, photos: Callable[..., Any]) -> None:
    """After as many 500s all places are taken again."""
    most, said = busiest(job, photos, "server_error")
    assert most == 16
    assert "rate limited" not in said
