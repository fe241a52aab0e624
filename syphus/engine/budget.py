"""A hard stop on money."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from syphus.engine.sizes import most_completion_tokens

if TYPE_CHECKING:
    from syphus.core.prices import Rates
    from syphus.core.records import Request

# Whole units of a millionth of a millionth dollar: sums of floats drift, and the stop is hard.
_UNITS = 10**12
# What a server's chat template and its own system message may put around what is sent.
_ADDED_BY_SERVER = 256


class Budget:
    """US dollars that a run may spend, with what is in flight counted at its most.

    `reserve` before a request is sent, `settle` with its true cost afterwards. Where the true
    cost isn't known (a connection lost after the send), what was reserved counts as spent.

    What is spent can't pass the limit as long as no request costs more than `most_of` says: its
    prompt has at most a token for each byte of it (so it is with every vocabulary of bytes or of
    characters that falls back on bytes) and 256 that the server adds, its completion at most
    `max_tokens`; images count by their estimate. A server that breaks this, a gateway with a long
    system message of its own perhaps, shows by the first reply; from then on `margin` is the
    largest ratio seen.
    """

    def __init__(self, limit: float | None, *, spent: float = 0.0) -> None:
        self.limit = limit
        self.margin = 1.0
        self._limit = None if limit is None else round(limit * _UNITS)
        self._spent = _rounded_up(spent)
        self._reserved = 0
        self._open = 0

    @property
    def spent(self) -> float:
        """US dollars that are spent, or may be."""
        return self._spent / _UNITS

    def most_of(self, request: Request, rates: Rates | None) -> float:
        """The most that one attempt at `request` can cost, in US dollars."""
        return 0.0 if rates is None else self.margin * _most_of(request, rates)

    def learn(self, request: Request, rates: Rates | None, cost: float) -> None:
        """Compares the most that a request could cost with what it did."""
        if rates is not None and cost > (most := _most_of(request, rates)) > 0:
            self.margin = max(self.margin, cost / most)

    def reserve(self, most: float) -> bool:
        """Sets `most` aside; False, and nothing is set aside, if that could pass the limit."""
        units = _rounded_up(most)
        if self._limit is not None and self._spent + self._reserved + units > self._limit:
            return False
        self._reserved += units
        self._open += 1
        return True

    def take_up(self, most: float) -> None:
        """Sets `most` aside that counted as spent: an attempt of earlier is known to be open."""
        units = _rounded_up(most)
        self._spent = max(0, self._spent - units)
        self._reserved += units
        self._open += 1

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
        self._reserved -= _rounded_up(most)
        self._spent += _rounded_up(cost)


def _most_of(request: Request, rates: Rates) -> float:
    sent = len(request.messages) + len(request.shape.response_format or b"")
    if request.images:
        sent += sum(image.tokens for image in request.images)
    return rates.at_most(sent + _ADDED_BY_SERVER, most_completion_tokens(request))


def _rounded_up(dollars: float) -> int:
    return math.ceil(dollars * _UNITS)
