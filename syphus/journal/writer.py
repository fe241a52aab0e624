"""Appends to a journal.

`append` hands the bytes to the kernel before it returns, so a process that is killed right after
loses nothing. A sync for a whole group follows (50 ms after the first or at 128 lines: one sync
takes 0.1 to 10 ms, one a reply would be the run's bottleneck), and only then is a reply told to be
durable. A sync that fails is never tried again: the kernel may have dropped the pages and a second
call would report success for bytes that are gone.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from syphus.core.durable import named, sync_folder
from syphus.core.errors import JournalWriteFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")

_GROUP_LINES = 128
_GROUP_SECONDS = 0.05
# macOS has no fdatasync.
_sync_data = getattr(os, "fdatasync", os.fsync)


class JournalWriter(Generic[T]):
    """The only writer of one journal file, which ends at byte `size` (what follows is cut off).

    `on_durable` gets the tokens of appended lines, in order, once they are synced; `run` must be
    running for that. `on_refused` is told when the disk refuses bytes: nothing more should be
    asked then, and the lines refused are kept and written at the next chance, at the latest by
    `close`. `sync` is `os.fdatasync`, or `os.fsync` where that is
    all there is, except in tests.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: int = 0,
        on_durable: Callable[[Sequence[T]], None],
        on_refused: Callable[[JournalWriteFailed], None],
        sync: Callable[[int], None] = _sync_data,
    ) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._path = path
        self._offset = self._start_at(size)
        sync_folder(path.parent)
        self._on_durable = on_durable
        self._on_refused = on_refused
        self._sync = sync
        self._unsynced: list[T] = []
        self._unwritten: deque[tuple[bytes, T]] = deque()
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._is_torn = False
        self._closing = False
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="journal-sync")

    def _start_at(self, size: int) -> int:
        os.ftruncate(self._handle, size)
        os.lseek(self._handle, size, os.SEEK_SET)
        if size and os.pread(self._handle, 1, size - 1) != b"\n":
            try:
                size += os.write(self._handle, b"\n")
            except OSError as error:
                raise named(error, self._path) from error
        return size

    def note(self, line: bytes) -> bool:
        """Appends a line that nobody waits for; False where the disk refuses it."""
        return self._drain() and self._write(line)

    def append(self, line: bytes, token: T) -> int:
        """Appends a line and returns its offset; `token` goes to `on_durable` after its sync."""
        offset = self._offset + sum(len(waiting) for waiting, _ in self._unwritten)
        self._unwritten.append((line, token))
        self._drain()
        return offset

    def _drain(self) -> bool:
        while self._unwritten:
            line, token = self._unwritten[0]
            if not self._write(line):
                return False
            self._unwritten.popleft()
            self._unsynced.append(token)
            self._arrived.set()
            if len(self._unsynced) >= _GROUP_LINES:
                self._full.set()
        return True

    def _write(self, line: bytes) -> bool:
        written = 0
        try:
            if self._is_torn:
                self._cut()
            while written < len(line):
                written += os.write(self._handle, line[written:] if written else line)
        except OSError as error:
            self._is_torn = True
            with suppress(OSError):  # a broken disk refuses this too; then before the next line
                self._cut()
            what = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
            refusal = JournalWriteFailed(f"can't write {self._path}: {what}")
            refusal.__cause__ = error
            self._on_refused(refusal)
            return False
        self._offset += len(line)
        return True

    def _cut(self) -> None:
        """Takes off the file what was written of a line that was refused."""
        os.ftruncate(self._handle, self._offset)
        os.lseek(self._handle, self._offset, os.SEEK_SET)
        self._is_torn = False

    async def run(self) -> None:
        """Syncs groups of lines until `close`."""
        loop = asyncio.get_running_loop()
        while not (self._closing and not self._unsynced):
            await self._arrived.wait()
            if not self._closing:
                timer = loop.call_later(_GROUP_SECONDS, self._full.set)
                await self._full.wait()
                timer.cancel()
            self._full.clear()
            self._arrived.clear()
            await self._sync_group(loop)

    async def _sync_group(self, loop: asyncio.AbstractEventLoop) -> None:
        group, self._unsynced = self._unsynced, []
        try:
            await loop.run_in_executor(self._syncer, self._sync, self._handle)
        except OSError as error:
            raise JournalWriteFailed(
                f"can't sync {self._path}: {error.strerror}. What the disk holds of the last "
                "replies is unknown; start the same command again once the disk is well."
            ) from error
        if group:
            self._on_durable(group)

    def close_when_synced(self) -> None:
        """Lets `run` end after one more sync."""
        self._closing = True
        self._arrived.set()
        self._full.set()

    def close(self) -> None:
        """Writes what was refused before, without a sync, and lets go of the file."""
        try:
            self._drain()
        finally:
            self._syncer.shutdown(wait=False)
            os.close(self._handle)
