"""The steps of one chunk at the endpoint.

Before an upload and a creation the intent is made durable. Where it stands without a result, after
a crash or a lost answer, the result is looked for first: a file by name and size, a batch by its
input file or its metadata. Lists may lag, so it takes three looks with growing pauses to find
nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syphus.backends.batch.chunk import ChunkFiles
from syphus.backends.batch.fetching import FORGOTTEN_AFTER, note_end, unknown_batch
from syphus.backends.batch.remote import GONE
from syphus.backends.batch.remote_values import ENDED, UNDER_WAY
from syphus.core.errors import (
    RequestError,
    RetryableError,
    StoppingError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from syphus.backends.batch.chunk import Chunk
    from syphus.backends.batch.ledger import Ledger
    from syphus.backends.batch.remote import Remote
    from syphus.backends.batch.remote_values import RemoteBatch

_DAY = 24 * 3600.0
# Before each look, in units of `look_seconds`: with 15, the third comes after 75 seconds.
_PAUSES = (0, 1, 4)
_POLLS_FOR_FILES = 3
_POLLS_FOR_BATCH = 3
_FILE_LOOKS = 10
_READY = ("processed", "error", "deleted", "")
# What stopped a call there may have come after it was done.
_UNSURE_STATUSES = frozenset({408, 409, 425})
_REFUSED_FROM, _REFUSED_BELOW = 400, 500


@dataclass(slots=True, kw_only=True)
class Steps:
    """Takes steps of the run `run` at `remote`, each told to `ledger`.

    `look_seconds` lie between the first two looks, four times as many before the third. Every
    method raises RequestError: a RetryableError leaves the chunk where taking the same step later
    is right.
    """

    ledger: Ledger
    remote: Remote
    folder: Path
    run: str
    look_seconds: float
    on_notice: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]]
    wall_clock: Callable[[], float]
    forgotten_after: float = FORGOTTEN_AFTER
    _fruitless: dict[tuple[str, str], int] = field(default_factory=dict)
    _told_spare: set[str] = field(default_factory=set)

    async def upload(self, chunk: Chunk) -> None:
        """Uploads a chunk's file, or finds it uploaded."""
        name = f"syphus-{self._run_name()}-{chunk.name}-{chunk.sha256[:16]}.jsonl"
        found = []
        if chunk.stage == "uploading":
            for pause in _PAUSES:
                if pause:
                    await self.sleep(pause * self.look_seconds)
                found = await self.remote.files(name=name, size=chunk.bytes)
                if found:
                    break
        else:
            self.ledger.append(chunk, "uploading")
        if found:
            for spare in found[1:]:
                await self.remote.delete(spare.id)
            file = found[0]
        else:
            path = ChunkFiles(self.folder, chunk.name).requests
            file = await self.remote.upload(path, name=name)
        self.ledger.append(chunk, "uploaded", file_id=file.id)
        # Azure takes no file for a batch before it has looked at it.
        for _ in range(_FILE_LOOKS):
            if file.status in _READY:
                break
            await self.sleep(min(self.look_seconds, 2.0))
            file = await self.remote.file(file.id)

    async def adopt(self, chunk: Chunk) -> bool:
        """Looks for the batch of a creation whose answer never came; False if there is none.

        Of several, `_by_worth` says which is kept; the others are cancelled.
        """
        for pause in _PAUSES:
            if pause:
                await self.sleep(pause * self.look_seconds)
            found = await self._batches_of(chunk)
            if found:
                await self._keep_one(chunk, found)
                return True
        return False

    async def create(self, chunk: Chunk) -> None:
        """Makes the batch of an uploaded chunk, unless `adopt` finds it made.

        Raises BadRequest, RateLimited or StoppingError where it surely wasn't made; the chunk is
        then as it was before.
        """
        unsure = chunk.unsure
        if chunk.stage == "creating":
            if await self.adopt(chunk):
                return
            unsure = True
            self.on_notice(
                f"batch {chunk.name}: whether it was created before isn't known; {len(_PAUSES)} "
                "looks at the endpoint's list found none, so it is created now"
            )
        self.ledger.append(chunk, "creating", unsure=unsure)
        try:
            batch = await self.remote.create(chunk.file_id or "", metadata=self._metadata(chunk))
        except RequestError as error:
            if not _is_refusal(error):
                raise
            self.ledger.append(chunk, "refused")
            if error.status in (400, *GONE):
                await self._check_input(chunk)
            raise
        self._created(chunk, batch, unsure=unsure)

    async def poll(self, chunk: Chunk) -> bool:
        """Looks where a batch stands; True if it has ended."""
        try:
            batch = await self.remote.batch(chunk.batch_id or "")
        except RequestError as error:
            if error.status not in GONE:
                raise
            return self._miss(chunk)
        is_over = batch.status in ENDED
        if chunk.unsure and (is_over or self._first("others", chunk)):
            found = [batch if one.id == batch.id else one for one in await self._batches_of(chunk)]
            found += [] if batch in found else [batch]
            if len(found) > 1 and await self._keep_one(chunk, found) is not batch:
                return False
        if not is_over:
            self._see(chunk, batch)
            return False
        lacks_files = (batch.done and not batch.output_file_id) or (
            batch.failed and not batch.error_file_id and batch.status == "completed"
        )
        if lacks_files and self._count("files", chunk) < _POLLS_FOR_FILES:
            return False
        note_end(self.ledger, chunk, batch)
        return True

    async def cancel(self, chunk: Chunk) -> None:
        """Cancels a chunk's batch; without one, that is its end."""
        if chunk.stage == "created":
            await self.remote.cancel(chunk.batch_id or "")
            return
        is_sent = chunk.stage not in ("closed", "uploading", "uploaded", "creating")
        if is_sent or (chunk.stage == "creating" and await self.adopt(chunk)):
            return
        self.ledger.append(chunk, "ended", status="cancelled", counted=True)

    async def delete(self, chunk: Chunk, *, remotely: bool = True) -> None:
        """Deletes a chunk's files at the endpoint, then here; those that came odd stay there."""
        for file_id in (chunk.file_id, chunk.output_file_id, chunk.error_file_id):
            if file_id is None or file_id in chunk.odd or not remotely:
                continue
            try:
                await self.remote.delete(file_id)
            except RetryableError:
                raise
            except RequestError as error:
                self.on_notice(f"file {file_id} stays at the endpoint: {error}")
        self.ledger.append(chunk, "deleted")
        ChunkFiles(self.folder, chunk.name).remove()

    def _run_name(self) -> str:
        return re.sub(r"[^\w.-]", "_", self.run, flags=re.ASCII)[:64]

    def _metadata(self, chunk: Chunk) -> dict[str, str]:
        return {"run": self._run_name(), "chunk": chunk.name, "sha256": chunk.sha256}

    async def _batches_of(self, chunk: Chunk) -> list[RemoteBatch]:
        wanted = self._metadata(chunk).items()
        return [
            batch
            for batch in await self.remote.batches(since=chunk.since - _DAY)
            if batch.id not in chunk.past
            and (batch.input_file_id == chunk.file_id or wanted <= batch.metadata.items())
        ]

    async def _keep_one(self, chunk: Chunk, found: list[RemoteBatch]) -> RemoteBatch:
        kept = min(found, key=_by_worth)
        if kept.id != chunk.batch_id:
            # Until the others are cancelled, the next sitting has to look for them too.
            self._created(chunk, kept, unsure=chunk.unsure or len(found) > 1)
        for batch in found:
            if batch.id == kept.id:
                continue
            if batch.id not in self._told_spare:
                self._told_spare.add(batch.id)
                self.on_notice(
                    f"batch {chunk.name} was created more than once: {batch.id} is cancelled, "
                    f"{kept.id} kept; what the other did until then may be billed"
                )
            if batch.status not in (*ENDED, "cancelling"):
                await self.remote.cancel(batch.id)
        return kept

    def _see(self, chunk: Chunk, batch: RemoteBatch) -> None:
        told = (batch.status, batch.done, batch.failed)
        if told == (chunk.status, chunk.done, chunk.failed):
            return
        if batch.status not in UNDER_WAY and batch.status != chunk.status:
            said = f"says {batch.status!r}" if batch.status else "says nothing"
            self.on_notice(
                f"batch {chunk.name}: of the state of {batch.id} the endpoint {said}, which isn't "
                "known here; it is waited for"
            )
        self.ledger.note(chunk, "seen", status=batch.status, done=batch.done, failed=batch.failed)

    async def _check_input(self, chunk: Chunk) -> None:
        """Raises RetryableError where the uploaded file is why a creation was refused."""
        try:
            file = await self.remote.file(chunk.file_id or "")
        except RequestError as error:
            if error.status not in GONE:
                raise
            self.ledger.append(chunk, "input_gone")
            said = "the uploaded requests are gone from the endpoint; they are uploaded again"
            raise RetryableError(said) from error
        if file.status not in _READY:
            raise RetryableError("the endpoint is still reading the uploaded requests")

    def _created(self, chunk: Chunk, batch: RemoteBatch, *, unsure: bool) -> None:
        created = batch.created or self.wall_clock()
        self.ledger.append(
            chunk,
            "created",
            batch_id=batch.id,
            created=created,
            status=batch.status,
            unsure=unsure,
        )

    def _miss(self, chunk: Chunk) -> bool:
        if self._count("batch", chunk) < _POLLS_FOR_BATCH:
            return False
        if self.wall_clock() - (chunk.created or 0.0) < self.forgotten_after:
            raise unknown_batch(chunk)
        self.on_notice(f"batch {chunk.batch_id} is gone from the endpoint, and so are its answers")
        self.ledger.append(chunk, "ended", status="lost", counted=False)
        return True

    def _count(self, what: str, chunk: Chunk) -> int:
        key = what, chunk.name
        self._fruitless[key] = self._fruitless.get(key, 0) + 1
        return self._fruitless[key]

    def _first(self, what: str, chunk: Chunk) -> bool:
        return self._count(what, chunk) == 1


def _by_worth(batch: RemoteBatch) -> tuple[int, float]:
    """Of several batches of one chunk, the one whose answers are there or come first.

    A completed one is paid for and there; else the earliest, unless it ended without an answer.
    """
    rank = 1
    if batch.status == "completed":
        rank = 0
    elif batch.status == "failed":
        rank = 2
    elif batch.status in ENDED and not batch.done:
        rank = 3
    return rank, batch.created


def _is_refusal(error: RequestError) -> bool:
    """Whether a creation surely came to nothing."""
    status = error.status or 0
    return _REFUSED_FROM <= status < _REFUSED_BELOW and status not in _UNSURE_STATUSES


def as_stop(error: RequestError) -> RequestError:
    """What a call was refused for, as what stops the run: it would be refused for ever."""
    if isinstance(error, RetryableError | StoppingError):
        return error
    return StoppingError(
        str(error), status=error.status, code=error.code, request_id=error.request_id
    )
