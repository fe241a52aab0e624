"""The translation stage: pairs become requests as soon as they are there, replies are checked.

All requests for the pairs of one query have one key in the journal: the query, its pairs and the
prompt, but neither the model nor the languages nor how the pairs were divided. What a sitting finds
under that key, however it was asked for, is what it needn't ask for again.

Of a query whose translations wait in a batch only the names of what is asked for stay in memory;
its pairs and what was given already are read from the journals when the next reply is there.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

from syphus.core.errors import InputError, StoppedEarly
from syphus.core.identity import canonical_json, journal_key
from syphus.core.records import Failure, Reply, Request
from syphus.pipeline.asked_languages import AskedLanguages
from syphus.pipeline.keeping import NOT_WRITTEN
from syphus.pipeline.translated_pairs import Coverage, Progress
from syphus.translation.checks import check_translation
from syphus.translation.chunks import chunk_missing
from syphus.translation.reading import read_translations
from syphus.translation.request import write_request
from syphus.translation.shape import response_format
from syphus.translation.values import SourcePair, Translated, Untranslated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from syphus.core.records import QuestionAnswer
    from syphus.engine.asking import Asking
    from syphus.engine.batch_earlier import SentBefore
    from syphus.journal.format import Kind
    from syphus.pipeline.keeping import Kept, StageJournal
    from syphus.prompting.messages import Assembler
    from syphus.quality.screen import Screen
    from syphus.translation.check_glossary import Glossary

_LONGEST_SHOWN = 2000
# More than are on their way online, but for the widest runs; some 5 KB each.
_MOST_AT_HAND = 2000


class Translating:
    """Asks for translations, checks them and asks again for those that fail.

    `languages` are codes. What the journal has in those that are `left_out` is read too, nothing
    is asked for them, and what they lack isn't counted as failed.

    `max_reasks` bounds how often one pair in one language is asked again; `redo` names the outcomes
    of earlier sittings that don't count as tries: what they didn't give is asked for again, what
    they gave stays. `send=False` asks nothing. `failed` counts pairs that lack a language because
    its request was given up, once for each. Pairs that are `unwanted` aren't asked for; they are in
    the key all the same, so that it doesn't depend on what is wanted.
    """

    def __init__(
        self,
        *,
        languages: tuple[str, ...],
        left_out: tuple[str, ...] = (),
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
        self.coverage = {code: Coverage() for code in (*languages, *left_out)}
        self.failed = 0
        self._found: set[str] = set()
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
        self._open = 0
        self._at_hand: dict[int, Progress] = {}
        self._asked = AskedLanguages(languages)
        self._engine: Asking
        self._describe: Callable[[], bool] = bool
        self._sent_before: Callable[[str], Sequence[SentBefore]]
        self._pairs_of: Callable[[int], Sequence[QuestionAnswer]]

    def attach(
        self,
        engine: Asking,
        describe: Callable[[], bool],
        pairs_of: Callable[[int], Sequence[QuestionAnswer]],
        sent_before: Callable[[str], Sequence[SentBefore]],
    ) -> None:
        """Names the engine that asks.

        `describe` tells whether the format must be put in words; `pairs_of` reads the pairs of the
        query at a position once more; `sent_before` tells which requests of a key are in batches.
        """
        self._engine = engine
        self._describe = describe
        self._pairs_of = pairs_of
        self._sent_before = sent_before

    def begin(self, position: int, query_id: str, pairs: Iterable[QuestionAnswer]) -> list[Request]:
        """What is to be asked for the pairs of one query, less what the journal has."""
        progress = self._progress(query_id, pairs)
        for offset in self._index.all_of(int(progress.key, 16)):
            self._remember(position, offset)
            self._read(progress, offset)
        requests = self._in_batches(position, progress)
        requests += self._next(position, progress)
        if requests and self._send:
            self._open += 1
            self._hold(position, progress)
            return requests
        self.count(progress)
        return []

    def _in_batches(self, position: int, progress: Progress) -> list[Request]:
        """What earlier sittings asked in batches, as they asked it, if any of it is wanted still.

        The engine knows these by name and sends nothing: other languages, another model or another
        division of the pairs don't pay twice for what is under way.
        """
        requests = []
        for sent in self._sent_before(progress.key):
            names = {(pair, code) for pair in sent.pairs for code in sent.languages}
            wanted = names & self._wanted(progress)
            asked_since = max((progress.tries[name] for name in names), default=0)
            if wanted and sent.turn >= asked_since and not names & progress.asking:
                progress.asking |= {name for name in names if name[1] in self.languages}
                requests.append(
                    Request(
                        key=progress.key,
                        identity=sent.identity,
                        query_id=progress.query_id,
                        stage="translate",
                        shape=self._assembler.shape,
                        messages=b"",
                        prompt_tokens=0,
                        position=position,
                        turn=sent.turn,
                        pairs=sent.pairs,
                        languages=sent.languages,
                    )
                )
        return requests

    def _hold(self, position: int, progress: Progress) -> None:
        """Keeps what is open: the latest as it is, of the others what is asked for."""
        self._at_hand[position] = progress
        if len(self._at_hand) > _MOST_AT_HAND:
            oldest = next(iter(self._at_hand))
            self._asked.put(oldest, self._at_hand.pop(oldest).asking)

    def _held(self, position: int, query_id: str) -> Progress:
        progress = self._at_hand.pop(position, None)
        if progress is None:
            progress = self.result(position, query_id, self._pairs_of(position))
            progress.asking = self._asked.take(position)
        return progress

    def result(
        self,
        position: int,
        query_id: str,
        pairs: Iterable[QuestionAnswer],
        skipped: frozenset[int] | None = None,
    ) -> Progress:
        """What the journal holds for the pairs of one query: given, or rejected with a reason.

        `skipped` are the numbers of pairs that were dropped; None: those that are unwanted.
        """
        progress = self._progress(query_id, pairs, skipped)
        last = self._last[position] if position < len(self._last) else NOT_WRITTEN
        if last != NOT_WRITTEN:
            for offset in (*self._earlier.get(position, ()), last):
                self._read(progress, offset)
        return progress

    @property
    def written(self) -> tuple[str, ...]:
        """The languages that files are written in: those asked for, and those found all the same.

        A language that was left out and has no translation of these pairs is none of them.
        """
        asked = self.languages
        return tuple(code for code in self.coverage if code in asked or code in self._found)

    @property
    def wanted(self) -> list[Coverage]:
        """The coverage of the languages asked for."""
        return [self.coverage[code] for code in self.languages]

    @property
    def translated(self) -> dict[str, int]:
        """The pairs that there are in each language that is written."""
        return {code: self.coverage[code].translated for code in self.written}

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be asked or answered."""
        return bool(self._open)

    def _progress(
        self,
        query_id: str,
        pairs: Iterable[QuestionAnswer],
        skipped: frozenset[int] | None = None,
    ) -> Progress:
        source = tuple(
            SourcePair(number=number, instruction=pair.question, answer=pair.answer)
            for number, pair in enumerate(pairs, start=1)
        )
        texts = canonical_json([[pair.instruction, pair.answer] for pair in source])
        key = journal_key(query_id, self._assembler.prefix_identity_of(texts))
        if skipped is None and self._unwanted is not None:
            unwanted = self._unwanted
            skipped = frozenset(
                pair.number for pair in source if unwanted(pair.instruction, pair.answer)
            )
        return Progress(query_id=query_id, key=key, pairs=source, skipped=skipped or frozenset())

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
            is_earlier = offset < self._index.whole_bytes
            tries = int(not is_earlier or record.kind not in self._redo)
            self._apply(progress, record.pairs, record.languages, outcome, tries=tries)

    def take(self, kept: Kept) -> None:
        """Checks one outcome that is safe on the disk.

        A plugin that raises when its pairs are read again stops the sending.
        """
        try:
            self._take(kept)
        except (InputError, OSError) as error:
            stop = StoppedEarly(f"{error}. What was answered is kept")
            stop.__cause__ = error
            self._engine.stop(stop)
        self._engine.settle()

    def _take(self, kept: Kept) -> None:
        request, position = kept.request, kept.request.position
        progress = self._held(position, request.query_id)
        self._remember(position, kept.offset)
        self._apply(progress, request.pairs, request.languages, kept.outcome)
        progress.asking -= {(pair, code) for pair in request.pairs for code in request.languages}
        for again in self._next(position, progress):
            self._engine.submit(again)
        if progress.asking:
            self._hold(position, progress)
        else:
            self._open -= 1
            self.count(progress)

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
        self._found.add(code)
        progress.given[pair.number, code] = translated
        progress.rejected.pop((pair.number, code), None)
        progress.unjudged[code] += unjudged

    def _wanted(self, progress: Progress) -> set[tuple[int, str]]:
        """What is neither given nor asked for, nor was asked for often enough."""
        return {
            (pair.number, code)
            for pair in progress.wanted
            for code in self.languages
            if (pair.number, code) not in progress.given
            and (pair.number, code) not in progress.asking
            and progress.tries[pair.number, code] <= self._max_reasks
        }

    def _next(self, position: int, progress: Progress) -> list[Request]:
        wanted = self._wanted(progress)
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
        self.coverage = {code: Coverage() for code in self.coverage}

    def count(self, progress: Progress) -> None:
        """Adds the pairs of one query to the coverage, and what failed to `failed`."""
        self.failed += sum(code in self.languages for _, code in progress.failed)
        for code, coverage in self.coverage.items():
            names = [(pair.number, code) for pair in progress.wanted]
            lacking = [name for name in names if name not in progress.given]
            coverage.translated += len(names) - len(lacking)
            coverage.missing += len(lacking)
            coverage.unasked += sum(progress.tries[name] <= self._max_reasks for name in lacking)
            coverage.unjudged += progress.unjudged[code]
