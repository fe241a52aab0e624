"""The steps of one chunk at the endpoint.

Before an upload and a creation the intent is made durable. Where it stands without a result, after
a crash or a lost answer, the result is looked for first: a file by name and size, a batch by its
input file or its metadata. Lists may lag, so it takes three looks with pauses to find nothing.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syphus.backends.batch.chunk import ChunkFiles
from syphus.backends.batch.remote import ENDED, GONE
from syphus.core.durable import sync_folder
from syphus.core.errors import (
    JournalWriteFailed,
    MalformedReply,
    RequestError,
    RetryableError,
    StoppingError,
    UnknownDeployment,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from syphus.backends.batch.chunk import Chunk
    from syphus.backends.batch.ledger import Ledger
    from syphus.backends.batch.remote import Remote, RemoteBatch

_LOOKS = 3
_DAY = 24 * 3600.0
_FORGOTTEN_AFTER = 30 * _DAY
_POLLS_FOR_FILES = 3
_POLLS_FOR_BATCH = 3
_DOWNLOADS = 3
_SHORT_ROUNDS = 5
_FILE_LOOKS = 10
_READY = ("processed", "error", "deleted", "")
# What stopped a call there may have come after it was done.
_UNSURE_STATUSES = frozenset({408, 409, 425})
_REFUSED_FROM, _REFUSED_BELOW = 400, 500


@dataclass(slots=True, kw_only=True)
class Steps:
    """Takes steps of the run `run` at `remote`, each told to `ledger`.

    `look_seconds` lie between two looks. Every method raises RequestError: a RetryableError leaves
    the chunk where taking the same step later is right.
    """

    ledger: Ledger
    remote: Remote
    folder: Path
    run: str
    look_seconds: float
    on_notice: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]]
    wall_clock: Callable[[], float]
    _fruitless: dict[tuple[str, str], int] = field(default_factory=dict)

    async def upload(self, chunk: Chunk) -> None:
        """Uploads a chunk's file, or finds it uploaded."""
        name = f"syphus-{self._run_name()}-{chunk.name}-{chunk.sha256[:16]}.jsonl"
        found = []
        if chunk.stage == "uploading":
            for look in range(_LOOKS):
                if look:
                    await self.sleep(self.look_seconds)
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

        Of several, the earliest is kept and the others are cancelled.
        """
        for look in range(_LOOKS):
            if look:
                await self.sleep(self.look_seconds)
            found = await self._batches_of(chunk)
            if found:
                kept, *others = sorted(found, key=lambda one: (one.status == "failed", one.created))
                self._created(chunk, kept)
                await self._cancel_others(chunk, others)
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
                f"batch {chunk.name}: whether it was created before isn't known; {_LOOKS} looks at "
                "the endpoint's list found none, so it is created now"
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
        self._created(chunk, batch)

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
            others = [one for one in await self._batches_of(chunk) if one.id != chunk.batch_id]
            await self._cancel_others(chunk, others)
        if not is_over:
            told = (batch.status, batch.done, batch.failed)
            if told != (chunk.status, chunk.done, chunk.failed):
                self.ledger.note(
                    chunk, "seen", status=batch.status, done=batch.done, failed=batch.failed
                )
            return False
        lacks_files = (batch.done and not batch.output_file_id) or (
            batch.failed and not batch.error_file_id and batch.status == "completed"
        )
        if lacks_files and self._count("files", chunk) < _POLLS_FOR_FILES:
            return False
        self._ended(chunk, batch)
        return True

    async def download(self, chunk: Chunk) -> None:
        """Brings an ended batch's files here, whole."""
        files = ChunkFiles(self.folder, chunk.name)
        for file_id, path in (
            (chunk.output_file_id, files.output),
            (chunk.error_file_id, files.error),
        ):
            path.unlink(missing_ok=True)
            if file_id is not None:
                await self._download(chunk, file_id, path)
        sync_folder(self.folder)
        self.ledger.append(chunk, "downloaded")

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
        """Deletes a chunk's files at the endpoint, then here."""
        for file_id in (chunk.file_id, chunk.output_file_id, chunk.error_file_id):
            if file_id is None or not remotely:
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

    async def _cancel_others(self, chunk: Chunk, others: list[RemoteBatch]) -> None:
        for batch in others:
            self.on_notice(
                f"batch {chunk.name} was created more than once: {batch.id} is cancelled, "
                f"{chunk.batch_id} kept; what it did until then may be billed"
            )
            if batch.status not in ENDED:
                await self.remote.cancel(batch.id)

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

    async def _download(self, chunk: Chunk, file_id: str, path: Path) -> None:
        part = path.with_name(path.name + ".part")
        try:
            told = (await self.remote.file(file_id)).bytes
            for _ in range(_DOWNLOADS):
                size = await self.remote.download(file_id, part)
                if told is None or size >= told:
                    break
            else:
                said = f"file {file_id} has {told} bytes, of which only {size} come"
                if self._count("short", chunk) < _SHORT_ROUNDS:
                    raise MalformedReply(said)
                self.on_notice(f"{said}; what is missing can't be had")
        except RequestError as error:
            if error.status not in GONE:
                raise
            self.on_notice(f"file {file_id} of batch {chunk.name} is gone from the endpoint")
            part.unlink(missing_ok=True)
            return
        try:
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise JournalWriteFailed(f"can't write {path}: {error.strerror}") from error

    def _created(self, chunk: Chunk, batch: RemoteBatch) -> None:
        created = batch.created or self.wall_clock()
        self.ledger.append(
            chunk, "created", batch_id=batch.id, created=created, status=batch.status
        )

    def _ended(self, chunk: Chunk, batch: RemoteBatch) -> None:
        self.ledger.append(
            chunk,
            "ended",
            status=batch.status,
            done=batch.done,
            failed=batch.failed,
            counted=batch.counted,
            output_file_id=batch.output_file_id,
            error_file_id=batch.error_file_id,
            problems=batch.problems,
        )

    def _miss(self, chunk: Chunk) -> bool:
        if self._count("batch", chunk) < _POLLS_FOR_BATCH:
            return False
        if self.wall_clock() - (chunk.created or 0.0) < _FORGOTTEN_AFTER:
            raise UnknownDeployment(
                f"the endpoint knows no batch {chunk.batch_id} any more; is the key another "
                "project's than the one that created it?",
                status=404,
            )
        self.on_notice(f"batch {chunk.batch_id} is gone from the endpoint, and so are its answers")
        self.ledger.append(chunk, "ended", status="lost", counted=False)
        return True

    def _count(self, what: str, chunk: Chunk) -> int:
        key = what, chunk.name
        self._fruitless[key] = self._fruitless.get(key, 0) + 1
        return self._fruitless[key]

    def _first(self, what: str, chunk: Chunk) -> bool:
        return self._count(what, chunk) == 1


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
