"""Brings the files of ended batches here, or finds out that they can't be had any more.

OpenAI deletes an output file "30 days after the batch is complete" ("Batch API" guide, "Retrieve
the results"). Azure's page tells of no end unless one was asked for, of 14 to 30 days ("Getting
started with Azure OpenAI batch deployments").
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syphus.backends.batch.chunk import ChunkFiles
from syphus.backends.batch.off_loop import off_loop
from syphus.backends.batch.remote import GONE
from syphus.backends.batch.results import LONGEST_LINE, starts_as_json
from syphus.core.durable import sync_folder
from syphus.core.errors import (
    JournalWriteFailed,
    MalformedReply,
    RequestError,
    RetryableError,
    UnknownDeployment,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syphus.backends.batch.chunk import Chunk
    from syphus.backends.batch.ledger import Ledger
    from syphus.backends.batch.remote import Remote
    from syphus.backends.batch.remote_values import RemoteBatch

FORGOTTEN_AFTER = 30 * 24 * 3600.0
_ROUNDS_FOR_FILES = 3
_ROUNDS_FOR_WHOLE = 5
_DOWNLOADS = 3


@dataclass(slots=True, kw_only=True)
class Fetching:
    """Fetches into `folder` from `remote`, told to `ledger`. Raises RequestError, as `Steps`.

    A batch that the endpoint doesn't know is lost once it is `forgotten_after` seconds old; before,
    the key is more likely another project's.
    """

    ledger: Ledger
    remote: Remote
    folder: Path
    on_notice: Callable[[str], None]
    wall_clock: Callable[[], float]
    forgotten_after: float = FORGOTTEN_AFTER
    _rounds: dict[tuple[str, str], int] = field(default_factory=dict)

    async def download(self, chunk: Chunk) -> None:
        """Brings an ended batch's files here, whole.

        A file that is gone is believed to be after three rounds, when the batch still names it;
        what that costs is told. A file that isn't what was told of it stays at the endpoint.
        """
        files = ChunkFiles(self.folder, chunk.name)
        gone, odd = [], []
        for what, file_id, path in (
            ("output", chunk.output_file_id, files.output),
            ("error", chunk.error_file_id, files.error),
        ):
            path.unlink(missing_ok=True)
            if file_id is None:
                continue
            try:
                if not await self._download(chunk, file_id, path):
                    odd.append(file_id)
            except RequestError as error:
                if error.status not in GONE:
                    raise
                await self._check_gone(chunk, error)
                gone.append(what)
        await off_loop(lambda: sync_folder(self.folder))
        if gone:
            self._tell_gone(chunk, gone)
        self.ledger.append(chunk, "downloaded", gone=gone, odd=odd)

    async def _download(self, chunk: Chunk, file_id: str, path: Path) -> bool:
        """False if what came isn't what was told, however often it was asked for."""
        part = path.with_name(path.name + ".part")
        told = (await self.remote.file(file_id)).bytes
        # Its answers go into the journal, too, which needs as much again.
        room = shutil.disk_usage(self.folder).free // 2
        bound = chunk.lines * LONGEST_LINE
        is_whole = False
        for _ in range(_DOWNLOADS):
            size = told or 0
            if size <= room:
                size = await self.remote.download(file_id, part, most=min(room, bound))
            if size > room:
                part.unlink(missing_ok=True)
                raise JournalWriteFailed(
                    f"can't write {path}: file {file_id} at the endpoint has {size} bytes or more, "
                    f"and half of what is free there are {room}; make room, and the same command "
                    "goes on"
                )
            is_whole = size <= bound and told in (None, size) and starts_as_json(part)
            if is_whole:
                break
        else:
            said = f"file {file_id} has {told} bytes as told, of which {size} come"
            if size > bound:
                said = f"file {file_id} has over {bound} bytes, too many for {chunk.lines} answers"
            elif told in (None, size):
                said = f"file {file_id} holds no JSON"
            if self._count("short", chunk) < _ROUNDS_FOR_WHOLE:
                raise MalformedReply(said)
            self.on_notice(f"{said}; what is missing can't be had, and the file stays there")
        try:
            part.replace(path)
        except OSError as error:
            raise JournalWriteFailed(f"can't write {path}: {error.strerror}") from error
        return is_whole

    async def _check_gone(self, chunk: Chunk, error: RequestError) -> None:
        """Passes where a file that isn't found is lost for good.

        Raises RetryableError while it may just be late, UnknownDeployment where the batch isn't
        known either: then the key is another project's, and nothing is lost.
        """
        if self._count("gone", chunk) < _ROUNDS_FOR_FILES:
            raise RetryableError(f"a file of the batch isn't found: {error}") from error
        if self.wall_clock() - (chunk.ended or 0.0) >= self.forgotten_after:
            return
        try:
            batch = await self.remote.batch(chunk.batch_id or "")
        except RequestError as missing:
            if missing.status not in GONE:
                raise
            raise unknown_batch(chunk) from missing
        ids = (batch.output_file_id, batch.error_file_id)
        if ids != (chunk.output_file_id, chunk.error_file_id) and any(ids):
            note_end(self.ledger, chunk, batch)
            raise RetryableError("the batch names other files now") from error

    def _tell_gone(self, chunk: Chunk, gone: list[str]) -> None:
        files = " and ".join(gone)
        said = f"batch {chunk.name}: its {files} file was deleted at the endpoint before it came"
        count = min(chunk.done if chunk.counted else chunk.lines, chunk.lines)
        if "output" in gone and count:
            cost = chunk.most_cost * count / chunk.lines
            price = f", ${cost:.2f} at most" if cost else ""
            counted = ", and --budget counts both" if cost else ""
            said += f"; {count} answers are paid and lost{price}. They are asked again{counted}"
        self.on_notice(said)

    def _count(self, what: str, chunk: Chunk) -> int:
        key = what, chunk.name
        self._rounds[key] = self._rounds.get(key, 0) + 1
        return self._rounds[key]


def note_end(ledger: Ledger, chunk: Chunk, batch: RemoteBatch) -> None:
    """Tells the ledger how a batch ended, and what it left."""
    ledger.append(
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


def unknown_batch(chunk: Chunk) -> UnknownDeployment:
    """What stops the run where the endpoint doesn't know a batch that can't be forgotten yet."""
    return UnknownDeployment(
        f"the endpoint knows no batch {chunk.batch_id} any more; is the key another project's than "
        "the one that created it? If it is lost for good, `syphus cancel RUN --forget` gives it up",
        status=404,
    )
