"""Where the engine's outcomes go: into the journal of their stage, before anything reads them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syphus.journal.format import encode_failure, encode_not_billed, encode_reply, encode_sent
from syphus.journal.reader import JournalReader, read_index
from syphus.journal.writer import JournalWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from syphus.core.errors import JournalWriteFailed
    from syphus.core.records import Failure, Reply, Request, Stage
    from syphus.journal.reader import JournalIndex
    from syphus.pipeline.spent import Spent

NOT_WRITTEN = -1
_TURN_SECONDS = 0.005


@dataclass(slots=True, kw_only=True)
class Kept:
    """An outcome in the journal, at `offset`."""

    request: Request
    outcome: Reply | Failure
    offset: int = NOT_WRITTEN


class StageJournal:
    """One stage's journal: `index` is what it held when it was opened, `reader` what it holds.

    The index takes some seconds for a million replies: who must not be held up reads it elsewhere.

    Raises JournalDamaged.
    """

    def __init__(self, path: Path, *, index: JournalIndex | None = None) -> None:
        self.index = read_index(path) if index is None else index
        path.touch()
        self.reader = JournalReader(path)
        self._path = path
        self._writer: JournalWriter[Kept] | None = None

    def open(
        self,
        *,
        on_durable: Callable[[Sequence[Kept]], None],
        on_refused: Callable[[JournalWriteFailed], None],
    ) -> JournalWriter[Kept]:
        """The writer that goes on behind what is whole. Its `run` must be running."""
        self._writer = JournalWriter(
            self._path,
            size=self.index.whole_bytes,
            on_durable=on_durable,
            on_refused=on_refused,
        )
        return self._writer

    @property
    def writer(self) -> JournalWriter[Kept]:
        """The writer, once opened."""
        if self._writer is None:
            raise RuntimeError("the journal isn't open for writing")
        return self._writer

    def close(self) -> None:
        """Lets go of the files."""
        if self._writer is not None:
            self._writer.close()
        self.reader.close()


class Reading:
    """Reads outcomes once they are durable, a few milliseconds at a time.

    Parsing and checking a whole group at once would hold up sending and the answers that are on
    their way.
    """

    def __init__(self, take: Callable[[Kept], None]) -> None:
        self._take = take
        self._arrived: deque[Kept] = deque()
        self._wake = asyncio.Event()

    def durable(self, group: Sequence[Kept]) -> None:
        """Takes outcomes that are safe on the disk."""
        self._arrived.extend(group)
        self._wake.set()

    async def run(self) -> None:
        """Reads what arrives, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            until = time.monotonic() + _TURN_SECONDS
            while self._arrived:
                self._take(self._arrived.popleft())
                if time.monotonic() > until:
                    await asyncio.sleep(0)
                    until = time.monotonic() + _TURN_SECONDS

    def finish(self) -> None:
        """Reads all that is left; after `run` has ended."""
        while self._arrived:
            self._take(self._arrived.popleft())


class Keeper:
    """The engine's sink."""

    def __init__(self, journals: Mapping[Stage, StageJournal], spent: Spent) -> None:
        self._journals = journals
        self._spent = spent

    def sending(self, request: Request, *, attempt: int, deployment: str, most_cost: float) -> bool:
        """Journals that an attempt is about to be made."""
        line = encode_sent(request, attempt=attempt, deployment=deployment, most_cost=most_cost)
        return self._journals[request.stage].writer.note(line)

    def not_billed(self, request: Request) -> None:
        """Journals that the attempt came to nothing and cost nothing."""
        self._journals[request.stage].writer.note(encode_not_billed(request))

    def maybe_billed(self, request: Request, *, most_cost: float) -> None:
        """Counts an attempt without a reply; that it was made is in the journal already."""
        del request
        self._spent.add_lost(most_cost)

    def replied(self, request: Request, reply: Reply) -> None:
        """Journals a reply; nothing is parsed before it is durable."""
        self._spent.add(reply)
        self._keep(encode_reply(request, reply, time=time.time()), request, reply)

    def failed(self, request: Request, failure: Failure) -> None:
        """Journals that a request was given up."""
        self._keep(encode_failure(request, failure, time=time.time()), request, failure)

    def _keep(self, line: bytes, request: Request, outcome: Reply | Failure) -> None:
        kept = Kept(request=request, outcome=outcome)
        kept.offset = self._journals[request.stage].writer.append(line, kept)
