"""How many tokens may be enqueued at once: told by the user, or learned from refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syphus.backends.batch.chunk import Chunk

_REFUSALS_BEFORE_SPLIT = 2


@dataclass(slots=True)
class Enqueued:
    """The limit of one deployment; None while none is known.

    Tokens are as the engine counts them, which needn't be as the endpoint does: a refusal lowers
    the limit to what was too much, in the engine's own measure.
    """

    limit: int | None = None
    _alone: dict[str, int] = field(default_factory=dict)

    def has_room(self, chunk: Chunk, chunks: Iterable[Chunk]) -> bool:
        """Whether the batch of `chunk` may be created; one may always be tried alone."""
        enqueued = [other for other in chunks if other.is_enqueued and other is not chunk]
        if self.limit is None or not enqueued:
            return True
        return sum(other.tokens for other in enqueued) + chunk.tokens <= self.limit

    def is_too_large(self, chunk: Chunk) -> bool:
        """Whether a chunk can never be enqueued as it is."""
        return self.limit is not None and chunk.lines > 1 and chunk.tokens > self.limit

    def refused(self, chunk: Chunk, chunks: Iterable[Chunk]) -> bool:
        """Takes note that there was no room for `chunk`; True if it should come in parts.

        That is where it was refused alone, and not just once: another user of the same endpoint
        may fill it too.
        """
        others = sum(other.tokens for other in chunks if other.is_enqueued and other is not chunk)
        if others:
            beyond = others + chunk.tokens - 1
            self.limit = beyond if self.limit is None else min(self.limit, beyond)
            return False
        self._alone[chunk.name] = self._alone.get(chunk.name, 0) + 1
        if self._alone[chunk.name] < _REFUSALS_BEFORE_SPLIT or chunk.lines == 1:
            return False
        half = max(1, chunk.tokens // 2)
        self.limit = half if self.limit is None else min(self.limit, half)
        return True
