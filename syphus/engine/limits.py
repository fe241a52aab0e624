"""A deployment's limits: requests a minute, tokens a minute, requests in flight."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from asyncio_throttle.throttler import Throttler

from syphus.engine.sizes import most_completion_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.core.records import Request, Usage

_MINUTE = 60.0
_CALM = 0.985
_SLOWER = 0.97
_FASTER = 0.0001
_SLOWEST = 0.5
_CATCH_UP = 0.1
_FIRST_IN_FLIGHT = 8
_CUT = 0.7
_CUT_OF_PACED = 0.95
_GROWTH = 0.02
_POLLS = 500


class RequestThrottle(Throttler):
    """A throttle that tells whether `acquire` would wait: it polls, and nothing wakes it."""

    def wait(self) -> float:
        """Seconds until it is worth looking again; 0 where one more is admitted at once."""
        Throttler.flush(self)
        return 0.0 if len(self._task_logs) < self.rate_limit else self.retry_interval

    async def admit(self) -> None:
        """Counts one more, at once where `wait` is 0."""
        await Throttler.acquire(self)


def request_throttle(per_minute: float) -> RequestThrottle:
    """Admits `per_minute` requests, spread: never more than one second's share in a second.

    Azure enforces a limit per minute over windows of 1 to 10 seconds, so a minute's worth must
    not go out at once. Below one a second the share is a single request.
    """
    share = max(1, int(per_minute // _MINUTE))
    period = share * _MINUTE / per_minute
    return RequestThrottle(rate_limit=share, period=period, retry_interval=period / _POLLS)


class Pace:
    """The part of a stated limit that is used: a little less than all of it, less after a refusal.

    Requests that leave evenly arrive unevenly, and an endpoint counts them as they arrive: with
    1.5% kept back, those of one second may be 15 ms later than the next second's. Each refusal
    takes 3% (a limit that is counted otherwise than by us), each answer gives back 0.01%.
    """

    def __init__(self) -> None:
        self.factor = _CALM
        self.was_refused = False

    def refused(self) -> None:
        """The endpoint found it too fast."""
        self.factor = max(_SLOWEST, self.factor * _SLOWER)
        self.was_refused = True

    def answered(self) -> None:
        """The endpoint found it right."""
        self.factor = min(_CALM, self.factor + _FASTER)


class Spacing:
    """Spreads requests evenly: each keeps the next away for its share of a minute.

    Many at once, and many again a second later, would be refused together where the first come
    some milliseconds late. What a busy process is late itself it may catch up, a tenth of a
    second at most.
    """

    def __init__(self) -> None:
        self._next = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until the next request may go."""
        return max(0.0, self._next - now)

    def take(self, seconds: float, now: float) -> None:
        """A request goes that stands for `seconds` of the limit."""
        self._next = max(self._next, now - _CATCH_UP) + seconds


class TokenWindow:
    """Tokens a minute, spread: any second gets at most its share, or one request larger than that.

    A request counts with all that it may use, its prompt and `max_tokens`, as OpenAI and Azure
    count when they admit it; a larger one holds the window for as many seconds as it has shares.
    The estimate of prompts is corrected by what the endpoint counted for those before.
    Endpoints that count what was really used say so by `remaining` headers that stay high; then
    the surplus is spent. Times are seconds of a monotonic clock.
    """

    def __init__(self, per_minute: float) -> None:
        self.per_minute = per_minute
        self._held: deque[tuple[float, int]] = deque()
        self._total = 0
        self._estimated = 1
        self._counted = 1
        self._reserved = 1
        self._used = 1
        self._surplus = 0.0

    def size(self, request: Request) -> int:
        """The tokens that a request may use."""
        prompt = math.ceil(request.prompt_tokens * self._counted / self._estimated)
        return prompt + most_completion_tokens(request)

    def wait(self, tokens: int, now: float) -> float:
        """Seconds until a request of `tokens` fits."""
        while self._held and self._held[0][0] <= now:
            self._total -= self._held.popleft()[1]
        share = self.per_minute / _MINUTE
        excess = self._total + min(tokens, share) - share
        seconds = 0.0
        for leaves_at, amount in self._held:
            if excess <= 0:
                break
            excess -= amount
            seconds = leaves_at - now
        return seconds

    def take(self, tokens: int, now: float, *, pace: float) -> float:
        """Counts `tokens` from now on, for a second at full pace; returns the seconds they fill."""
        seconds = tokens * _MINUTE / self.per_minute
        speed = pace * self._speed
        self._held.append((now + max(1.0, seconds) / speed, tokens))
        self._total += tokens
        return seconds / speed

    def used(self, usage: Usage, *, estimated: int, reserved: int) -> None:
        """A request that took `reserved`, its prompt estimated at so many, has used `usage`."""
        self._estimated += estimated
        self._counted += usage.prompt_tokens
        self._reserved += reserved
        self._used += usage.prompt_tokens + usage.completion_tokens

    def told(self, remaining: int | None) -> None:
        """The endpoint says what remains of the limit a minute; None where it says nothing."""
        share = (remaining or 0) / self.per_minute
        self._surplus = min(1.0, max(0.0, 2 * share - 1))

    @property
    def _speed(self) -> float:
        """More than one while over half of a minute's limit remains."""
        return 1 + self._surplus * max(0, self._reserved / self._used - 1)


class Concurrency:
    """An adaptive cap on requests in flight: few until one is answered, then the most.

    The first few find out whether the endpoint answers and what limits it has: a thousand sent at
    once to a limit of twenty a second would be a thousand refusals. Then additive increase,
    multiplicative decrease, as TCP's congestion avoidance: one rate limit cuts the cap to 70% (once
    for all requests that were in flight together), each success while the cap is used adds 2% of
    a place, at least one place a round. Where a limit a minute is known, the pace is at fault
    rather than the number in flight, and the cut is to 95%.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.in_flight = 0
        self._cap = float(min(most, _FIRST_IN_FLIGHT))
        self._is_new = True
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
        if self._is_new:
            self._is_new = False
            self._cap = float(self.most)
        elif self._cap < self.most and self.in_flight >= self.cap:
            self._cap = min(float(self.most), self._cap + max(1 / self._cap, _GROWTH))

    def rate_limited(self, *, sent_at: float, now: float, is_paced: bool) -> bool:
        """A request sent at `sent_at` was refused; True if the cap was cut for it."""
        if sent_at <= self._cut_at:
            return False
        cut = _CUT_OF_PACED if is_paced else _CUT
        self._cap = max(1.0, min(self._cap, float(self.in_flight)) * cut)
        self._cut_at = now
        # The first answer opens the cap to the most only where nothing spoke against it.
        self._is_new = self._is_new and is_paced
        return True


def limit_in(headers: Mapping[str, str], what: str) -> int | None:
    """The limit per minute that rate-limit headers state for `requests` or `tokens`, if any.

    A limit of 0 or -1 (Azure's preview versions, where they don't know) is none.
    """
    return _count(headers.get(f"x-ratelimit-limit-{what}")) or None


def remaining_in(headers: Mapping[str, str], what: str) -> int | None:
    """What the headers say is left of `requests` or `tokens` in the present window, if anything."""
    return _count(headers.get(f"x-ratelimit-remaining-{what}"))


def _count(value: str | None) -> int | None:
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 12:  # noqa: PLR2004 - longer is no count but a mistake
        return None
    return int(value)
