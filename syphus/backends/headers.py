"""What is kept of a response's headers, and how long they ask us to wait."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RATE_LIMIT_PREFIX = "x-ratelimit-"
_RATE_LIMIT = RATE_LIMIT_PREFIX.encode()
_KEPT = frozenset(
    {
        b"x-request-id",
        b"apim-request-id",
        b"openai-processing-ms",
        b"retry-after",
        b"retry-after-ms",
    }
)
_LONGEST_WAIT = 24 * 3600.0
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]*)?")


def keep_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The allow-listed headers, names in lower case: ids, rate limits, times. Nothing else.

    Whatever else a server sends could be a cookie or an echo of a credential.
    """
    kept = {}
    for given, value in raw:
        name = given.lower()
        if name in _KEPT or name.startswith(_RATE_LIMIT):
            kept[name.decode("latin-1")] = value.decode("latin-1")
    return kept


def tell_rate_limits(headers: Mapping[str, str]) -> bool:
    """Whether any of `headers` is a rate-limit header."""
    return any(name.startswith(RATE_LIMIT_PREFIX) for name in headers)


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's name for this exchange: `x-request-id`, on Azure `apim-request-id`."""
    return headers.get("x-request-id") or headers.get("apim-request-id")


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (seconds or an HTTP date).

    `now` is the wall clock in seconds. At most 24 hours; None where nothing usable is said, which
    includes dates that have passed.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return min(milliseconds / 1000, _LONGEST_WAIT)
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is None and said is not None:
        seconds = _until(said, now)
    return None if seconds is None else min(seconds, _LONGEST_WAIT)


def _number(text: str | None) -> float | None:
    # float() would also take "nan", "1_0" and digits of other scripts.
    if text is None or not _NUMBER.fullmatch(text.strip()):
        return None
    return float(text)


def _until(date: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000": the time is UTC, the place unknown
        moment = moment.replace(tzinfo=UTC)
    seconds = moment.timestamp() - now
    return seconds if seconds >= 0 else None
