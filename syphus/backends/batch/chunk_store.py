"""The chunks of a run on disk: filled, closed, split, and whose lines they hold."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypedDict

from syphus.backends.batch.chunk import ChunkFiles
from syphus.backends.batch.filling import Bounds, Filling, read_facts_line, read_pairs
from syphus.backends.batch.off_loop import off_loop
from syphus.backends.batch.results import read_custom_ids
from syphus.core.batches import BatchLine, BatchState
from syphus.core.errors import JournalError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from syphus.backends.batch.chunk import Chunk
    from syphus.backends.batch.ledger import Ledger
    from syphus.core.deployments import Deployment

_DIGEST_BYTES = 12


class _Origin(TypedDict):
    model: str
    endpoint: str
    rates: Sequence[float] | None


class ChunkStore:
    """The chunks in `folder`, each line of which goes to `deployment` at `endpoint`.

    `bounds` may change; they hold for what is added from then on. Of every line that is held, 12
    bytes of a hash of its custom_id stay in memory, and nothing else.
    """

    def __init__(
        self,
        ledger: Ledger,
        folder: Path,
        *,
        bounds: Bounds,
        deployment: Deployment,
        endpoint: str,
        url: str,
    ) -> None:
        self.bounds = bounds
        self._ledger = ledger
        self._folder = folder
        rates = deployment.rates
        self._origin = _Origin(
            model=deployment.model,
            endpoint=endpoint,
            rates=None if rates is None else (rates.prompt, rates.completion, rates.cached),
        )
        self._url = url
        self._held: set[bytes] = set()
        self._filling: Filling | None = None
        self._full: deque[Filling] = deque()
        self._closing = asyncio.Lock()
        # Drawn from in threads too.
        self._numbers = count(max((int(name) for name in ledger.chunks), default=0) + 1)
        for chunk in ledger.chunks.values():
            if chunk.is_open:
                self._hold(self.files(chunk))
        self._remove_strays()

    @property
    def held(self) -> int:
        """How many lines are held."""
        return len(self._held)

    def holds(self, custom_id: str) -> bool:
        """Whether a line is in a chunk and wasn't given out."""
        return _digest(custom_id) in self._held

    def facts(self) -> Iterator[bytes]:
        """The engine's facts of every line in an open chunk that may have been sent."""
        for chunk in list(self._ledger.chunks.values()):
            if chunk.is_open and not chunk.is_unsent:
                with self.files(chunk).facts.open("rb") as lines:
                    for line in lines:
                        yield read_facts_line(line).facts

    def count_unwanted(self, chunk: Chunk, is_wanted: Callable[[str], bool]) -> int:
        """How many lines of a chunk have a custom_id that isn't wanted."""
        return sum(not is_wanted(name) for name in read_custom_ids(self.files(chunk)))

    def files(self, chunk: Chunk) -> ChunkFiles:
        """Where a chunk's files are."""
        return ChunkFiles(self._folder, chunk.name)

    def add(self, line: BatchLine) -> bool:
        """Puts a line into the chunk that is being filled; True if another is full.

        Raises BadRequest, ValueError for a custom_id that is held.
        """
        digest = _digest(line.custom_id)
        if digest in self._held:
            raise ValueError(f"{line.custom_id} is in a batch already")
        is_full = False
        if self._filling is None:
            self._filling = self._open()
        if not self._filling.fits(line, self.bounds):
            is_full = self.flush()
            self._filling = self._open()
        self._filling.add(line)
        self._held.add(digest)
        return is_full

    def flush(self) -> bool:
        """Ends the chunk that is being filled; False if there is none. `close_full` is next."""
        if self._filling is None or not self._filling.lines:
            return False
        self._full.append(self._filling)
        self._filling = None
        return True

    async def close_full(self) -> None:
        """Makes chunks that were ended durable, then takes each into the ledger.

        The event loop goes on meanwhile. Raises JournalWriteFailed.
        """
        async with self._closing:
            while self._full:
                close = partial(self._full[0].close, **self._origin)
                self._ledger.close_chunk(await off_loop(close))
                self._full.popleft()

    async def split(self, chunk: Chunk, bounds: Bounds) -> None:
        """Puts smaller chunks in the place of one that has no batch."""
        parts = await off_loop(lambda: self._write_parts(chunk, bounds))
        self._ledger.split(chunk, parts)

    def give_out(self, custom_ids: Iterable[str]) -> None:
        """Lets go of lines whose outcomes are given out."""
        self._held.difference_update(map(_digest, custom_ids))

    def states(self) -> list[BatchState]:
        """Every chunk that is shown, the one that is being filled last. For any thread."""
        chunks = list(self._ledger.chunks.values())
        shown = [chunk.state() for chunk in chunks if not chunk.was_split]
        shown += [filling.state("queued") for filling in list(self._full)]
        filling = self._filling
        if filling is not None and filling.lines:
            shown.append(filling.state("filling"))
        return shown

    def close(self) -> None:
        """Throws away the chunk that is being filled: none of its lines was sent.

        Of those that are full the ledger may tell already, where Ctrl-C came twice; what it doesn't
        tell of is thrown away by the next sitting.
        """
        for filling in self._full:
            filling.let_go()
        if self._filling is not None:
            self._filling.abandon()

    def _hold(self, files: ChunkFiles) -> None:
        try:
            self._held.update(map(_digest, read_custom_ids(files)))
        except OSError as error:
            raise JournalError(
                f"can't read {files.facts}: {error.strerror}; its batch may be paid for, so put "
                "the file back"
            ) from error

    def _write_parts(self, chunk: Chunk, bounds: Bounds) -> list[Chunk]:
        files = self.files(chunk)
        parts: list[Chunk] = []
        origin = _Origin(model=chunk.model, endpoint=chunk.endpoint, rates=chunk.rates)
        filling = self._open()
        for body, known in read_pairs(files):
            line = BatchLine(
                custom_id=known.custom_id,
                body=body,
                tokens=known.tokens,
                most_cost=known.most_cost,
                facts=known.facts,
            )
            if not filling.fits(line, bounds):
                parts.append(filling.close(**origin))
                filling = self._open()
            filling.add(line)
        parts.append(filling.close(**origin))
        return parts

    def _open(self) -> Filling:
        return Filling(self._folder, f"{next(self._numbers):04d}", url=self._url)

    def _remove_strays(self) -> None:
        """What a kill left of chunks that were never closed, and of those that are done with."""
        kept = {
            name for name, chunk in self._ledger.chunks.items() if chunk.stage not in _DONE_WITH
        }
        for path in self._folder.iterdir():
            name = path.name.partition(".")[0]
            if name.isdigit() and name not in kept:
                path.unlink()


def check_endpoints(chunks: Iterable[Chunk], endpoint: str) -> None:
    """Raises SettingsError where a chunk is under way at another endpoint."""
    for chunk in chunks:
        is_there = chunk.file_id is not None or chunk.stage in ("uploading", "creating")
        is_there = is_there and chunk.is_open and chunk.stage != "downloaded"
        if is_there and chunk.endpoint != endpoint:
            raise SettingsError(
                f"batch {chunk.name} of this run is at {chunk.endpoint}, the deployment at "
                f"{endpoint}; go on with the endpoint that the run began with"
            )


_DONE_WITH = ("split", "deleted")


def _digest(custom_id: str) -> bytes:
    return hashlib.blake2b(custom_id.encode("ascii"), digest_size=_DIGEST_BYTES).digest()
