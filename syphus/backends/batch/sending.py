"""Decides when a chunk is sent, and in how many parts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syphus.backends.batch.problems import asks_for_less, asks_for_parts, is_enqueued_limit
from syphus.core.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from syphus.backends.batch.chunk import Chunk
    from syphus.backends.batch.chunk_store import ChunkStore
    from syphus.backends.batch.enqueued import Enqueued
    from syphus.backends.batch.filling import Bounds
    from syphus.backends.batch.ledger import Ledger
    from syphus.backends.batch.notices import Teller
    from syphus.backends.batch.steps import Steps


@dataclass(slots=True, kw_only=True)
class Sending:
    """Sends chunks for the deployment `model` at `endpoint`, as far as `enqueued` has room.

    `put_off` is called with the name of a chunk that waits for the next round. Of `unwanted` chunks
    no batch is made.
    """

    ledger: Ledger
    store: ChunkStore
    steps: Steps
    teller: Teller
    enqueued: Enqueued
    model: str
    endpoint: str
    put_off: Callable[[str], None]
    unwanted: set[str] = field(default_factory=set)

    async def send(self, chunk: Chunk) -> bool:
        """Takes the next step of a chunk on its way; False if it has to wait."""
        if chunk.stage != "creating":
            is_other = chunk.model != self.model or chunk.endpoint != self.endpoint
            if is_other or chunk.name in self.unwanted:
                # It was written for another deployment or prompt, and nothing of it is paid for.
                await self.steps.cancel(chunk)
                return True
            if self.enqueued.is_too_large(chunk):
                await self._split(chunk, replace(self.store.bounds, tokens=self.enqueued.limit))
                return True
            if not self.enqueued.has_room(chunk, self.ledger.chunks.values()):
                return False
        if chunk.stage in ("closed", "uploading"):
            await self.steps.upload(chunk)
            return True
        try:
            await self.steps.create(chunk)
        except RequestError as error:
            if chunk.stage == "creating" or not is_enqueued_limit(error.code):
                raise
            return await self._make_smaller(chunk)
        return True

    async def takes_back(self, chunk: Chunk) -> bool:
        """Whether a batch that failed is sent again, later or in parts; nothing of it was done."""
        if asks_for_less(chunk):
            self.ledger.append(chunk, "requeued")
            await self._make_smaller(chunk)
            return True
        if asks_for_parts(chunk) and chunk.lines > 1:
            half = min(-(-chunk.lines // 2), self.store.bounds.lines)
            self.store.bounds = replace(self.store.bounds, lines=half)
            await self._split(chunk, self.store.bounds)
            return True
        return False

    async def _make_smaller(self, chunk: Chunk) -> bool:
        """After the limit of enqueued tokens: later, or in parts; True for the latter."""
        in_parts = self.enqueued.refused(chunk, self.ledger.chunks.values())
        if in_parts:
            await self._split(chunk, replace(self.store.bounds, lines=-(-chunk.lines // 2)))
        else:
            self.put_off(chunk.name)
        self.store.bounds = replace(self.store.bounds, tokens=self.enqueued.limit)
        self.teller.tell_full()
        return in_parts

    async def _split(self, chunk: Chunk, bounds: Bounds) -> None:
        await self.store.split(chunk, bounds)
