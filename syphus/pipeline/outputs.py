"""Writes a run's files from its journals, query by query in order."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from syphus.core.errors import SyphusError
from syphus.core.records import Pair, QuestionAnswer
from syphus.export.instructions import InstructionsMeta, read_instructions
from syphus.export.mimicit import instructions_path, mimicit_files, write_mimicit
from syphus.export.numbering import QueryFacts, number_pairs
from syphus.export.results import VALID, Answered, ResultCounts, write_results
from syphus.export.run_meta import RunSummary, write_summary
from syphus.export.translated import PairTranslations, translated_path, write_translated
from syphus.pipeline.generation import (
    NOTHING_TO_ASK,
    NOTHING_TO_ASK_FAILURE,
    UNANSWERED,
    UNSENDABLE,
)
from syphus.pipeline.judgements import JUDGEMENTS, judgements_file
from syphus.pipeline.plugin_calls import images_of, ready_pairs
from syphus.pipeline.relating import relations_at_once, relations_of
from syphus.pipeline.skipped_items import SKIPPED, tell_skipped, write_skipped
from syphus.pipeline.verdicts import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from syphus.core.events import Observer, Snapshot
    from syphus.core.records import Parsed, Query
    from syphus.export.mimicit import MimicitWriter
    from syphus.export.queries import QuerySpool
    from syphus.journal.reader import JournalReader
    from syphus.pipeline.generation import Generation
    from syphus.pipeline.pair_progress import Progress
    from syphus.pipeline.plan import Plan
    from syphus.pipeline.quality import Sieve
    from syphus.pipeline.spent import Spent
    from syphus.pipeline.stages import Following
    from syphus.pipeline.translating import Translating
    from syphus.translation.values import Translated

AUTHOR = "Syphus"
NOT_ASKED = "it wasn't asked for"


class Outputs:
    """The files of one run. Replies are read and judged again: none was kept in memory."""

    def __init__(
        self,
        folder: Path,
        *,
        plan: Plan,
        spool: QuerySpool,
        generation: Generation,
        following: Following,
        left_out: tuple[str, ...],
        reader: JournalReader,
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._dataset = plan.dataset
        self._spool = spool
        self._generation = generation
        self._translating = following.translating
        self._judging = following.judging
        self._left_out = left_out
        self._reader = reader
        self._emptied: set[str] = set()
        self._sieve: Sieve | None = None

    def write(self, *, time: str) -> ResultCounts:
        """Writes the result lists and the MIMIC-IT files; `time` stands in their head."""
        self._spool.finish()
        self._remove_empty()
        write_skipped(self._folder, self._plan.source.skips, secrets=self._plan.secrets)
        meta = InstructionsMeta(
            version=self._plan.settings.dataset_version, time=time, author=AUTHOR
        )
        if self._dataset.has_ready_pairs():
            self._write_translated(meta)
            tally = self._generation.tally
            return ResultCounts(queries=tally.read, productive=tally.valid, valid=tally.pairs)
        if self._dataset.free_text:
            return write_results(self._folder, self._answers())
        with ExitStack() as stack:
            self._sieve = self._make_sieve(stack)
            counts = self._write_pairs(meta)
        self._write_translated(meta)
        return counts

    def _make_sieve(self, stack: ExitStack) -> Sieve | None:
        quality, judgements = self._plan.quality, None
        if self._judging is None:
            # Those of an earlier run are about other pairs.
            (self._folder / JUDGEMENTS).unlink(missing_ok=True)
        else:
            judgements = stack.enter_context(judgements_file(self._folder, self._judging))
        if quality is None:
            return None
        from syphus.pipeline.quality import Sieve  # noqa: PLC0415 - only where pairs are checked

        expected = self._generation.tally.pairs
        short = self._dataset.short
        sieve = Sieve(quality, self._folder, short=short, expected=expected, judgements=judgements)
        stack.callback(sieve.close)
        return sieve

    def _write_pairs(self, meta: InstructionsMeta) -> ResultCounts:
        """Writes all in one pass, unless related pairs may stand far behind each other."""
        short = self._dataset.short
        renamed = bool(self._plan.source.renamed)
        at_once = relations_at_once(self._dataset, self._facts, renamed=renamed)
        if at_once is not None:
            with mimicit_files(self._folder, short=short, meta=meta, relations=at_once) as files:
                return write_results(self._folder, self._adding_to(files))
        counts = write_results(self._folder, self._answers())
        valid = self._folder / VALID
        write_mimicit(
            self._folder,
            short=short,
            valid=valid,
            facts=self._facts,
            meta=meta,
            relations=relations_of(self._dataset, valid, self._facts),
        )
        return counts

    def _remove_empty(self) -> None:
        """Removes files of earlier languages that hold no pair, as a run without replies leaves."""
        for code in self._stale:
            path = translated_path(self._folder, self._dataset.short, code)
            with suppress(SyphusError):  # a broken file isn't ours to judge
                if next(iter(read_instructions(path)), None) is None:
                    path.unlink(missing_ok=True)
                    self._emptied.add(code)

    def _write_translated(self, meta: InstructionsMeta) -> None:
        if self._translating is not None:
            write_translated(
                self._folder,
                short=self._dataset.short,
                languages=self._translating.written,
                pairs=self._pairs,
                translations=self._translations(self._translating),
                meta=meta,
            )

    def tell(self, observer: Observer) -> None:
        """Says what is unusual about the queries."""
        source, in_vain = self._plan.source, self._generation.tally.redone_in_vain
        tell_skipped(source.skips, observer)
        if more := source.skips.count - source.skips.told:
            observer.notice(f"{more} more items are left out: see {self._folder / SKIPPED}")
        if source.repeated:
            observer.notice(f"{source.repeated} repeated queries are asked once")
        if source.renamed:
            observer.notice(
                f"{source.renamed} ids came again with another text; they are named id#2, id#3, ..."
            )
        vision = self._plan.vision
        if vision is not None and vision.answered_before:
            observer.notice(
                f"{len(vision.answered_before)} queries were answered before their images went "
                "away: the answers stay"
            )
        if unsendable := self._generation.unsendable:
            first = next(iter(unsendable.values())).message
            observer.notice(
                f"{len(unsendable)} queries are not asked, for their images can't be sent: {first}"
                f"{' ...' if len(unsendable) > 1 else ''}; error_messages.json has all"
            )
        if in_vain:
            observer.notice(
                f"{in_vain} queries were asked again in vain: their earlier replies stand"
            )
        if self._rewritten:
            observer.notice(
                f"files of languages that aren't asked for now ({', '.join(self._rewritten)}) were "
                "written from the journal; what they lack is asked for when --languages names them"
            )
        if self._stale:
            names = [translated_path(self._folder, self._dataset.short, x) for x in self._stale]
            observer.notice(
                f"of an earlier run, and left as they were: {', '.join(x.name for x in names)}; "
                "the journal has no translation of the present pairs into these languages"
            )
        for found in self._sieve.tell() if self._sieve is not None else ():
            observer.notice(found)

    @property
    def _rewritten(self) -> list[str]:
        """The languages that were left out and whose files were written all the same."""
        written = self._translating.written if self._translating is not None else ()
        return [code for code in self._left_out if code in written]

    @property
    def _stale(self) -> list[str]:
        """The languages whose files are those of an earlier run."""
        gone = {*self._rewritten, *self._emptied}
        return [code for code in self._left_out if code not in gone]

    def write_summary(
        self, now: Snapshot, written: ResultCounts, *, seconds: float, spent: Spent
    ) -> None:
        """Writes `meta.json`."""
        source = self._plan.source
        translating = self._translating
        coverage = translating.coverage if translating is not None else {}
        written_in = translating.written if translating is not None else ()
        write_summary(
            self._folder,
            RunSummary(
                completion_tokens=now.completion_tokens,
                prompt_tokens=now.prompt_tokens,
                cached_tokens=now.cached_tokens,
                valid_outputs=written.valid,
                invalid_outputs=written.invalid,
                error_messages=written.failed,
                time=seconds,
                total_examples=now.read,
                cost=now.cost,
                more={
                    "queries_valid": now.valid,
                    "queries_invalid": now.invalid,
                    "queries_failed": now.failed,
                    "queries_empty": now.empty,
                    "queries_unanswered": now.read - now.done,
                    "redone_in_vain": self._generation.tally.redone_in_vain,
                    "truncated": written.truncated,
                    "repeated_queries": source.repeated,
                    "renamed_queries": source.renamed,
                    "skipped_items": source.skips.count,
                    "perhaps_billed": spent.attempts_lost,
                    "perhaps_cost": spent.uncertain,
                    **({"quality": self._sieve.summary()} if self._sieve else {}),
                    "translations": {
                        code: {
                            "translated": each.translated,
                            "missing": each.missing,
                            "unjudged_texts": each.unjudged,
                        }
                        for code, each in coverage.items()
                        if code in written_in
                    },
                    "languages_left_out": self._rewritten,
                    "languages_of_an_earlier_run": self._stale,
                },
            ),
        )

    def _facts(self) -> Iterator[QueryFacts]:
        for position, query in enumerate(self._spool.queries()):
            yield self._facts_of(query, position)

    def _facts_of(self, query: Query, position: int = 0) -> QueryFacts:
        return QueryFacts(
            query_id=query.id,
            source_id=query.source_id,
            image_ids=images_of(self._dataset, query),
            position=position,
        )

    def _answers(self) -> Iterator[Answered]:
        pairs = zip(self._spool.queries(), self._generation.offsets, strict=True)
        for position, (query, offset) in enumerate(pairs):
            if offset != UNANSWERED:
                answer = self._answered(query, offset)
                yield self._sifted(position, answer) if self._sieve else answer

    def _sifted(self, position: int, answer: Answered) -> Answered:
        if self._sieve is None or answer.parsed is None:
            return answer
        parsed = self._sieve.sift(position, answer.query, answer.parsed)
        return replace(answer, parsed=parsed)

    def _adding_to(self, files: MimicitWriter) -> Iterator[Answered]:
        for answer in self._answers():
            yield answer
            if answer.parsed is not None and answer.parsed.pairs:
                query = answer.query
                files.add(self._facts_of(query), answer.parsed.pairs)

    def _answered(self, query: Query, offset: int) -> Answered:
        if offset == NOTHING_TO_ASK:
            return Answered(query=query, failure=NOTHING_TO_ASK_FAILURE)
        if offset == UNSENDABLE:
            return Answered(query=query, failure=self._generation.unsendable[query.id])
        record = self._reader.at(offset)
        if record.reply is None:
            return Answered(query=query, failure=record.failure)
        verdict = judge(self._dataset, record.reply)
        parsed = verdict.parsed and self._without_secrets(verdict.parsed)
        return Answered(query=query, parsed=parsed, free_text=verdict.free_text)

    def _without_secrets(self, parsed: Parsed) -> Parsed:
        """A plugin's own error, which is the reason then, may quote the environment."""
        if not parsed.rejected:
            return parsed
        hide = self._plan.secrets.hide
        rejected = tuple(replace(each, reason=hide(each.reason)) for each in parsed.rejected)
        return replace(parsed, rejected=rejected)

    def _pairs(self) -> Iterator[Pair]:
        if self._dataset.has_ready_pairs():
            yield from self._ready_pairs()
        else:
            yield from read_instructions(instructions_path(self._folder, self._dataset.short))

    def _ready_pairs(self) -> Iterator[Pair]:
        """The pairs that the queries brought; a part of a file names none of the rest."""
        settings = self._plan.settings
        whole = not (settings.slice_start or settings.random_sample or settings.slice_end)
        present = set() if whole else {pair.id for pair in self._each_ready()}
        for pair in self._each_ready():
            related = pair.related_ids
            kept = related if whole else tuple(each for each in related if each in present)
            yield replace(pair, related_ids=kept)

    def _each_ready(self) -> Iterator[Pair]:
        for query in self._spool.queries():
            yield from ready_pairs(self._dataset, query) or ()

    def _translations(self, translating: Translating) -> Iterator[PairTranslations]:
        translating.recount()
        codes = translating.written
        if self._dataset.has_ready_pairs():
            for position, query in enumerate(self._spool.queries()):
                ready = ready_pairs(self._dataset, query) or ()
                texts = [QuestionAnswer(question=p.instruction, answer=p.answer) for p in ready]
                found = translating.requests.result(position, query.id, texts)
                translating.count(found)
                yield from _in_languages(codes, found)
            return
        for group in number_pairs(self._folder / VALID, self._facts()):
            position, pairs = group.facts.position, group.pairs
            dropped = self._sieve.dropped_of(position) if self._sieve else frozenset()
            if dropped:  # they are in the journal's key all the same
                pairs = tuple(self._generation.pairs_of(position))
            found = translating.requests.result(position, group.facts.query_id, pairs, dropped)
            translating.count(found)
            yield from _in_languages(codes, found)


def _in_languages(codes: Iterable[str], found: Progress[Translated]) -> Iterator[PairTranslations]:
    for number in found.wanted:
        texts: dict[str, tuple[str, str]] = {}
        missing: dict[str, tuple[str, str]] = {}
        for code in codes:
            given = found.given.get((number, code))
            if given is not None:
                texts[code] = (given.instruction, given.answer)
                continue
            rejected = found.rejected.get((number, code))
            missing[code] = (rejected.reason, rejected.text) if rejected else (NOT_ASKED, "")
        yield PairTranslations(texts=texts, missing=missing)
