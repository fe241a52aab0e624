"""Where the engine's outcomes go: into the journal of their stage, before anything reads them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from syphus.core.prices import halved
from syphus.core.records import Usage
from syphus.journal.format import encode_failure, encode_not_billed, encode_reply, encode_sent
from syphus.journal.reader import JournalReader, read_index
from syphus.journal.writer import JournalWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from syphus.core.deployments import Deployment
    from syphus.core.errors import JournalWriteFailed
    from syphus.core.events import Observer
    from syphus.core.prices import Rates
    from syphus.core.records import Failure, Reply, Request, Stage
    from syphus.journal.format import Kind
    from syphus.journal.reader import JournalIndex, Unpriced

NOT_WRITTEN = -1
# What the embedded model's replies are journalled under; they cost nothing.
EMBEDDED = "local"
_TURN_SECONDS = 0.005


@dataclass(slots=True, kw_only=True)
class Kept:
    """An outcome in the journal, at `offset`."""

    request: Request
    outcome: Reply | Failure
    offset: int = NOT_WRITTEN


@dataclass(slots=True, kw_only=True)
class Spent:
    """Tokens and US dollars of every reply in the run's journals.

    Replies that were journalled without a cost count at the rates that their deployment has today,
    those of batches at what batches cost there: `reckoned` says how many, `reckoned_cost` what they
    add to the cost. `unpriced` are those whose deployment has none, or isn't there; no other's
    rates are theirs, and the cost leaves them out. `assumed` is what a budget counts for them:
    their usage at the dearest rates known.
    `attempts_lost` counts attempts that may have been billed without a reply, `uncertain` is the
    most that they may have cost.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    uncertain: float = 0.0
    attempts_lost: int = 0
    reckoned: int = 0
    reckoned_cost: float = 0.0
    unpriced: int = 0
    assumed: float = 0.0

    @property
    def for_budget(self) -> float:
        """US dollars that a budget has to count as spent: certain, perhaps billed, and assumed."""
        return self.cost + self.uncertain + self.assumed

    def add(self, reply: Reply) -> None:
        """Counts one reply."""
        self.prompt_tokens += reply.usage.prompt_tokens
        self.completion_tokens += reply.usage.completion_tokens
        self.cached_tokens += reply.usage.cached_tokens
        self.cost += reply.cost or 0.0

    def add_lost(self, most_cost: float) -> None:
        """Counts an attempt that may have been billed and gave no reply."""
        self.attempts_lost += 1
        self.uncertain += most_cost

    def add_index(
        self,
        index: JournalIndex,
        deployments: Sequence[Deployment] = (),
        *,
        models: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Counts what earlier sittings spent; what has no price at the rates of `deployments`.

        `models` are those that the deployments had, by name: one that has another now is another.
        """
        self.prompt_tokens += index.prompt_tokens
        self.completion_tokens += index.completion_tokens
        self.cached_tokens += index.cached_tokens
        self.cost += index.cost
        self.uncertain += index.uncertain_cost
        self.attempts_lost += index.lost_sends + len(index.open_sends)
        in_batches = [replace(each, rates=_in_batches(each)) for each in deployments]
        for found, rated in (
            (index.unpriced, deployments),
            (index.unpriced_in_batches, in_batches),
        ):
            for name, used in found.items():
                same = [each for each in rated if each.name == name]
                if models.get(name) not in (None, *(each.model for each in same)):
                    same = []
                self._reckon(used, same, rated)

    def _reckon(
        self, used: Unpriced, same: Sequence[Deployment], deployments: Sequence[Deployment]
    ) -> None:
        usage = Usage(
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cached_tokens=used.cached_tokens,
        )
        cost = max((each.rates.cost(usage) for each in same if each.rates), default=None)
        if cost is not None:
            self.reckoned += used.replies
            self.reckoned_cost += cost
            self.cost += cost
            return
        self.unpriced += used.replies
        known = (each.rates.cost(usage) for each in deployments if each.rates)
        self.assumed += max(known, default=0.0)


def _in_batches(deployment: Deployment) -> Rates | None:
    """What batches cost, also in a run that makes none."""
    if deployment.batch_rates is None and deployment.rates is not None:
        return halved(deployment.rates)
    return deployment.batch_rates


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


def tell_the_price(spent: Spent, *, has_price: bool, observer: Observer) -> None:
    """Says how replies count that earlier sittings had no price for; nothing if none has one."""
    if spent.reckoned:
        observer.notice(
            f"{spent.reckoned} earlier replies had no price: at the prices known now they cost "
            f"${spent.reckoned_cost:.4f}"
        )
    if spent.unpriced and has_price:
        assumed = ""
        if spent.assumed:
            assumed = f"; --budget counts ${spent.assumed:.4f} for them, at the dearest price known"
        observer.notice(
            f"no price is known for {spent.unpriced} earlier replies: the cost leaves them out"
            f"{assumed}"
        )


def redone_kinds(redo: str | None) -> frozenset[Kind]:
    """The outcomes that `--redo` asks for again."""
    kinds: dict[str | None, frozenset[Kind]] = {
        "failed": frozenset({"failed"}),
        "truncated": frozenset({"truncated"}),
        "invalid": frozenset({"reply", "truncated", "failed"}),
    }
    return kinds.get(redo, frozenset())


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
