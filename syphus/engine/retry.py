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


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often one request is tried.

    `transient` counts tries that failed on the server's side; with a first wait of 1 s and a
    bound of 60 s, eight of them span two minutes on average, and an outage longer than that is
    held back by the deployment's breaker. `rate_limited` counts answers that asked for patience:
    they cost nothing, so it only ends requests that are too large for the limit to ever admit.
    `maybe_billed` counts tries that may each have been charged for.
    """

    transient: int = 8
    rate_limited: int = 60
    maybe_billed: int = 3


@dataclass(slots=True, kw_only=True)
class Tries:
    """What has happened to one request so far."""

    sent: int = 0
    transient: int = 0
    rate_limited: int = 0
    maybe_billed: int = 0

    def count(self, error: RequestError) -> None:
        """Takes note of a failed attempt."""
        if isinstance(error, RateLimited):
            self.rate_limited += 1
        else:
            self.transient += 1
        if error.maybe_billed:
            self.maybe_billed += 1


class Backoff:
    """Seconds to wait before the next try of a request; never less than the endpoint asked for."""

    def __init__(self) -> None:
        self._wait = wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT)
        self._retrying: AsyncRetrying = AsyncRetrying(wait=self._wait)

    def seconds(self, tries: Tries, error: RequestError) -> float:
        """The wait after `error`, the last of `tries`."""
        state = RetryCallState(self._retrying, fn=None, args=(), kwargs=_NO_ARGUMENTS)
        state.attempt_number = max(1, tries.transient + tries.rate_limited)
        jittered = float(self._wait(state))
        return (error.retry_after or 0.0) + jittered


_NO_ARGUMENTS: dict[str, Any] = {}


def may_retry(error: RequestError, tries: Tries, policy: RetryPolicy) -> bool:
    """Whether a request whose last attempt ended in `error` is tried again."""
    return (
        isinstance(error, RetryableError)
        and tries.transient < policy.transient
        and tries.rate_limited < policy.rate_limited
        and tries.maybe_billed < policy.maybe_billed
    )
