"""Response headers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.backends.headers import keep_headers, request_id, retry_after, tell_rate_limits

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def wait(**headers: str) -> float | None:
    """The wait that headers ask for, with underscores for hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return retry_after(given, now=NOW.timestamp())


def test_only_listed_headers_are_kept() -> None:
    """Ids, times and rate limits stay; cookies and echoes of credentials don't."""
    raw = [
        (b"X-Request-ID", b"req_1"),
        (b"apim-request-id", b"apim"),
        (b"X-RateLimit-Remaining-Tokens", b"7"),
        (b"Retry-After", b"2"),
        (b"retry-after-ms", b"1500"),
        (b"openai-processing-ms", b"12"),
        (b"Set-Cookie", b"session=secret"),
        (b"Authorization", b"Bearer secret"),
        (b"api-key", b"secret"),
        (b"x-request-id-2", b"secret"),
    ]
    assert keep_headers(raw) == {
        "x-request-id": "req_1",
        "apim-request-id": "apim",
        "x-ratelimit-remaining-tokens": "7",
        "retry-after": "2",
        "retry-after-ms": "1500",
        "openai-processing-ms": "12",
    }


def test_rate_limit_headers_are_recognised() -> None:
    """Only their prefix counts."""
    assert tell_rate_limits({"x-request-id": "1", "x-ratelimit-limit-requests": "5"})
    assert not tell_rate_limits({"x-request-id": "1", "retry-after": "5"})


def test_request_ids_of_openai_and_azure() -> None:
    """Either header names the request."""
    assert request_id({"x-request-id": "a", "apim-request-id": "b"}) == "a"
    assert request_id({"apim-request-id": "b"}) == "b"
    assert request_id({}) is None


def test_seconds_milliseconds_and_dates() -> None:
    """All three spellings are seconds; the finer one goes first."""
    assert wait(retry_after="2") == 2
    assert wait(retry_after=" 0.5 ") == 0.5
    assert wait(retry_after="0") == 0
    assert wait(retry_after_ms="1500", retry_after="9") == 1.5
    assert wait(retry_after_ms="soon", retry_after="9") == 9
    assert wait(retry_after="Thu, 01 Jan 2026 00:00:30 GMT") == 30
    assert wait(retry_after="Thu, 01 Jan 2026 00:00:30 -0000") == 30
    assert wait(retry_after="Thursday, 01-Jan-26 00:00:30 GMT") == 30


@given(st.timedeltas(timedelta(0), timedelta(days=1)))
def test_dates_count_from_the_given_clock(ahead: timedelta) -> None:
    """A date is as far away as it is from the injected clock, to the second."""
    seconds = wait(retry_after=format_datetime(NOW + ahead, usegmt=True))
    assert seconds == pytest.approx(ahead.total_seconds(), abs=1)


@pytest.mark.parametrize(
    "text",
    [
        "", "-1", "-0.5", "nan", "inf", "Infinity", "1e400", "1_0", "٣", "0x10", "soon", "5s",
        "Wed, 31 Dec 2025 23:59:59 GMT", "Thu, 99 Jan 2026 00:00:00 GMT",
        "Thu, 01 Jan 99999 00:00:00 GMT",
    ],
)  # fmt: skip
def test_garbage_asks_for_no_wait(text: str) -> None:
    """What is negative, infinite, past or unreadable counts as not said."""
    assert wait(retry_after=text) is None
    assert wait(retry_after_ms=text) is None


@given(st.text())
def test_a_wait_is_always_usable(text: str) -> None:
    """Whatever a server writes, the wait is between nothing and a day."""
    for seconds in (wait(retry_after=text), wait(retry_after_ms=text)):
        assert seconds is None or 0 <= seconds <= 86_400


@pytest.mark.parametrize("text", ["999999999", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_no_wait_over_a_day(text: str) -> None:
    """A wait of years is a mistake; a day of it is kept."""
    assert wait(retry_after=text) == 86_400
