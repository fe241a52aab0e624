"""A deployment's limits: requests a minute, tokens a minute, requests in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncio_throttle.throttler import Throttler

if TYPE_CHECKING:
    from collections.abc import Mapping

_MINUTE = 60.0
_CUT = 0.7
_GROWTH = 0.02
_POLL_SECONDS = 0.002


def request_throttle(per_minute: float) -> Throttler:
    """Admits `per_minute` requests, spread: never more than one second's share in a second.

    Azure enforces a limit per minute over windows of 1 to 10 seconds, so a minute's worth must
    not go out at once. Below one a second the share is a single request.
    """
    share = max(1, int(per_minute // _MINUTE))
    return Throttler(
        rate_limit=share, period=share * _MINUTE / per_minute, retry_interval=_POLL_SECONDS
    )


class TokenBucket:
    """Tokens a minute, refilled continuously, with one second's share of burst.

    A request takes its estimate (prompt and max_tokens) and gives back what it didn't use.
    Times are seconds of a monotonic clock.
    """

    def __init__(self, per_minute: float, *, now: float) -> None:
        self.per_minute = per_minute
        self._level = per_minute / _MINUTE
        self._at = now

    def resize(self, per_minute: float, *, now: float) -> None:
        """Takes on another limit from now on."""
        self._refill(now)
        self.per_minute = per_minute
        self._level = min(self._level, per_minute / _MINUTE)

    def wait(self, tokens: int, now: float) -> float:
        """Seconds until a request of `tokens` fits; one larger than the burst waits for it full."""
        self._refill(now)
        per_second = self.per_minute / _MINUTE
        return max(0.0, (min(tokens, per_second) - self._level) / per_second)

    def take(self, tokens: int) -> None:
        """Takes `tokens`; the level may go below nothing, and later requests wait longer."""
        self._level -= tokens

    def give_back(self, tokens: int) -> None:
        """Returns what a request reserved and didn't use."""
        self._level = min(self._level + tokens, self.per_minute / _MINUTE)

    def _refill(self, now: float) -> None:
        per_second = self.per_minute / _MINUTE
        self._level = min(per_second, self._level + (now - self._at) * per_second)
        self._at = now


class Concurrency:
    """An adaptive cap on requests in flight: starts at the most, is cut on 429, grows back.

    Additive increase, multiplicative decrease, as TCP's congestion avoidance: one rate limit
    cuts it to 70% (once for all requests that were in flight together), each success while the
    cap is used adds 2% of a place, at least one place a round.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.in_flight = 0
        self._cap = float(most)
        self._cut_at = float("-inf")

    @property
    def cap(self) -> int:
        """Requests that may be in flight now."""
        return max(1, int(self._cap))

    @property
    def has_place(self) -> bool:
        """Whether one more request may be sent."""
        return self.in_flight < self.cap

    def succeeded(self) -> None:
        """A request was answered well; call it before its place is given back."""
        if self._cap < self.most and self.in_flight >= self.cap:
            self._cap = min(float(self.most), self._cap + max(1 / self._cap, _GROWTH))

    def rate_limited(self, *, sent_at: float, now: float) -> bool:
        """A request sent at `sent_at` was refused; True if the cap was cut for it."""
        if sent_at <= self._cut_at:
            return False
        self._cap = max(1.0, min(self._cap, float(self.in_flight)) * _CUT)
        self._cut_at = now
        return True


def limit_in(headers: Mapping[str, str], what: str) -> int | None:
    """The limit per minute that rate-limit headers state for `requests` or `tokens`, if any.

    Azure's preview versions send -1 where they don't know.
    """
    return _positive(headers.get(f"x-ratelimit-limit-{what}"))


def is_used_up(headers: Mapping[str, str], what: str) -> bool:
    """Whether the headers say that nothing remains in the present window."""
    return headers.get(f"x-ratelimit-remaining-{what}") == "0"


def _positive(value: str | None) -> int | None:
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 12:  # noqa: PLR2004 - longer is no limit but a mistake
        return None
    return int(value) or None
