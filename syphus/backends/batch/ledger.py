"""The ledger of a run's batches: one line a step, synced before the next step is taken.

A line is ASCII JSON with a checksum, as the journal's are:

    {"chunk":"0001","step":"created","time":1700000000.0, ... ,"crc":"<8 hex digits>"}

It is small (some ten lines a chunk), so each line is synced by itself. A batch that is paid for
is worth far more than the millisecond.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from syphus.backends.batch.chunk import STEPS, Chunk
from syphus.core.durable import sync_folder
from syphus.core.errors import JournalDamaged, JournalError, JournalWriteFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from syphus.backends.batch.chunk import Step

_TAIL = b',"crc":"%08x"}\n'
_TAIL_BYTES = len(_TAIL % 0)
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_AT_CLOSING = ("sha256", "bytes", "lines", "tokens", "most_cost", "model", "endpoint", "rates")


class Ledger:
    """Appends steps to the file at `path`; what a kill tore off its end is cut.

    `chunks` are those of earlier sittings and of this one by name, in the order of their making.

    Raises JournalDamaged where a line that isn't the last one is damaged.
    """

    def __init__(self, path: Path, *, wall_clock: Callable[[], float]) -> None:
        self._path = path
        self._wall_clock = wall_clock
        self.chunks, size = read_ledger(path)
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._cut(size)
        sync_folder(path.parent)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._handle)

    def append(self, chunk: Chunk, step: Step, **facts: Any) -> None:
        """Makes a step durable, then takes it. Raises JournalWriteFailed."""
        self._write(chunk, step, facts, sync=True)

    def note(self, chunk: Chunk, step: Step, **facts: Any) -> None:
        """Writes what may be lost: a status that can be asked for again."""
        self._write(chunk, step, facts, sync=False)

    def close_chunk(self, chunk: Chunk) -> None:
        """Takes up a new chunk whose files are durable."""
        self.append(chunk, "closed", **_closing(chunk))
        self.chunks[chunk.name] = chunk

    def split(self, chunk: Chunk, parts: list[Chunk]) -> None:
        """Puts `parts`, whose files are durable, in the place of `chunk`: all in one line."""
        into = [{"name": part.name} | _closing(part) for part in parts]
        self.append(chunk, "split", into=into)
        self.chunks |= {part.name: part for part in parts}

    def _write(self, chunk: Chunk, step: Step, facts: dict[str, Any], *, sync: bool) -> None:
        facts = {"time": round(self._wall_clock(), 3)} | facts
        head = _encode({"chunk": chunk.name, "step": step} | facts)
        body = head[:-1].encode("ascii")
        line = body + _TAIL % zlib.crc32(body)
        written = 0
        try:
            while written < len(line):
                written += os.write(self._handle, line[written:])
            if sync:
                os.fsync(self._handle)
        except OSError as error:
            # A line that isn't whole must not stand before others; one whose sync failed was
            # never told to anybody.
            self._cut(self._size)
            raise JournalWriteFailed(f"can't write {self._path}: {error.strerror}") from error
        self._size += len(line)
        chunk.take(step, facts)

    def _cut(self, size: int) -> None:
        os.ftruncate(self._handle, size)
        os.lseek(self._handle, size, os.SEEK_SET)
        self._size = size


def read_ledger(path: Path) -> tuple[dict[str, Chunk], int]:
    """The chunks that a ledger tells of, and how many of its bytes are whole lines.

    Raises JournalDamaged, or JournalError where another version wrote it.
    """
    chunks: dict[str, Chunk] = {}
    size = 0
    for line in _whole_lines(path):
        facts = json.loads(line)
        name, step = facts.pop("chunk"), facts.pop("step")
        del facts["crc"]
        if step not in STEPS:
            raise JournalError(f"{path} was written by another version: it knows a step {step!r}")
        if step == "closed":
            chunks[name] = _opened(name, facts)
        chunks[name].take(step, facts)
        for part in facts.get("into", ()):
            chunks[part["name"]] = _opened(part["name"], part)
            chunks[part["name"]].since = facts["time"]
        size += len(line)
    return chunks, size


def _whole_lines(path: Path) -> Iterator[bytes]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    offset = 0
    for line in data.splitlines(keepends=True):
        body, tail = line[:-_TAIL_BYTES], line[-_TAIL_BYTES:]
        if tail == _TAIL % zlib.crc32(body):
            yield line
        elif offset + len(line) < len(data):
            raise JournalDamaged(
                f"{path} is damaged at byte {offset}; put back a copy of it, or look at the "
                "batches at the provider before you remove it",
                path=path,
                offset=offset,
            )
        offset += len(line)


def _closing(chunk: Chunk) -> dict[str, Any]:
    return {name: getattr(chunk, name) for name in _AT_CLOSING}


def _opened(name: str, facts: dict[str, Any]) -> Chunk:
    known = {field.name for field in fields(Chunk)} - {"name"}
    return Chunk(name=name, **{key: value for key, value in facts.items() if key in known})
