"""What the user is told of batches while they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syphus.core.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from syphus.backends.batch.chunk import Chunk
    from syphus.backends.batch.results import Oddities
    from syphus.core.errors import RetryableError

_PATIENCE = 900.0


@dataclass(slots=True, kw_only=True)
class Teller:
    """Tells each thing once, until something goes on. Times are those of `clock`, in seconds."""

    on_notice: Callable[[str], None]
    clock: Callable[[], float]
    last_good: float
    _told: str | None = None
    _is_full: bool = False

    def go_on(self) -> None:
        """Takes note that a step was taken."""
        self._told = None
        self.last_good = self.clock()

    def tell_full(self) -> None:
        """Tells once that batches wait for room, until `tell_room` has told that there is some."""
        if not self._is_full:
            self.on_notice(
                "the endpoint's limit of enqueued tokens is reached; fewer batches are sent at a "
                "time, the rest waits"
            )
        self._is_full = True

    def tell_room(self, chunks: Iterable[Chunk]) -> None:
        """Tells that none of `chunks` waits for room any more, if any did."""
        if self._is_full and not any(chunk.is_unsent or chunk.is_unread for chunk in chunks):
            self._is_full = False
            self.on_notice("the endpoint has taken all batches that waited for its limit of tokens")

    def tell_wait(self, chunk: Chunk, error: RetryableError, *, has_answered: bool) -> None:
        """Tells why a chunk waits.

        Raises Unreachable where nothing has ever answered for a quarter of an hour.
        """
        waited = self.clock() - self.last_good
        if not has_answered and waited > _PATIENCE:
            said = f"nothing has answered at {chunk.endpoint} for {waited:.0f} s"
            raise Unreachable(f"{said}: {error}") from error
        notice = f"batch {chunk.name} waits: {error}"
        if notice != self._told:
            self.on_notice(notice)
        self._told = notice

    def tell_oddities(self, chunk: Chunk, oddities: Oddities) -> None:
        """Tells what was strange in a chunk's files."""
        strange = {
            "have an id that was never sent": oddities.unknown,
            "came twice": oddities.repeated,
            "have no id": oddities.nameless,
        }
        for what, count in strange.items():
            if count:
                self.on_notice(f"batch {chunk.name}: {count} lines of its files {what}")
        if oddities.maybe_billed:
            self.on_notice(
                f"batch {chunk.name}: {oddities.maybe_billed} requests came back in no file; they "
                "may have been billed"
            )
