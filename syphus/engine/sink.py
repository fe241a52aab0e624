"""Where outcomes go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from syphus.core.records import Failure, Reply, Request


class Sink(Protocol):
    """Where outcomes go, in the turn of the event loop in which they happen."""

    def sending(self, request: Request, *, attempt: int, deployment: str, most_cost: float) -> bool:
        """An attempt is about to be made; False forbids it, and the engine must be stopped.

        `most_cost` is the most that it may cost, in US dollars.
        """
        ...

    def not_billed(self, request: Request) -> None:
        """That attempt surely cost nothing and has no outcome."""
        ...

    def maybe_billed(self, request: Request, *, most_cost: float) -> None:
        """That attempt has no reply and may have cost up to `most_cost` US dollars."""
        ...

    def replied(self, request: Request, reply: Reply) -> None:
        """A request was answered."""
        ...

    def failed(self, request: Request, failure: Failure) -> None:
        """A request was given up."""
        ...
