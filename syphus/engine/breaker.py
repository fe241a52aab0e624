"""Leaves a deployment alone while it is down, and finds out when it is back."""

from __future__ import annotations

OPENS_AFTER = 10
FIRST_REST = 30.0
LONGEST_REST = 300.0


class Breaker:
    """Opens after ten failures in a row; then one probe after 30 s, doubling up to 5 minutes.

    With requests in flight by the hundred an outage shows as a burst of failures and of answers
    to older requests: what was sent before it opened neither prolongs the rest nor ends it, for
    an endpoint that refuses new requests may well finish those that it has. Times are seconds of
    a monotonic clock.
    """

    def __init__(self) -> None:
        self._in_a_row = 0
        self._rest = 0.0
        self._opened_at = 0.0
        self._probing = False
        self.probes = 0

    @property
    def is_open(self) -> bool:
        """Whether the deployment is set aside."""
        return self._rest > 0

    def wait(self, now: float) -> float | None:
        """Seconds until a request may go; None while a probe is on its way."""
        if not self.is_open:
            return 0.0
        if self._probing:
            return None
        return max(0.0, self._opened_at + self._rest - now)

    def sent(self) -> None:
        """A request goes out; while open it is the probe."""
        self._probing = self.is_open

    def succeeded(self, *, sent_at: float) -> None:
        """A request sent at `sent_at` was answered; while open, only the probe counts."""
        if self.is_open and not self._is_probe(sent_at):
            return
        self._in_a_row = 0
        self._rest = 0.0
        self._probing = False
        self.probes = 0

    def failed(self, *, sent_at: float, now: float) -> bool:
        """The deployment failed a request sent at `sent_at`; True if this set it aside (again)."""
        self._in_a_row += 1
        if self.is_open:
            if self._is_probe(sent_at):
                self._probing = False
                self._rest = min(LONGEST_REST, self._rest * 2)
                self._opened_at = now
                self.probes += 1
                return True
            return False
        if self._in_a_row < OPENS_AFTER:
            return False
        self._rest = FIRST_REST
        self._opened_at = now
        return True

    def no_verdict(self, *, sent_at: float) -> None:
        """A request ended in a way that says nothing about the deployment's health."""
        if self._is_probe(sent_at):
            self._probing = False

    def _is_probe(self, sent_at: float) -> bool:
        return self._probing and sent_at > self._opened_at
