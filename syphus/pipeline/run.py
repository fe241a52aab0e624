"""One run from its plan to its files: the place where the stages meet."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

from syphus._version import __version__
from syphus.core.errors import (
    InputError,
    JournalError,
    SettingsError,
    StoppedEarly,
    SyphusError,
)
from syphus.core.events import Snapshot
from syphus.core.records import STAGES
from syphus.export.queries import QuerySpool
from syphus.export.run_file import read_run_file
from syphus.journal.lock import run_lock
from syphus.journal.reader import read_index
from syphus.pipeline.asking import open_asked
from syphus.pipeline.generation import Generation, Tally
from syphus.pipeline.keeping import (
    Reading,
    StageJournal,
)
from syphus.pipeline.lanes import name_models, open_local
from syphus.pipeline.marks import Marks
from syphus.pipeline.outcome import Outcome
from syphus.pipeline.outputs import Outputs
from syphus.pipeline.run_facts import RunFacts, models_of, tell_what_was_found
from syphus.pipeline.run_folder import make_folder, remove_leftovers
from syphus.pipeline.run_log import RunLog
from syphus.pipeline.skipped_items import tell_skipped
from syphus.pipeline.spent import Spent, tell_the_price
from syphus.pipeline.stages import Following, make_following, shape_of_run
from syphus.pipeline.stopping import Stopping
from syphus.pipeline.targets import choose_targets, find_left_out
from syphus.prompting.messages import Assembler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from syphus.core.deployments import Deployment
    from syphus.core.events import BatchCounts, Observer
    from syphus.core.records import Stage
    from syphus.engine.asking import Asking
    from syphus.pipeline.keeping import Kept
    from syphus.pipeline.plan import Plan

_OUTCOMES: dict[Stage, str] = {
    "generate": "outcomes",
    "judge": "judgements",
    "translate": "translations",
}


class Run:
    """A run of one plan. `execute` once; `stop` and `snapshot` at any time meanwhile."""

    def __init__(self, plan: Plan, *, observer: Observer) -> None:
        self._plan = plan
        self._observer = observer
        self._folder = plan.settings.folder
        self._began = time.monotonic()
        self._spent = Spent()
        self._priced = False
        self._lacks_answers = False
        self._stopping = Stopping()
        self._engine: Asking | None = None
        self._batches: Callable[[], BatchCounts] | None = None
        self._generation: Generation | None = None
        self._following = Following()

    def stop(self, why: str) -> None:
        """Sends nothing more; what is in flight is kept and the files are written."""
        reason = self._stopping.stop(why)
        if self._engine is not None:
            self._engine.stop(reason)

    async def execute(self) -> Outcome:
        """Asks what the journal doesn't have, then writes the files.

        Raises InputError or JournalError where nothing could be sent, StoppedEarly at a stop while
        models were looked for, JournalWriteFailed where the disk's state is unknown.
        """
        self._refuse_missing_run()
        folder = make_folder(self._folder)
        async with AsyncExitStack() as stack:
            stack.enter_context(run_lock(folder))
            remove_leftovers(self._folder)
            log = RunLog(self._folder, self._observer, secrets=self._plan.secrets)
            stack.callback(log.close)
            self._observer = log
            log.record("started", name=self._plan.settings.name, version=__version__)
            facts = RunFacts(self._folder, self._plan, self.snapshot, log)
            deployments, response_format = await self._stopping.unless_stopped(
                self._open_deployments(stack)
            )
            shape = shape_of_run(self._plan, deployments, response_format)
            languages = choose_targets(self._plan, self._observer)
            left_out = find_left_out(self._plan, languages)
            journals = await self._open_journals(folder, languages, stack)
            self._count_spent(journals, deployments, models=models_of(facts.earlier))
            self._following = make_following(
                self._plan, journals, deployments, shape, languages=languages, left_out=left_out
            )
            facts.begin(
                shape,
                deployments,
                languages,
                journals["generate"].index.whole_bytes,
                judging=self._following.judging,
            )
            tell_skipped(self._plan.source.skips, self._observer)
            spool = QuerySpool(self._folder)
            stack.callback(spool.close)
            generation = Generation(
                dataset=self._plan.dataset,
                queries=self._plan.queries(),
                assembler=Assembler(self._plan.prefix, shape, stage="generate"),
                spool=spool,
                journal=journals["generate"],
                following=self._following.first,
                max_reasks=self._plan.settings.max_reasks,
                total=self._plan.size,
                redo=self._plan.settings.redo,
                send=not self._plan.keeps_answers,
                vision=self._plan.vision,
            )
            self._generation = generation
            try:
                async with AsyncExitStack() as connections:
                    await self._ask(journals, deployments, facts, connections)
            except InputError:
                facts.undo()
                raise
            outputs = Outputs(
                self._folder,
                plan=self._plan,
                spool=spool,
                generation=generation,
                following=self._following,
                left_out=left_out,
                reader=journals["generate"].reader,
            )
            return await self._finish(outputs, facts, log)

    def _refuse_missing_run(self) -> None:
        """What goes on with an earlier run makes no folder where there is none."""
        settings, journal = self._plan.settings, self._folder / "journal" / "generate.jsonl"
        if settings.redo is not None and not journal.exists():
            raise SettingsError(f"--redo: there is no run in {self._folder}")
        if settings.reparse and not read_run_file(self._folder):
            raise SettingsError(f"--reparse: there is no run in {self._folder}")

    async def _open_deployments(
        self, stack: AsyncExitStack
    ) -> tuple[tuple[Deployment, ...], bytes | None]:
        plan = self._plan
        if plan.settings.reparse:
            return (), None
        if plan.is_local:
            deployment, response_format = await open_local(plan, stack, self._observer)
            return (deployment,), response_format
        return await name_models(plan.deployments, plan.settings, self._observer), None

    async def _open_journals(
        self,
        folder: Path,
        languages: tuple[str, ...],
        stack: AsyncExitStack,
    ) -> dict[Stage, StageJournal]:
        quality = self._plan.quality
        wanted = {
            "generate": True,
            "judge": quality is not None and quality.judges,
            "translate": bool(languages),
        }
        journals: dict[Stage, StageJournal] = {}
        for stage in STAGES:
            path = folder / f"{stage}.jsonl"
            if not (wanted[stage] or path.exists()):
                continue
            # At a stop the thread is left to itself: it only reads.
            index = await self._stopping.unless_stopped(asyncio.to_thread(read_index, path))
            journals[stage] = StageJournal(path, index=index)
            stack.callback(journals[stage].close)
        return journals

    def _count_spent(
        self,
        journals: dict[Stage, StageJournal],
        deployments: tuple[Deployment, ...],
        *,
        models: Mapping[str, str],
    ) -> None:
        by_batches = self._plan.settings.backend == "batch"
        for stage, journal in journals.items():
            what = _OUTCOMES[stage]
            tell_what_was_found(journal.index, self._observer, what=what, by_batches=by_batches)
            self._spent.add_index(journal.index, deployments, models=models)
        all_known = bool(self._spent.prompt_tokens) and not self._spent.unpriced
        self._priced = (
            self._spent.cost > 0
            or any(each.rates for each in deployments)
            or (self._plan.keeps_answers and all_known)
        )
        tell_the_price(self._spent, has_price=self._priced, observer=self._observer)

    async def _ask(
        self,
        journals: dict[Stage, StageJournal],
        deployments: tuple[Deployment, ...],
        facts: RunFacts,
        stack: AsyncExitStack,
    ) -> None:
        generation = self._generation
        if generation is None:
            raise RuntimeError("nothing to ask")
        asked = await open_asked(
            self._plan, deployments, journals, self._spent, stack, observer=self._observer
        )
        engine = asked.engine
        generation.attach(engine)
        self._following.attach(asked, generation)
        strays = dict.fromkeys(journals, _take_nothing) if asked.keeps_strays else {}
        takers = {**strays, "generate": generation.take, **self._following.takers}
        found = {stage: Reading(takers[stage]) for stage in STAGES if stage in takers}
        readings = list(found.values())
        writers = [
            journals[stage].open(on_durable=asked.watching(reading.durable), on_refused=engine.stop)
            for stage, reading in found.items()
        ]
        self._engine, self._batches = engine, asked.batches
        if self._stopping.reason is not None:
            engine.stop(self._stopping.reason)
        try:
            async with asyncio.TaskGroup() as group:
                syncing = [group.create_task(writer.run()) for writer in writers]
                beside = [group.create_task(facts.keep_fresh())]
                beside += [group.create_task(reading.run()) for reading in readings]
                await engine.run(self._stopping.until_stopped(generation.requests()))
                for writer, task in zip(writers, syncing, strict=True):
                    writer.close_when_synced()
                    await task
                for task in beside:
                    task.cancel()
        except BaseExceptionGroup as errors:
            raise _first_of(errors) from None
        for reading in readings:
            reading.finish()
        earlier = journals["generate"].index.outcomes
        stopped = engine.stopped_by is not None
        if stopped and earlier and not await self._stopping.read_on(generation):
            self._observer.notice(
                "not all earlier answers were reached: the files lack them, the journal has them"
            )

    async def _finish(self, outputs: Outputs, facts: RunFacts, log: RunLog) -> Outcome:
        if self._plan.dataset.relations == "nearest_text":
            log.notice("relating the pairs by their texts, which takes a while")
        try:
            written = await asyncio.to_thread(outputs.write, time=facts.started)
        except (InputError, OSError) as error:
            raise StoppedEarly(
                f"the files can't be written: {error}. The journal keeps what it holds; mend "
                "this, and the same command writes them"
            ) from error
        snapshot = self.snapshot()
        stopped_by = self._reason_to_go_on(snapshot)
        outputs.write_summary(
            snapshot,
            written,
            seconds=facts.seconds,
            spent=self._spent,
        )
        outputs.tell(log)
        translating = self._following.translating
        wanted = translating.wanted if translating else []
        is_open = stopped_by is not None or self._plan.settings.reparse
        state = "stopped" if stopped_by else "finished"
        log.record(state, **asdict(snapshot), stopped_by=str(stopped_by or "") or None)
        facts.end(state=state, why=stopped_by)
        marks = self._following.judging.marks if self._following.judging else Marks()
        return Outcome(
            folder=self._folder,
            snapshot=snapshot,
            written=written,
            failed_translations=translating.failed if translating else 0,
            missing_translations=sum(each.missing for each in wanted),
            unasked_translations=sum(each.unasked for each in wanted) if is_open else 0,
            unasked_judgements=marks.unasked,
            missing_judgements=marks.unjudged,
            stopped_by=stopped_by,
            goes_on=not self._lacks_answers,
            skipped=self._plan.source.skips.count,
        )

    def _reason_to_go_on(self, now: Snapshot) -> SyphusError | None:
        """Why the run isn't at its end; None if a stop came when all was done already."""
        engine, generation = self._engine, self._generation
        unanswered = now.read - now.done
        is_whole = generation is not None and generation.is_whole
        if is_whole and not self._following.is_open:
            return None
        if engine is not None and engine.stopped_by is not None:
            return engine.stopped_by
        self._lacks_answers = self._plan.keeps_answers
        words = f"{unanswered} queries have no reply yet"
        if self._plan.settings.reparse:
            words += "; --reparse asks nothing, the same command without it goes on"
        elif self._plan.only is not None:
            words += f"; {self._plan.only} asks none of them, the run's own command goes on"
        return StoppedEarly(words)

    def snapshot(self) -> Snapshot:
        """The run at this moment."""
        engine, generation = self._engine, self._generation
        judging, translating = self._following.judging, self._following.translating
        tally = generation.tally if generation else Tally()
        return Snapshot(
            total=generation.total if generation else self._plan.size,
            read=tally.read,
            valid=tally.valid,
            invalid=tally.invalid,
            failed=tally.failed,
            empty=tally.empty,
            restored=tally.restored,
            pairs=tally.pairs,
            judged=judging.marks.judged if judging else None,
            translated=translating.translated if translating else {},
            sent=engine.counts.sent if engine else 0,
            retried=engine.counts.retried if engine else 0,
            rate_limited=engine.counts.rate_limited if engine else 0,
            in_flight=engine.in_flight if engine else 0,
            waiting=engine.waiting if engine else 0,
            prompt_tokens=self._spent.prompt_tokens,
            completion_tokens=self._spent.completion_tokens,
            cached_tokens=self._spent.cached_tokens,
            cost=self._spent.cost if self._priced else None,
            seconds=time.monotonic() - self._began,
            batches=self._batches() if self._batches else None,
        )


def _take_nothing(_: Kept) -> None:
    """Reads what belongs to no query of this sitting."""


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
