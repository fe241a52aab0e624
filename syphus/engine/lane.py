"""One deployment at work: its gate, and what its answers teach about it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from syphus.core.errors import NoSuchName, RateLimited, RetryableError
from syphus.engine.breaker import Breaker
from syphus.engine.fruitless import Fruitless
from syphus.engine.limits import (
    Concurrency,
    Pace,
    Spacing,
    TokenWindow,
    limit_in,
    remaining_in,
    request_throttle,
)
from syphus.engine.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syphus.core.deployments import Deployment
    from syphus.core.errors import RequestError, StoppingError
    from syphus.core.records import Reply, Request
    from syphus.engine.limits import RequestThrottle

_LONGEST_PAUSE = 300.0
_USED_UP_PAUSE = 1.0
_WINDOW = 1.0
# 30, 60 and 120 s after the first failures: time for a server to start, not a night.
_PROBES_OF_THE_UNKNOWN = 3
# A server that starts has its name before; 30 s bridge a name server that doesn't know it yet.
_PROBES_OF_A_NAME = 1


class Dialect(Protocol):
    """What a deployment has been found to understand."""

    @property
    def response_format_mode(self) -> str:
        """`json_schema`, `json_object` or `none`."""
        ...


class Backend(Protocol):
    """A way to get a reply from one deployment."""

    @property
    def dialect(self) -> Dialect:
        """What it understands, as far as is known."""
        ...

    async def ask(self, request: Request, *, attempt: int) -> Reply:
        """One attempt. Raises `syphus.core.errors.RequestError`."""
        ...


class Lane:
    """The gate to one deployment. A dispatcher waits on `signal`, nobody else does.

    `refusals` is how often it refused a request for what it is.
    """

    def __init__(
        self,
        deployment: Deployment,
        backend: Backend,
        *,
        most_in_flight: int,
        on_notice: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.deployment = deployment
        self.backend = backend
        self.signal = Wakeup()
        self.places = Concurrency(min(most_in_flight, deployment.max_in_flight or most_in_flight))
        self.breaker = Breaker()
        self.closed_by: StoppingError | None = None
        self.refusals = 0
        self.has_answered = False
        self._lacks_name = False
        self._on_notice = on_notice
        self._clock = clock
        self._paused_until = 0.0
        self._pace = Pace()
        self._is_held = False
        self._fruitless = Fruitless()
        self._spacing = Spacing()
        self._knows_limits = bool(deployment.requests_per_minute or deployment.tokens_per_minute)
        self._throttle: RequestThrottle | None = None
        self._period = 0.0
        self._tokens: TokenWindow | None = None
        self._limit_requests(deployment.requests_per_minute)
        self._limit_tokens(deployment.tokens_per_minute)

    @property
    def name(self) -> str:
        """The deployment's name."""
        return self.deployment.name

    def wait(self) -> float | None:
        """Seconds until one more request may begin; None until something changes."""
        if not self.places.has_place:
            return None
        if not self._paused_until and not self.breaker.is_open:
            return 0.0
        now = self._clock()
        rest = self.breaker.wait(now)
        return None if rest is None else max(rest, self._paused_until - now, 0.0)

    @property
    def is_unlimited(self) -> bool:
        """Whether no limit a minute is known, so that none is waited for."""
        return self._throttle is None and self._tokens is None

    @property
    def load(self) -> float:
        """The part of its places that is taken."""
        return self.places.in_flight / self.places.cap

    @property
    def is_ready(self) -> bool:
        """Whether it could send at once, if there were work, as far as is known."""
        return not self._is_held and self.wait() == 0

    @property
    def is_held(self) -> bool:
        """Whether a limit a minute held it back when it was last asked for."""
        return self._is_held

    def wait_for_limits(self, request: Request) -> float:
        """Seconds until the limits a minute let `request` go, or are to be asked again."""
        now = self._clock()
        seconds = self._spacing.wait(now)
        if self._tokens is not None:
            seconds = max(seconds, self._tokens.wait(self._tokens.size(request), now))
        if not seconds and self._throttle is not None:
            self._throttle.period = self._period / self._pace.factor
            seconds = self._throttle.wait()
        self._is_held = seconds > 0
        return seconds

    async def admit(self, request: Request) -> int:
        """Counts a request by the limits a minute; returns the tokens that were taken from them.

        Call it when there is nothing to wait for: then it doesn't wait.
        """
        filled, tokens = 0.0, 0
        if self._throttle is not None:
            await self._throttle.admit()
            filled = self._throttle.period / self._throttle.rate_limit
        now = self._clock()
        if self._tokens is not None:
            tokens = self._tokens.size(request)
            filled = max(filled, self._tokens.take(tokens, now, pace=self._pace.factor))
        self._spacing.take(filled, now)
        return tokens

    def enter(self) -> float:
        """Takes a place for one attempt; returns the time."""
        self.places.in_flight += 1
        self.breaker.sent()
        return self._clock()

    def leave(self) -> None:
        """Gives the place back."""
        self.places.in_flight -= 1

    @property
    def is_unreachable(self) -> bool:
        """Whether nothing has ever answered here, although it was probed.

        That is for some minutes; for half a minute where nobody has the name in the address.
        """
        enough = _PROBES_OF_A_NAME if self._lacks_name else _PROBES_OF_THE_UNKNOWN
        return not self.has_answered and self.breaker.probes >= enough

    def answered(self, request: Request, reply: Reply, *, reserved: int, sent_at: float) -> None:
        """Learns from a reply; call it before `leave`."""
        self.has_answered = True
        self.places.succeeded()
        self.breaker.succeeded(sent_at=sent_at)
        self._pace.answered()
        self._fruitless.answered(sent_at=sent_at)
        if self._tokens is not None and reserved and reply.usage.prompt_tokens:
            self._tokens.used(reply.usage, estimated=request.prompt_tokens, reserved=reserved)

    def failed(self, error: RequestError, *, sent_at: float) -> None:
        """Learns from a failed attempt; call it before `leave`."""
        now = self._clock()
        if isinstance(error, RateLimited):
            self.breaker.succeeded(sent_at=sent_at)
            self._slow_down(error, sent_at=sent_at, now=now)
        elif isinstance(error, RetryableError):
            self._lacks_name = isinstance(error, NoSuchName)
            if self.breaker.failed(sent_at=sent_at, now=now):
                doubt = "" if self.has_answered else " (nothing has answered yet: is it right?)"
                rest = self.breaker.wait(now) or 0.0
                self._on_notice(f"{self.name}: {error}; left alone for {rest:.0f} s{doubt}")
        else:
            self.breaker.no_verdict(sent_at=sent_at)

    def _slow_down(self, error: RateLimited, *, sent_at: float, now: float) -> None:
        asked = error.retry_after or 0.0
        pause = min(asked, _LONGEST_PAUSE)
        is_paced = self._knows_limits and self._fruitless.rounds <= 1
        is_cut = self.places.rate_limited(sent_at=sent_at, now=now, is_paced=is_paced)
        if is_cut:
            self._pace.refused()
            rest = self._fruitless.refused(now=now)
            pause = pause or rest
        self._pause(pause)
        if self._fruitless.is_worth_saying(self.places.cap, pause, is_cut=is_cut, now=now):
            longer = f"; it asks to wait {asked:.0f} s" if asked > pause else ""
            rest_said = f", after a rest of {pause:.0f} s{longer}" if pause >= 1 else ""
            self._on_notice(
                f"{self.name}: rate limited, {self.places.cap} in flight from now{rest_said}"
            )

    def learn_limits(self, headers: Mapping[str, str]) -> None:
        """Takes the limits that rate-limit headers state, but none above what the user gave."""
        requests, given = limit_in(headers, "requests"), self.deployment.requests_per_minute
        if requests:
            self._limit_requests(min(requests, given or requests))
        tokens, given = limit_in(headers, "tokens"), self.deployment.tokens_per_minute
        if tokens:
            self._limit_tokens(min(tokens, given or tokens))
        if (requests or tokens) and not self._knows_limits:
            self._knows_limits = True
            # What was sent before is not in the windows yet.
            self._pause(_WINDOW)
        left = remaining_in(headers, "tokens")
        if self._tokens is not None:
            self._tokens.told(None if self._pace.was_refused else left)
        if (self._throttle is None and remaining_in(headers, "requests") == 0) or (
            self._tokens is None and left == 0
        ):
            self._pause(_USED_UP_PAUSE)

    def _limit_requests(self, per_minute: float | None) -> None:
        if not per_minute:
            return
        fresh = request_throttle(per_minute)
        self._period = fresh.period
        if self._throttle is None:
            self._throttle = fresh
        else:
            self._throttle.rate_limit = fresh.rate_limit

    def _limit_tokens(self, per_minute: float | None) -> None:
        if not per_minute:
            return
        if self._tokens is None:
            self._tokens = TokenWindow(per_minute)
        self._tokens.per_minute = per_minute

    def _pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, self._clock() + seconds)
