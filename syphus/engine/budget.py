"""A hard stop on money."""

from __future__ import annotations


class Budget:
    """US dollars that a run may spend, with what is in flight counted at its most.

    `reserve` before a request is sent, `settle` with its true cost afterwards. Where the true
    cost isn't known (a connection lost after the send), what was reserved counts as spent.

    A prompt's tokens are an estimate until the first replies tell; `margin` is the largest ratio
    of real to estimated prompt tokens seen so far, and at first a cautious guess.
    """

    def __init__(self, limit: float | None, *, spent: float = 0.0) -> None:
        self.limit = limit
        self.spent = spent
        self._reserved = 0.0
        self._open = 0
        self._margin = 1.25
        self._seen_any = False

    @property
    def margin(self) -> float:
        """What an estimate of prompt tokens is multiplied by to be an upper bound."""
        return self._margin

    def learn(self, *, estimated: int, real: int) -> None:
        """Compares a prompt's estimate with what was billed."""
        ratio = real / max(1, estimated) * 1.02
        self._margin = max(self._margin, ratio) if self._seen_any else max(1.0, ratio)
        self._seen_any = True

    def reserve(self, most: float) -> bool:
        """Sets `most` aside; False, and nothing is set aside, if that could pass the limit."""
        if self.limit is not None and self.spent + self._reserved + most > self.limit:
            return False
        self._reserved += most
        self._open += 1
        return True

    @property
    def is_idle(self) -> bool:
        """Whether nothing is set aside, so that no waiting can free any."""
        return self._open == 0

    def describe(self, most: float) -> str:
        """Why a request that may cost `most` isn't sent."""
        return (
            f"the budget of ${self.limit or 0:.2f} has no room for another request of up to "
            f"${most:.4f}: ${self.spent:.4f} are spent or may be; a larger --budget goes on"
        )

    def settle(self, most: float, cost: float) -> None:
        """Ends a reservation of `most` with the true `cost`."""
        self._open -= 1
        # Sums of floats drift; with nothing open, nothing is reserved.
        self._reserved = max(0.0, self._reserved - most) if self._open else 0.0
        self.spent += cost
