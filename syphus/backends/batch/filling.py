"""Writes chunks: files of requests that a batch can be made of.

Lines go to the disk as they come; in memory stay a checksum and some counts.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from syphus.backends.batch.chunk import Chunk, ChunkFiles
from syphus.core.batches import BatchState
from syphus.core.durable import open_to_write, sync_folder
from syphus.core.errors import BadRequest, JournalWriteFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from syphus.core.batches import BatchLine
    from syphus.core.deployments import ApiType

# "Batch" in OpenAI's API reference; "Getting started with batch deployments" in Azure's. Neither
# says whether a megabyte has 1,000,000 bytes or 1,048,576, so the smaller is kept.
MOST_LINES: dict[ApiType, int] = {"openai": 50_000, "azure": 100_000}
MOST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a chunk may hold; `tokens` is None while no limit of enqueued tokens is known."""

    lines: int
    bytes: int = MOST_BYTES
    tokens: int | None = None


class Filling:
    """One chunk that is being written in `folder`."""

    def __init__(self, folder: Path, name: str, *, url: str) -> None:
        self.name = name
        self._files = ChunkFiles(folder, name)
        self._url = url.encode("ascii")
        self._requests = _open(self._files.requests)
        self._facts = _open(self._files.facts)
        self._sha256 = hashlib.sha256()
        self._bytes = self.lines = self._tokens = 0
        self._most_cost = 0.0
        self._is_broken = False

    def fits(self, line: BatchLine, bounds: Bounds) -> bool:
        """Whether `line` may be added. Any line fits an empty chunk as far as tokens go.

        Raises BadRequest where it fits no chunk at all.
        """
        size = len(self._encode(line))
        if size > bounds.bytes:
            raise BadRequest(f"a request of {size} bytes is too large for any batch")
        if not self.lines:
            return True
        return (
            self.lines < bounds.lines
            and self._bytes + size <= bounds.bytes
            and (bounds.tokens is None or self._tokens + line.tokens <= bounds.tokens)
        )

    def add(self, line: BatchLine) -> None:
        """Writes a line."""
        encoded = self._encode(line)
        head = f"{line.custom_id}\t{line.most_cost!r}\t{line.tokens}\t".encode("ascii")
        try:
            self._requests.write(encoded)
            self._facts.write(head + line.facts + b"\n")
        except OSError as error:
            self._is_broken = True
            raise self._refused(error) from error
        self._sha256.update(encoded)
        self._bytes += len(encoded)
        self.lines += 1
        self._tokens += line.tokens
        self._most_cost += line.most_cost

    def close(self, *, model: str, endpoint: str, rates: Sequence[float] | None) -> Chunk:
        """Makes the files durable; the chunk that they are. Raises JournalWriteFailed."""
        if self._is_broken:
            raise JournalWriteFailed(f"{self._files.requests} isn't whole")
        try:
            for file in (self._requests, self._facts):
                file.flush()
                os.fsync(file.fileno())
                file.close()
            sync_folder(self._files.folder)
        except OSError as error:
            self.abandon()
            self._is_broken = True
            raise self._refused(error) from error
        return Chunk(
            name=self.name,
            sha256=self._sha256.hexdigest(),
            bytes=self._bytes,
            lines=self.lines,
            tokens=self._tokens,
            most_cost=self._most_cost,
            model=model,
            endpoint=endpoint,
            rates=rates,
        )

    def state(self, status: str) -> BatchState:
        """What is shown of it."""
        return BatchState(
            name=self.name,
            status=status,
            lines=self.lines,
            done=0,
            failed=0,
            created=None,
            cost_at_most=self._most_cost,
            remote_id=None,
        )

    def abandon(self) -> None:
        """Throws away what nobody was told to be kept."""
        self.let_go()
        self._files.remove()

    def let_go(self) -> None:
        """Closes the files, whatever stands in them."""
        for file in (self._requests, self._facts):
            # A full disk refuses what the buffer still holds; it isn't wanted any more.
            with suppress(OSError):
                file.close()

    def _encode(self, line: BatchLine) -> bytes:
        head = b'{"custom_id":"%s","method":"POST","url":"%s","body":'
        return head % (line.custom_id.encode("ascii"), self._url) + line.body + b"}\n"

    def _refused(self, error: OSError) -> JournalWriteFailed:
        return JournalWriteFailed(
            f"can't write {error.filename or self._files.requests}: {error.strerror}"
        )


@dataclass(frozen=True, slots=True)
class FactsLine:
    """One line of a chunk's facts."""

    custom_id: str
    most_cost: float
    tokens: int
    facts: bytes


def read_facts_line(raw: bytes) -> FactsLine:
    """The line that `Filling.add` wrote."""
    custom_id, most_cost, tokens, facts = raw.rstrip(b"\n").split(b"\t", 3)
    return FactsLine(custom_id.decode("ascii"), float(most_cost), int(tokens), facts)


def read_pairs(files: ChunkFiles) -> Iterator[tuple[bytes, FactsLine]]:
    """Each request of a chunk, as its body, with its facts."""
    with files.requests.open("rb") as requests, files.facts.open("rb") as facts:
        for request, fact in zip(requests, facts, strict=True):
            yield request.partition(b'"body":')[2][: -len(b"}\n")], read_facts_line(fact)


def _open(path: Path) -> IO[bytes]:
    try:
        return open_to_write(path)
    except OSError as error:
        raise JournalWriteFailed(f"can't write {path}: {error.strerror}") from error
