"""What is asked again, and when. Tenacity decides how long to wait; this module says what counts.

Waits are exponential with full jitter (any time between nothing and the bound), because clients
that fail together must not come back together; the source of the idea and of the simulation that
shows it is the AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

from syphus.core.errors import RateLimited, RetryableError

if TYPE_CHECKING:
    from syphus.core.errors import RequestError

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_SUSPECT_FROM = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often one request is tried.

    `transient` bounds the failures that speak against the request itself, as `Answers` weighs
    them; with a first wait of 1 s and a bound of 60 s, eight of them span a minute on average.
    Where nothing else is answered either, nothing speaks against it: it is given up after as many
    failures only if they span `patience` seconds, so that an outage shorter than that fails no
    request, not even the last one of a run. `rate_limited` counts answers that asked for patience:
    they cost nothing, so it only ends requests that are too large for the limit to ever admit.
    `maybe_billed` counts tries that may each have been charged for.
    """

    transient: int = 8
    patience: float = 900.0
    rate_limited: int = 60
    maybe_billed: int = 3


@dataclass(slots=True, kw_only=True)
class Tries:
    """What has happened to one request so far.

    `failures` were the server's, over `span` seconds; `transient` is what they weigh.
    """

    sent: int = 0
    transient: float = 0.0
    failures: int = 0
    span: float = 0.0
    rate_limited: int = 0
    maybe_billed: int = 0
    good_seen: int = 0
    bad_seen: int = 0
    _first_at: float = 0.0

    @property
    def is_suspect(self) -> bool:
        """Whether it failed so often while others were answered that the fault is its own."""
        return self.transient >= _SUSPECT_FROM

    def count(self, error: RequestError, *, weight: float = 1.0, now: float = 0.0) -> None:
        """Takes note of an attempt that failed at the time `now`, in seconds."""
        if isinstance(error, RateLimited):
            self.rate_limited += 1
        elif isinstance(error, RetryableError):
            self._first_at = self._first_at if self.failures else now
            self.span = now - self._first_at
            self.failures += 1
            self.transient += weight
        if error.maybe_billed:
            self.maybe_billed += 1


class Answers:
    """How the endpoints answer, and so what one more failure says about the request that met it.

    A failure weighs as much as the share of good answers to other requests since the last failure
    of the same request: 1 where all else goes well, a tenth where nine of ten fail, nothing in an
    outage. Suspects aren't counted: what they meet says nothing about the endpoints.
    """

    def __init__(self) -> None:
        self._good = 0
        self._bad = 0

    def replied(self) -> None:
        """A request was answered."""
        self._good += 1

    def weigh(self, error: RequestError, tries: Tries) -> float:
        """The weight of `error`, which comes after `tries`; call it once for each."""
        if isinstance(error, RateLimited) or not isinstance(error, RetryableError):
            return 0.0
        good, bad = self._good - tries.good_seen, self._bad - tries.bad_seen
        if not tries.is_suspect:
            self._bad += 1
        tries.good_seen, tries.bad_seen = self._good, self._bad
        if good + bad:
            return good / (good + bad)
        return 1.0 if tries.is_suspect else 0.0


class Backoff:
    """Seconds to wait before the next try of a request; never less than the endpoint asked for."""

    def __init__(self) -> None:
        self._wait = wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT)
        self._retrying: AsyncRetrying = AsyncRetrying(wait=self._wait)

    def seconds(self, tries: Tries, error: RequestError) -> float:
        """The wait after `error`, the last of `tries`."""
        state = RetryCallState(self._retrying, fn=None, args=(), kwargs=_NO_ARGUMENTS)
        state.attempt_number = max(1, tries.failures + tries.rate_limited)
        jittered = float(self._wait(state))
        return (error.retry_after or 0.0) + jittered


_NO_ARGUMENTS: dict[str, Any] = {}


def may_retry(error: RequestError, tries: Tries, policy: RetryPolicy) -> bool:
    """Whether a request whose last attempt ended in `error` is tried again."""
    is_hopeless = tries.failures >= policy.transient and tries.span >= policy.patience
    return (
        isinstance(error, RetryableError)
        and tries.transient < policy.transient
        and not is_hopeless
        and tries.rate_limited < policy.rate_limited
        and tries.maybe_billed < policy.maybe_billed
    )
