"""One run from its plan to its files: the place where the stages meet."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syphus._version import __version__
from syphus.core.errors import JournalError, SettingsError, StoppedEarly, SyphusError
from syphus.core.events import Snapshot
from syphus.core.records import RequestShape
from syphus.engine.budget import Budget
from syphus.engine.engine import Engine
from syphus.export.queries import QuerySpool
from syphus.export.run_file import read_run_file, refresh_run_file, write_run_file
from syphus.export.summary import RunSummary, write_summary
from syphus.journal.lock import run_lock
from syphus.journal.reader import JournalReader, read_index
from syphus.journal.writer import JournalWriter
from syphus.pipeline.generation import Generation
from syphus.pipeline.lanes import name_models, open_lanes, open_local
from syphus.pipeline.outputs import write_outputs
from syphus.pipeline.run_log import RunLog
from syphus.prompting.messages import Assembler
from syphus.prompting.tokens import TokenCounter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syphus.core.deployments import Deployment
    from syphus.core.events import Observer
    from syphus.export.results import ResultCounts
    from syphus.journal.format import Kind
    from syphus.journal.reader import JournalIndex
    from syphus.pipeline.plan import Plan

_REFRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended. `stopped_by` is None where every query has its final outcome."""

    folder: Path
    snapshot: Snapshot
    written: ResultCounts
    stopped_by: SyphusError | None

    @property
    def exit_status(self) -> int:
        """0 every query answered, 3 stopped early, 4 finished but some queries failed."""
        if self.stopped_by is not None:
            return 3
        return 4 if self.snapshot.failed else 0


class Run:
    """A run of one plan. `execute` once; `stop` and `snapshot` at any time meanwhile."""

    def __init__(self, plan: Plan, *, observer: Observer) -> None:
        self._plan = plan
        self._observer = observer
        self._folder = plan.settings.folder
        self._began = time.monotonic()
        self._earlier_seconds = 0.0
        self._facts: dict[str, Any] = {}
        self._priced = False
        self._stop: SyphusError | None = None
        self._log: RunLog
        self._engine: Engine | None = None
        self._generation: Generation | None = None

    def stop(self, why: str) -> None:
        """Sends nothing more; what is in flight is kept and the files are written."""
        self._stop = StoppedEarly(why)
        if self._engine is not None:
            self._engine.stop(self._stop)

    async def execute(self) -> Outcome:
        """Asks what the journal doesn't have, then writes the files.

        Raises InputError or JournalError where nothing could be sent, JournalWriteFailed where
        the disk's state is unknown.
        """
        settings = self._plan.settings
        journal = _make_folder(self._folder)
        async with AsyncExitStack() as stack:
            stack.enter_context(run_lock(journal))
            log = RunLog(self._folder, self._observer)
            stack.callback(log.close)
            self._observer = self._log = log
            log.record("started", name=settings.name, version=__version__)
            deployments = self._plan.deployments
            response_format = None
            if self._plan.is_local and not settings.reparse:
                deployment, response_format = await open_local(self._plan, stack, self._observer)
                deployments = (deployment,)
            elif not settings.reparse:
                deployments = await name_models(deployments, settings, self._observer)
            shape = self._shape(deployments, response_format)
            path = journal / "generate.jsonl"
            index = await asyncio.to_thread(read_index, path, skip=_skipped(settings.redo))
            self._describe(index, shape, deployments)
            path.touch()
            reader = JournalReader(path)
            stack.callback(reader.close)
            spool = QuerySpool(self._folder)
            stack.callback(spool.close)
            self._generation = generation = Generation(
                dataset=self._plan.dataset,
                queries=self._plan.queries(),
                assembler=Assembler(
                    self._plan.prefix, shape, stage="generate", counter=TokenCounter(shape.model)
                ),
                spool=spool,
                index=index,
                reader=reader,
                max_reasks=settings.max_reasks,
                total=self._plan.size,
                redo_invalid=settings.redo == "invalid",
                send=not settings.reparse,
            )
            await self._ask(generation, path, index, deployments, stack)
            return await self._finish(generation, spool, reader)

    async def _ask(
        self,
        generation: Generation,
        path: Path,
        index: JournalIndex,
        deployments: tuple[Deployment, ...],
        stack: AsyncExitStack,
    ) -> None:
        settings = self._plan.settings
        lanes = await open_lanes(deployments, settings, stack, self._observer)
        engine = Engine(
            lanes,
            generation,
            most_in_flight=settings.num_threads,
            budget=Budget(settings.budget, spent=index.cost),
            on_notice=self._observer.notice,
        )
        writer = JournalWriter(
            path,
            size=index.whole_bytes,
            on_durable=generation.durable,
            on_refused=engine.stop,
        )
        stack.callback(writer.close)
        generation.attach(engine, writer)
        self._priced = index.cost > 0 or any(each.rates is not None for each in deployments)
        self._engine = engine
        if self._stop is not None:
            engine.stop(self._stop)
        try:
            async with asyncio.TaskGroup() as group:
                syncing = group.create_task(writer.run())
                refreshing = group.create_task(self._refresh())
                await engine.run(generation.requests())
                if engine.stopped_by is not None:
                    await generation.read_on()
                writer.close_when_synced()
                await syncing
                refreshing.cancel()
        except BaseExceptionGroup as errors:
            raise _first_of(errors) from None

    async def _finish(
        self, generation: Generation, spool: QuerySpool, reader: JournalReader
    ) -> Outcome:
        written = await asyncio.to_thread(
            write_outputs,
            self._folder,
            dataset=self._plan.dataset,
            spool=spool,
            offsets=generation.offsets,
            reader=reader,
            version=self._plan.settings.dataset_version,
            time=self._facts["started"],
        )
        snapshot, source = self.snapshot(), self._plan.source
        engine = self._engine
        stopped_by = engine.stopped_by if engine is not None else None
        unanswered = snapshot.read - snapshot.done
        if unanswered and stopped_by is None:
            stopped_by = StoppedEarly(f"{unanswered} queries have no reply yet")
        seconds = round(self._earlier_seconds + snapshot.seconds, 2)
        write_summary(
            self._folder,
            RunSummary(
                completion_tokens=snapshot.completion_tokens,
                prompt_tokens=snapshot.prompt_tokens,
                cached_tokens=snapshot.cached_tokens,
                valid_outputs=written.valid,
                invalid_outputs=written.invalid,
                error_messages=written.failed,
                time=seconds,
                total_examples=snapshot.read,
                cost=snapshot.cost,
                more={
                    "queries_valid": snapshot.valid,
                    "queries_invalid": snapshot.invalid,
                    "queries_failed": snapshot.failed,
                    "queries_empty": snapshot.empty,
                    "queries_unanswered": unanswered,
                    "truncated": written.truncated,
                    "repeated_queries": source.repeated,
                    "renamed_queries": source.renamed,
                    "perhaps_billed": engine.counts.maybe_billed if engine else 0,
                },
            ),
        )
        if source.repeated:
            self._observer.notice(f"{source.repeated} repeated queries are asked once")
        if source.renamed:
            self._observer.notice(
                f"{source.renamed} ids came again with another text; they are named id#2, id#3, ..."
            )
        state = "stopped" if stopped_by else "finished"
        self._log.record(state, **asdict(snapshot), stopped_by=str(stopped_by or "") or None)
        write_run_file(self._folder, self._progress(state=state, why=stopped_by))
        return Outcome(
            folder=self._folder, snapshot=snapshot, written=written, stopped_by=stopped_by
        )

    def snapshot(self) -> Snapshot:
        """The run at this moment."""
        engine, generation = self._engine, self._generation
        tally = generation.tally if generation else None
        counts = engine.counts if engine else None
        return Snapshot(
            total=generation.total if generation else None,
            read=tally.read if tally else 0,
            valid=tally.valid if tally else 0,
            invalid=tally.invalid if tally else 0,
            failed=tally.failed if tally else 0,
            empty=tally.empty if tally else 0,
            restored=tally.restored if tally else 0,
            pairs=tally.pairs if tally else 0,
            sent=counts.sent if counts else 0,
            retried=counts.retried if counts else 0,
            rate_limited=counts.rate_limited if counts else 0,
            in_flight=engine.in_flight if engine else 0,
            waiting=engine.waiting if engine else 0,
            prompt_tokens=tally.prompt_tokens if tally else 0,
            completion_tokens=tally.completion_tokens if tally else 0,
            cached_tokens=tally.cached_tokens if tally else 0,
            cost=tally.cost if tally and self._priced else None,
            seconds=time.monotonic() - self._began,
        )

    def _shape(
        self, deployments: tuple[Deployment, ...], response_format: bytes | None
    ) -> RequestShape:
        """What all requests share; a run that sends nothing takes what the last one had."""
        plan = self._plan
        if plan.settings.reparse:
            earlier = read_run_file(self._folder)
            if "model" not in earlier:
                raise SettingsError(f"--reparse: there is no run in {self._folder}")
            response_format = (earlier["response_format"] or "").encode() or None
            return RequestShape(
                model=earlier["model"], sampling=plan.sampling, response_format=response_format
            )
        if plan.dataset.response_model is not None:
            from syphus.prompting.structured import response_format as format_of  # noqa: PLC0415

            response_format = format_of(plan.dataset.response_model)
        return RequestShape(
            model=plan.model if plan.model and not plan.is_local else deployments[0].model,
            sampling=plan.sampling,
            response_format=response_format,
        )

    def _describe(
        self, index: JournalIndex, shape: RequestShape, deployments: tuple[Deployment, ...]
    ) -> None:
        """Writes what this sitting is about and says what it found of earlier ones."""
        plan, settings = self._plan, self._plan.settings
        earlier = read_run_file(self._folder)
        if earlier.get("name", settings.name) != settings.name:
            raise SettingsError(
                f"{self._folder} holds the run of {earlier['name']}; "
                f"choose another --output_dir for {settings.name}"
            )
        prompt_hash = hashlib.sha256(repr(plan.prefix).encode("utf-8", "replace")).hexdigest()
        if index.outcomes:
            for what, value in (("model", shape.model), ("prompt_hash", prompt_hash)):
                if earlier.get(what, value) != value:
                    name = what.removesuffix("_hash")
                    self._observer.notice(f"the {name} has changed: all is asked anew")
            self._observer.notice(f"resuming: {len(index.outcomes)} outcomes in the journal")
        if index.open_sends:
            self._observer.notice(
                f"{len(index.open_sends)} requests had been sent and have no reply; they may have "
                "been billed and are sent again"
            )
        if index.torn_bytes:
            self._observer.notice(f"{index.torn_bytes} bytes of an unfinished line were cut off")
        self._earlier_seconds = float(earlier.get("seconds", 0.0))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._facts = {
            "name": settings.name,
            "dataset_version": settings.dataset_version,
            "short": plan.dataset.short,
            "started": earlier.get("started", now),
            "resumed": now if earlier else None,
            "syphus": __version__,
            "process": os.getpid(),
            "model": shape.model,
            "response_format": (shape.response_format or b"").decode(),
            "prompt_hash": prompt_hash,
            "settings": settings.model_dump(mode="json", exclude={"deployments", "base_url"}),
            "deployments": [
                {"name": each.name, "api_type": each.api_type, "model": each.model}
                for each in deployments
            ],
        }
        write_run_file(self._folder, self._progress(state="running"))

    def _progress(self, *, state: str, why: SyphusError | None = None) -> dict[str, Any]:
        snapshot = self.snapshot()
        return {
            **self._facts,
            "state": state,
            "stopped_by": str(why) if why else None,
            "seconds": round(self._earlier_seconds + snapshot.seconds, 2),
            "counts": {
                "total": snapshot.total,
                "read": snapshot.read,
                "valid": snapshot.valid,
                "invalid": snapshot.invalid,
                "failed": snapshot.failed,
                "empty": snapshot.empty,
                "restored": snapshot.restored,
                "pairs": snapshot.pairs,
                "prompt_tokens": snapshot.prompt_tokens,
                "completion_tokens": snapshot.completion_tokens,
                "cached_tokens": snapshot.cached_tokens,
                "cost": snapshot.cost,
            },
        }

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            await refresh_run_file(self._folder, self._progress(state="running"))


def _make_folder(folder: Path) -> Path:
    journal = folder / "journal"
    try:
        journal.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
        for leftover in folder.glob(".*.part"):
            leftover.unlink()
    except OSError as error:
        raise SettingsError(f"--output_dir {folder}: can't be written: {error.strerror}") from error
    return journal


def _skipped(redo: str | None) -> frozenset[Kind]:
    if redo == "failed":
        return frozenset({"failed"})
    return frozenset({"truncated"}) if redo == "truncated" else frozenset()


def _first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that says most: one of ours about the journal, else the first."""
    found = list(_leaves(errors))
    return next((error for error in found if isinstance(error, JournalError)), found[0])


def _leaves(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
