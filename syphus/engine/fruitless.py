"""What follows where a deployment answers nothing but that it is asked too often."""

from __future__ import annotations

_FIRST_REST = 1.0
_LONGEST_REST = 60.0
_QUIET = 60.0
_HALF = 0.5


class Fruitless:
    """Rounds of rate limits since the last answer: how long to rest after each, and what to say.

    A round is what was in flight together. The first may be a pace that was too fast, and fewer in
    flight cure that. After each further one without an answer in between there is a rest, of 1 s,
    then 2 s, up to a minute: an endpoint whose quota is used up would be hammered otherwise, where
    it doesn't say how long to wait. Answers to what was sent before the first round don't count.
    Times are seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        self.rounds = 0
        self._since = 0.0
        self._said_at = float("-inf")
        self._said_cap = 0
        self._said_until = float("-inf")

    def answered(self, *, sent_at: float) -> None:
        """A request sent at `sent_at` was answered."""
        if self.rounds and sent_at > self._since:
            self.rounds = 0

    def refused(self, *, now: float) -> float:
        """Another round met a rate limit; the seconds to rest."""
        self.rounds += 1
        if self.rounds == 1:
            self._since = now
            return 0.0
        return min(_LONGEST_REST, _FIRST_REST * 2.0 ** min(self.rounds - 2, 10))

    def is_worth_saying(self, cap: int, rest: float, *, is_cut: bool, now: float) -> bool:
        """Whether a rate limit is to be told: once a minute, and where much has changed.

        That is a cap of half or twice the one last told, or a rest of more than a minute that ends
        a minute or more after the one last told.
        """
        is_long = rest > _QUIET and now + rest >= self._said_until + _QUIET
        is_other = is_cut and not self._said_cap * _HALF < cap < self._said_cap / _HALF
        is_due = is_cut and now >= self._said_at + _QUIET
        if not (is_long or is_other or is_due):
            return False
        self._said_at, self._said_cap, self._said_until = now, cap, now + rest
        return True
