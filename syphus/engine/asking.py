"""What the stages need of an engine, whichever it is, and what a batch engine needs of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from syphus.core.errors import RequestError, SyphusError
    from syphus.core.records import Request
    from syphus.engine.engine import Counts


class Asking(Protocol):
    """Asks every request of a stream and all that its outcomes give rise to."""

    counts: Counts
    stopped_by: SyphusError | None

    @property
    def in_flight(self) -> int:
        """Attempts under way."""
        ...

    @property
    def waiting(self) -> int:
        """Requests that were taken from the source, aren't answered, and aren't in flight."""
        ...

    async def run(self, source: AsyncIterator[Sequence[Request]]) -> None:
        """Asks until every request is settled or, after `stop`, nothing more can be done."""
        ...

    def submit(self, request: Request) -> None:
        """Adds a request that an outcome gave rise to."""
        ...

    def settle(self) -> None:
        """One request has its outcome, and all it gave rise to was submitted."""
        ...

    def stop(self, reason: SyphusError) -> None:
        """Sends nothing more; the first reason is kept."""
        ...


class Wording(Protocol):
    """How requests are put into words for one endpoint, and what its refusals teach."""

    def write(self, request: Request) -> tuple[str, bytes]:
        """The name of the present wording, and the body of `request` in it.

        Raises ImageUnusable where an image of it can't be sent.
        """
        ...

    def learn(self, wording: str, error: RequestError) -> bool:
        """Whether to ask again in other words what was refused in `wording`."""
        ...
