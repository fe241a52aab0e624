"""The translation stage: pairs become requests as soon as they are there, replies are checked.

All requests for the pairs of one query have one key in the journal: the query, its pairs and the
prompt, but neither the model nor the languages nor how the pairs were divided. What a sitting finds
under that key, however it was asked for, is what it needn't ask for again.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syphus.core.identity import canonical_json, journal_key
from syphus.core.records import Failure, Reply
from syphus.pipeline.keeping import NOT_WRITTEN
from syphus.translation.checks import check_translation
from syphus.translation.chunks import chunk_missing
from syphus.translation.reading import read_translations
from syphus.translation.request import write_request
from syphus.translation.shape import response_format
from syphus.translation.values import SourcePair, Translated, Untranslated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from syphus.core.records import QuestionAnswer, Request
    from syphus.engine.asking import Asking
    from syphus.journal.format import Kind
    from syphus.pipeline.keeping import Kept, StageJournal
    from syphus.prompting.messages import Assembler
    from syphus.quality.screen import Screen
    from syphus.translation.check_glossary import Glossary

_LONGEST_SHOWN = 2000


@dataclass(slots=True, kw_only=True)
class Coverage:
    """Pairs of one language, and texts that were too short for their language to be judged."""

    translated: int = 0
    missing: int = 0
    unjudged: int = 0


@dataclass(slots=True, kw_only=True)
class Progress:
    """The translations of one query's pairs, by pair number and language.

    `failed` are those whose last request was given up. The pairs numbered in `skipped` are
    neither asked for nor read: they are dropped.
    """

    query_id: str
    key: str
    pairs: tuple[SourcePair, ...]
    given: dict[tuple[int, str], Translated] = field(default_factory=dict)
    rejected: dict[tuple[int, str], Untranslated] = field(default_factory=dict)
    skipped: frozenset[int] = frozenset()
    failed: set[tuple[int, str]] = field(default_factory=set)
    tries: Counter[tuple[int, str]] = field(default_factory=Counter)
    asking: set[tuple[int, str]] = field(default_factory=set)
    unjudged: Counter[str] = field(default_factory=Counter)

    @property
    def wanted(self) -> Sequence[SourcePair]:
        """The pairs that aren't skipped."""
        if not self.skipped:
            return self.pairs
        return [pair for pair in self.pairs if pair.number not in self.skipped]


class Translating:
    """Asks for translations, checks them and asks again for those that fail.

    `languages` are codes; `max_reasks` bounds how often one pair in one language is asked again;
    `redo` names the outcomes of earlier sittings that don't count as tries: what they didn't give
    is asked for once more, what they gave stays. `send=False` asks nothing. `failed` counts pairs
    that lack a language because its request was given up, once for each. Pairs that are `unwanted`
    aren't asked for. They are in the key all the same, so it doesn't depend on what is wanted.
    """

    def __init__(
        self,
        *,
        languages: tuple[str, ...],
        assembler: Assembler,
        journal: StageJournal,
        count_tokens: Callable[[str], int],
        max_reasks: int,
        glossary: Glossary | None = None,
        redo: frozenset[Kind] = frozenset(),
        send: bool = True,
        unwanted: Screen | None = None,
    ) -> None:
        self.languages = languages
        self.coverage = {code: Coverage() for code in languages}
        self.failed = 0
        self._assembler = assembler
        self._index = journal.index
        self._reader = journal.reader
        self._count_tokens = count_tokens
        self._max_tokens = assembler.shape.sampling.max_tokens
        self._max_reasks = max_reasks
        self._glossary = glossary
        self._redo = redo
        self._send = send
        self._unwanted = unwanted
        self._last = array("q")
        self._earlier: dict[int, list[int]] = {}
        self._open: dict[int, Progress] = {}
        self._engine: Asking
        self._describe: Callable[[], bool] = bool

    def attach(self, engine: Asking, describe: Callable[[], bool]) -> None:
        """Names the engine that asks; `describe` tells whether the format must be put in words."""
        self._engine = engine
        self._describe = describe

    def begin(self, position: int, query_id: str, pairs: Iterable[QuestionAnswer]) -> list[Request]:
        """What is to be asked for the pairs of one query, less what the journal has."""
        progress = self._progress(query_id, pairs)
        if self._unwanted is not None:
            progress.skipped = frozenset(
                pair.number
                for pair in progress.pairs
                if self._unwanted(pair.instruction, pair.answer)
            )
        for offset in self._index.all_of(int(progress.key, 16)):
            self._remember(position, offset)
            self._read(progress, offset)
        requests = self._next(position, progress)
        if requests and self._send:
            self._open[position] = progress
            return requests
        self.count(progress)
        return []

    def result(
        self,
        position: int,
        query_id: str,
        pairs: Iterable[QuestionAnswer],
        skipped: frozenset[int] = frozenset(),
    ) -> Progress:
        """What the journal holds for the pairs of one query: given, or rejected with a reason."""
        progress = self._progress(query_id, pairs)
        progress.skipped = skipped
        last = self._last[position] if position < len(self._last) else NOT_WRITTEN
        if last != NOT_WRITTEN:
            for offset in (*self._earlier.get(position, ()), last):
                self._read(progress, offset)
        return progress

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be asked or answered."""
        return bool(self._open)

    def _progress(self, query_id: str, pairs: Iterable[QuestionAnswer]) -> Progress:
        source = tuple(
            SourcePair(number=number, instruction=pair.question, answer=pair.answer)
            for number, pair in enumerate(pairs, start=1)
        )
        texts = canonical_json([[pair.instruction, pair.answer] for pair in source])
        key = journal_key(query_id, self._assembler.prefix_identity_of(texts))
        return Progress(query_id=query_id, key=key, pairs=source)

    def _remember(self, position: int, offset: int) -> None:
        missing = position + 1 - len(self._last)
        if missing > 0:
            self._last.extend([NOT_WRITTEN] * missing)
        if self._last[position] != NOT_WRITTEN:
            self._earlier.setdefault(position, []).append(self._last[position])
        self._last[position] = offset

    def _read(self, progress: Progress, offset: int) -> None:
        record = self._reader.at(offset)
        outcome = record.reply or record.failure
        if outcome is not None:
            tries = int(record.kind not in self._redo)
            self._apply(progress, record.pairs, record.languages, outcome, tries=tries)

    def take(self, kept: Kept) -> None:
        """Checks one outcome that is safe on the disk."""
        request, position = kept.request, kept.request.position
        self._remember(position, kept.offset)
        progress = self._open[position]
        self._apply(progress, request.pairs, request.languages, kept.outcome)
        progress.asking -= {(pair, code) for pair in request.pairs for code in request.languages}
        for again in self._next(position, progress):
            self._engine.submit(again)
        if not progress.asking:
            del self._open[position]
            self.count(progress)
        self._engine.settle()

    def _apply(
        self,
        progress: Progress,
        numbers: tuple[int, ...],
        languages: tuple[str, ...],
        outcome: Reply | Failure,
        *,
        tries: int = 1,
    ) -> None:
        pairs = [progress.pairs[number - 1] for number in numbers if number not in progress.skipped]
        asked = [
            (pair, code)
            for pair in pairs
            for code in languages
            if code in self.coverage and (pair.number, code) not in progress.given
        ]
        names = [(pair.number, code) for pair, code in asked]
        progress.tries.update(dict.fromkeys(names, tries))
        progress.failed.difference_update(names)
        if isinstance(outcome, Failure):
            progress.failed.update(names)
            for pair, code in asked:
                progress.rejected[pair.number, code] = Untranslated(
                    number=pair.number, language=code, reason=outcome.message
                )
            return
        found = read_translations(
            outcome.text,
            pairs=pairs,
            languages=languages,
            finish_reason=outcome.finish_reason,
            refusal=outcome.refusal,
        )
        for pair, code in asked:
            name = (pair.number, code)
            if name in found.missing:
                missing = found.missing[name]
                if not missing.text and found.rejected is not None:
                    missing = replace(missing, text=found.rejected.response[:_LONGEST_SHOWN])
                progress.rejected[name] = missing
            else:
                self._check(progress, pair, found.given[name])

    def _check(self, progress: Progress, pair: SourcePair, translated: Translated) -> None:
        code, unjudged = translated.language, 0
        for field_name in ("instruction", "answer"):
            text = getattr(translated, field_name)
            finding = check_translation(
                getattr(pair, field_name), text, code, glossary=self._glossary
            )
            if finding.reason is not None:
                progress.rejected[pair.number, code] = Untranslated(
                    number=pair.number,
                    language=code,
                    reason=f"{field_name}: {finding.reason}",
                    text=text,
                )
                return
            unjudged += finding.unjudged
        progress.given[pair.number, code] = translated
        progress.rejected.pop((pair.number, code), None)
        progress.unjudged[code] += unjudged

    def _next(self, position: int, progress: Progress) -> list[Request]:
        wanted = {
            (pair.number, code)
            for pair in progress.wanted
            for code in self.languages
            if (pair.number, code) not in progress.given
            and (pair.number, code) not in progress.asking
            and progress.tries[pair.number, code] <= self._max_reasks
        }
        if not wanted:
            return []
        progress.asking |= wanted
        numbers = {number for number, _ in wanted}
        chunks = chunk_missing(
            [pair for pair in progress.pairs if pair.number in numbers],
            wanted,
            count_tokens=self._count_tokens,
            max_tokens=self._max_tokens,
        )
        reasons = {name: each.reason for name, each in progress.rejected.items()}
        requests = []
        for chunk in chunks:
            text = write_request(
                chunk, glossary=self._glossary, reasons=reasons, describe=self._describe()
            )
            asked = self._assembler.with_format(response_format(chunk)).ask(
                progress.query_id, text, position=position
            )
            pairs = tuple(pair.number for pair in chunk.pairs)
            turn = max(progress.tries[pair, code] for pair in pairs for code in chunk.languages)
            requests.append(
                replace(asked, key=progress.key, pairs=pairs, languages=chunk.languages, turn=turn)
            )
        return requests

    def recount(self) -> None:
        """Forgets the coverage, for whoever goes through every query once more."""
        self.failed = 0
        self.coverage = {code: Coverage() for code in self.languages}

    def count(self, progress: Progress) -> None:
        """Adds the pairs of one query to the coverage, and what failed to `failed`."""
        self.failed += len(progress.failed)
        for code, coverage in self.coverage.items():
            translated = sum((pair.number, code) in progress.given for pair in progress.wanted)
            coverage.translated += translated
            coverage.missing += len(progress.wanted) - translated
            coverage.unjudged += progress.unjudged[code]
