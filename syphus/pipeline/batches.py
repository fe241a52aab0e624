"""A run by batches: the backend, what is known of earlier sittings, and how it is cancelled."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from array import array
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from syphus.backends.batch.batch import LEDGER, BatchApi
from syphus.backends.batch.fetching import FORGOTTEN_AFTER
from syphus.backends.batch.ledger import read_ledger
from syphus.backends.body import BodyWriter, Dialect
from syphus.core.batches import count_batches
from syphus.core.durable import write_json
from syphus.core.records import STAGES
from syphus.engine.batch_earlier import EarlierAboutPairs
from syphus.engine.batch_filing import CUSTOM_ID
from syphus.engine.batch_lines import KeptIds, short_id
from syphus.engine.batching import STRAY, BatchEngine
from syphus.engine.budget import Budget
from syphus.engine.engine import Engine
from syphus.journal.lock import run_lock
from syphus.pipeline.asking import Asked
from syphus.pipeline.keeping import Keeper, StageJournal
from syphus.pipeline.lanes import open_lanes
from syphus.pipeline.spent import Spent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from syphus.core.deployments import Deployment
    from syphus.core.errors import RequestError
    from syphus.core.events import Observer
    from syphus.core.records import Request, Stage
    from syphus.core.settings import Settings
    from syphus.pipeline.keeping import Kept
    from syphus.pipeline.vision import Vision

_FACTS = "batches.json"
# The quotes tell it from the same words in a reply's text, where they are escaped.
_KEPT = re.compile(rb'"%s":"(s[0-9a-f]{30})"' % CUSTOM_ID.encode())


async def open_batches(
    settings: Settings,
    deployments: tuple[Deployment, ...],
    journals: Mapping[Stage, StageJournal],
    spent: Spent,
    stack: AsyncExitStack,
    *,
    observer: Observer,
    folder: Path,
    vision: Vision | None = None,
    forget: bool = False,
) -> Asked:
    """The engine of a run whose journals are in `folder`.

    With `forget`, batches that the endpoint doesn't know are given up at once.

    The first deployment takes the batches. Where `batch_fallback` is set, the others answer the
    rest online, or the first where there is no other.
    """
    first = replace(deployments[0], rates=deployments[0].batch_rates)
    wording = BatchWording(folder, first, on_notice=observer.notice, vision=vision)
    under_way = _cost_under_way(folder)
    backend = await _open_backend(
        first,
        settings,
        stack,
        run_name=wording.run_name,
        observer=observer,
        folder=folder,
        forgotten_after=0.0 if forget else FORGOTTEN_AFTER,
    )
    if backend.outstanding:
        observer.notice(f"{backend.outstanding} requests are in batches that were begun earlier")
    earlier = await asyncio.to_thread(EarlierAboutPairs, backend.facts())
    kept = await asyncio.to_thread(_kept_ids, [folder / f"{stage}.jsonl" for stage in journals])
    keeper = Keeper(journals, spent)
    budget = Budget(settings.budget, spent=spent.for_budget + under_way)
    online = None
    if len(deployments) > 1 and settings.batch_fallback is None:
        observer.notice(f"batches go to {first.name} alone; the other deployments are not asked")
    if settings.batch_fallback is not None:
        online = Engine(
            await open_lanes(deployments[1:] or deployments, settings, stack, observer, vision),
            keeper,
            most_in_flight=settings.num_threads,
            budget=budget,
            on_notice=observer.notice,
        )
    engine = BatchEngine(
        backend,
        keeper,
        run_name=wording.run_name,
        deployment=first,
        wording=wording,
        budget=budget,
        kept=kept,
        earlier=earlier,
        online=online,
        online_below=settings.batch_fallback_below,
        on_notice=observer.notice,
    )
    return Asked(
        engine=engine,
        wants_description=lambda: wording.mode != "json_schema",
        watching=lambda on_durable: _telling(engine, on_durable),
        keeps_strays=True,
        sent_before=engine.sent_before,
        batches=lambda: count_batches(backend.states()),
    )


async def cancel_batches(
    settings: Settings, deployment: Deployment, observer: Observer, *, forget: bool = False
) -> int:
    """Cancels the batches of the run in `settings.folder`; keeps what they have done.

    With `forget`, those that the endpoint doesn't know are given up.

    Returns how many replies that were. Waits until every batch has ended at the endpoint, which may
    take minutes. Raises JournalInUse where a process works on the run, StoppingError where the
    endpoint refuses.
    """
    folder = settings.folder / "journal"
    kept = 0

    def count(group: Sequence[Kept]) -> None:
        nonlocal kept
        kept += len(group)

    async with AsyncExitStack() as stack:
        stack.enter_context(run_lock(folder))
        journals: dict[Stage, StageJournal] = {}
        for stage in STAGES:
            path = folder / f"{stage}.jsonl"
            if path.exists():
                journals[stage] = StageJournal(path)
                stack.callback(journals[stage].close)
        async with AsyncExitStack() as connections:
            asked = await open_batches(
                settings,
                (deployment,),
                journals,
                Spent(),
                connections,
                observer=observer,
                folder=folder,
                forget=forget,
            )
            engine = asked.engine
            if not isinstance(engine, BatchEngine):
                raise TypeError("a batch run has a batch engine")
            writers = [
                journal.open(
                    on_durable=_telling(engine, count, strays=True), on_refused=engine.stop
                )
                for journal in journals.values()
            ]
            async with asyncio.TaskGroup() as group:
                syncing = [group.create_task(writer.run()) for writer in writers]
                await engine.cancel()
                for writer, task in zip(writers, syncing, strict=True):
                    writer.close_when_synced()
                    await task
    if engine.stopped_by is not None:
        raise engine.stopped_by
    return kept


class BatchWording:
    """Writes requests for one deployment, in words that outlive the sitting which learnt them.

    A batch that was refused for a parameter costs hours, so what it taught is kept in `folder`,
    beside the run's name in its custom ids. Only refusals that name a parameter teach.
    """

    def __init__(
        self,
        folder: Path,
        deployment: Deployment,
        *,
        on_notice: Callable[[str], None],
        vision: Vision | None = None,
    ) -> None:
        self._vision = vision
        self._path = folder / _FACTS
        self._deployment = deployment
        self._on_notice = on_notice
        found: dict[str, Any] = {}
        if self._path.exists():
            found = json.loads(self._path.read_bytes())
        self.run_name: str = found.get("run") or secrets.token_hex(8)
        dialect = Dialect()
        if found.get("model") == deployment.model:
            dialect = Dialect(**found["dialect"])
        self._use(dialect)

    @property
    def mode(self) -> str:
        """How much of a response format is sent."""
        return self._writer.dialect.response_format_mode

    def write(self, request: Request) -> tuple[str, bytes]:
        """The name of the present wording, and the body of `request` in it, with its images.

        Raises ImageUnusable.
        """
        if request.images and self._vision is not None:
            request = self._vision.fill(request)
        return self._name, self._writer.write(request)

    def learn(self, wording: str, error: RequestError) -> bool:
        """Whether to ask again in other words what was refused in `wording`."""
        used = Dialect(**json.loads(wording))
        learned = used.after(error)
        if learned is None:
            return False
        if used == self._writer.dialect:
            self._use(learned)
            for change in learned.changes_since(used):
                self._on_notice(f"{self._deployment.name} {change}, from the next batch on")
        return True

    def _use(self, dialect: Dialect) -> None:
        self._writer = BodyWriter(self._deployment.model, dialect)
        self._name = json.dumps(asdict(dialect), separators=(",", ":"))
        told = {
            "run": self.run_name,
            "model": self._deployment.model,
            "dialect": asdict(dialect),
        }
        write_json(self._path, told)


async def _open_backend(
    deployment: Deployment,
    settings: Settings,
    stack: AsyncExitStack,
    *,
    run_name: str,
    observer: Observer,
    folder: Path,
    forgotten_after: float,
) -> BatchApi:
    provider = None
    if deployment.entra_identity:
        from syphus.backends.credentials import entra_identity  # noqa: PLC0415 - only there

        provider = await stack.enter_async_context(entra_identity())
    return await stack.enter_async_context(
        BatchApi(
            deployment,
            folder=folder,
            run=run_name,
            poll_seconds=settings.poll_seconds,
            enqueued_tokens=settings.enqueued_tokens,
            forgotten_after=forgotten_after,
            timeout=settings.timeout,
            on_notice=observer.notice,
            token_provider=provider,
        )
    )


def _cost_under_way(folder: Path) -> float:
    """The most, in US dollars, that batches cost whose outcomes aren't all in the journal."""
    chunks, _ = read_ledger(folder / LEDGER)
    return sum(chunk.most_cost for chunk in chunks.values() if chunk.is_open)


def _kept_ids(journals: Iterable[Path]) -> KeptIds:
    """The custom ids of every reply in the journals."""
    found = array("Q")
    for path in journals:
        if path.exists():
            with path.open("rb") as lines:
                for line in lines:
                    kept = _KEPT.search(line)
                    if kept is not None:
                        found.append(short_id(kept[1].decode("ascii")))
    return KeptIds(array("Q", sorted(found)))


def _telling(
    engine: BatchEngine, on_durable: Callable[[Sequence[Kept]], None], *, strays: bool = False
) -> Callable[[Sequence[Kept]], None]:
    """Tells the engine what is stored; hands on what a stage asks for, and `strays` if wanted."""

    def told(group: Sequence[Kept]) -> None:
        on_durable([kept for kept in group if strays or kept.request.position != STRAY])
        for kept in group:
            engine.stored(kept.request)

    return told
