"""Enforcing requests and tokens a minute over rolling windows, and telling of it in headers."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from syphus.testing.script import Dialect, Limits


class RollingWindow:
    """What was admitted in the last `seconds`. Times are in seconds and never go back.

    An amount admitted at t counts until t + seconds, so that no interval of that length, open at
    one end, holds more than was allowed.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._amounts: deque[tuple[float, int]] = deque()
        self.used = 0

    def forget(self, now: float) -> None:
        """Drops what has left the window."""
        while self._amounts and self._amounts[0][0] + self._seconds <= now:
            self.used -= self._amounts.popleft()[1]

    def add(self, now: float, amount: int) -> None:
        """Counts an amount from now on."""
        self._amounts.append((now, amount))
        self.used += amount

    def wait(self, now: float, amount: int, allowed: int) -> float:
        """Seconds until `amount` fits; 0 if it does, infinity if it never will."""
        if amount > allowed:
            return math.inf
        excess = self.used + amount - allowed
        wait = 0.0
        for time, admitted in self._amounts:
            if excess <= 0:
                break
            excess -= admitted
            wait = time + self._seconds - now
        return max(0.0, wait)

    def reset(self, now: float) -> float:
        """Seconds until the window is empty."""
        return self._amounts[-1][0] + self._seconds - now if self._amounts else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a request is let through, and the headers that go with the answer.

    `wait` is the seconds until it would fit, `axis` the limit that refused it and `limit` its
    figure a minute.
    """

    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    axis: Literal["requests", "tokens"] = "requests"
    limit: int = 0

    @property
    def admitted(self) -> bool:
        """Whether the request fits every limit now."""
        return self.wait <= 0


class Limiter:
    """Judges requests by a script's limits, one after the other."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests_per_minute = limits.requests_per_minute
        self._tokens_per_minute = limits.tokens_per_minute
        self._changes = sorted(limits.changes, key=lambda change: change.at, reverse=True)
        token_window = limits.window if limits.token_window is None else limits.token_window
        self._token_window = token_window
        self._requests = RollingWindow(limits.window)
        self._tokens = RollingWindow(token_window)

    def judge(self, now: float, *, position: int, tokens: int, dialect: Dialect) -> Verdict:
        """Admits the request at time `now` if it fits, and counts it if so."""
        while self._changes and self._changes[-1].at <= position:
            change = self._changes.pop()
            self._requests_per_minute = change.requests_per_minute
            self._tokens_per_minute = change.tokens_per_minute
        self._requests.forget(now)
        self._tokens.forget(now)
        wait_requests = wait_tokens = 0.0
        if (per_minute := self._requests_per_minute) is not None:
            allowed = allowance(per_minute, self._limits.window)
            wait_requests = self._requests.wait(now, 1, allowed)
        if (per_minute := self._tokens_per_minute) is not None:
            allowed = allowance(per_minute, self._token_window)
            wait_tokens = self._tokens.wait(now, tokens, allowed)
        if wait_requests <= 0 and wait_tokens <= 0:
            self._requests.add(now, 1)
            self._tokens.add(now, tokens)
            return Verdict(headers=self._headers(now, dialect))
        by_requests = wait_requests >= wait_tokens
        wait = max(wait_requests, wait_tokens)
        limit = self._requests_per_minute if by_requests else self._tokens_per_minute
        headers = self._headers(now, dialect)
        if self._limits.tells_retry_after and math.isfinite(wait):
            headers["retry-after-ms"] = str(math.ceil(wait * 1000))
            headers["retry-after"] = str(math.ceil(wait))
        return Verdict(
            headers=headers,
            wait=wait,
            axis="requests" if by_requests else "tokens",
            limit=limit or 0,
        )

    def _headers(self, now: float, dialect: Dialect) -> dict[str, str]:
        style = dialect if self._limits.style == "auto" else self._limits.style
        headers: dict[str, str] = {}
        if style == "none":
            return headers
        axes = (
            ("requests", self._requests_per_minute, self._limits.window, self._requests),
            ("tokens", self._tokens_per_minute, self._token_window, self._tokens),
        )
        for axis, per_minute, seconds, window in axes:
            if per_minute is None:
                continue
            if self._limits.tells_limits:
                headers[f"x-ratelimit-limit-{axis}"] = str(per_minute)
            left = max(0, allowance(per_minute, seconds) - window.used)
            headers[f"x-ratelimit-remaining-{axis}"] = (
                "-1" if self._limits.tells_minus_one else str(left)
            )
            if style == "openai":
                headers[f"x-ratelimit-reset-{axis}"] = spell_duration(window.reset(now))
        return headers


def allowance(per_minute: int, seconds: float) -> int:
    """What a limit a minute allows in a window of that many seconds: rounded down, at least 1."""
    return max(1, math.floor(per_minute * seconds / 60 + 1e-9))


def spell_duration(seconds: float) -> str:
    """Seconds as in OpenAI's reset headers: "20ms", "1.5s", "6m0s", "1h2m3s"."""
    milliseconds = max(0, math.ceil(seconds * 1000 - 1e-6))
    if 0 < milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    spelled = f"{rest / 1000:g}s"
    if hours or minutes:
        spelled = f"{minutes}m{spelled}"
    return f"{hours}h{spelled}" if hours else spelled
