"""The last few requests of a run by batches, asked one by one rather than in another batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from syphus.core.errors import SyphusError
    from syphus.core.records import Request
    from syphus.engine.engine import Engine


class OnlineRest:
    """Asks a rest of at most `below` requests by `engine`; without one, of none.

    Once it has begun, all that is still to be asked goes that way.
    """

    def __init__(
        self, engine: Engine | None, *, below: int, on_notice: Callable[[str], None]
    ) -> None:
        self.below = 0 if engine is None else below
        self._engine = engine
        self._on_notice = on_notice
        self._asking: Engine | None = None

    @property
    def in_flight(self) -> int:
        """Requests that are on their way."""
        return self._asking.in_flight if self._asking else 0

    def submit(self, request: Request) -> bool:
        """Adds a request that an outcome gave rise to; False where the rest hasn't begun."""
        if self._asking is None:
            return False
        self._asking.submit(request)
        return True

    def settle(self) -> None:
        """One request has its outcome, and all it gave rise to was submitted."""
        if self._asking is not None:
            self._asking.settle()

    def stop(self, reason: SyphusError) -> None:
        """Sends nothing more."""
        if self._asking is not None:
            self._asking.stop(reason)

    async def ask(self, requests: Sequence[Request]) -> SyphusError | None:
        """Asks `requests` and what they give rise to; why it stopped before their end, if it did.

        Raises RuntimeError without an engine.
        """
        if self._engine is None:
            raise RuntimeError("there is nothing to ask online")
        self._on_notice(f"the last {len(requests)} requests are asked online, at the online price")
        self._asking = self._engine

        async def source() -> AsyncIterator[Sequence[Request]]:
            yield requests

        await self._engine.run(source())
        return self._engine.stopped_by
