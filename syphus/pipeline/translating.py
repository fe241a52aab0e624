"""The translation stage: pairs become requests as soon as they are there, replies are checked.

A journal key holds the query, its pairs and the prompt, but neither the model nor the languages nor
how the pairs were divided.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syphus.core.identity import canonical_json, journal_key
from syphus.pipeline.pair_progress import Lacking
from syphus.pipeline.pair_requests import PairRequests
from syphus.pipeline.translated_pairs import Coverage
from syphus.translation.checks import check_translation
from syphus.translation.chunks import chunk_missing
from syphus.translation.reading import read_translations
from syphus.translation.request import write_request
from syphus.translation.shape import response_format
from syphus.translation.values import SourcePair, Translated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TypeAlias

    from syphus.core.records import QuestionAnswer, Reply, Request
    from syphus.journal.format import Kind
    from syphus.pipeline.keeping import StageJournal
    from syphus.pipeline.pair_progress import Name, Progress
    from syphus.prompting.messages import Assembler
    from syphus.translation.check_glossary import Glossary

    # From a query's position and its pairs to the numbers, from 1, of those that aren't wanted.
    Unwanted: TypeAlias = Callable[[int, Sequence[QuestionAnswer]], frozenset[int]]

_LONGEST_SHOWN = 2000


class Translating:
    """Asks for translations, checks them and asks again for those that fail.

    `languages` are codes. What the journal has in those that are `left_out` is read too, nothing
    is asked for them, and what they lack isn't counted as failed.

    `max_reasks`, `redo` and `send` are those of `PairRequests`. `failed` counts pairs that lack a
    language because its request was given up, once for each. Pairs that are `unwanted` aren't asked
    for; they are in the key all the same, so that it doesn't depend on what is wanted.
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
        unwanted: Unwanted | None = None,
    ) -> None:
        self.languages = languages
        self.coverage = {code: Coverage() for code in (*languages, *left_out)}
        self.failed = 0
        self._found: set[str] = set()
        self._assembler = assembler
        self._count_tokens = count_tokens
        self._max_tokens = assembler.shape.sampling.max_tokens
        self._glossary = glossary
        self._unwanted = unwanted
        self.requests = PairRequests(
            self,
            name="translate",
            parts=languages,
            known=frozenset(self.coverage),
            shape=assembler.shape,
            journal=journal,
            max_reasks=max_reasks,
            redo=redo,
            send=send,
        )

    def begin(self, position: int, query_id: str, pairs: Sequence[QuestionAnswer]) -> list[Request]:
        """What is to be asked for the pairs of one query, less what the journal has."""
        texts = canonical_json([[pair.question, pair.answer] for pair in pairs])
        key = journal_key(query_id, self._assembler.prefix_identity_of(texts))
        return self.requests.begin(position, query_id, pairs, key)

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

    def unwanted(self, position: int, pairs: Sequence[QuestionAnswer]) -> frozenset[int]:
        """The numbers of the pairs that aren't translated."""
        return frozenset() if self._unwanted is None else self._unwanted(position, pairs)

    def read(
        self,
        progress: Progress[Translated],
        numbers: Sequence[int],
        parts: Sequence[str],
        reply: Reply,
        asked: Collection[Name],
    ) -> None:
        """Takes what a reply gives and passes the checks."""
        # A reply names pairs by their places in the request, those that are dropped now included.
        pairs = {number: _source(progress, number) for number in numbers}
        found = read_translations(
            reply.text,
            pairs=tuple(pairs.values()),
            languages=parts,
            finish_reason=reply.finish_reason,
            refusal=reply.refusal,
        )
        for name in asked:
            if name in found.missing:
                missing = found.missing[name]
                text = missing.text
                if not text and found.rejected is not None:
                    text = found.rejected.response[:_LONGEST_SHOWN]
                progress.rejected[name] = Lacking(reason=missing.reason, text=text)
            else:
                self._check(progress, pairs[name[0]], found.given[name])

    def _check(
        self, progress: Progress[Translated], pair: SourcePair, translated: Translated
    ) -> None:
        code, unjudged = translated.language, 0
        for field_name in ("instruction", "answer"):
            text = getattr(translated, field_name)
            finding = check_translation(
                getattr(pair, field_name), text, code, glossary=self._glossary
            )
            if finding.reason is not None:
                progress.rejected[pair.number, code] = Lacking(
                    reason=f"{field_name}: {finding.reason}", text=text
                )
                return
            unjudged += finding.unjudged
        self._found.add(code)
        progress.given[pair.number, code] = translated
        progress.rejected.pop((pair.number, code), None)
        progress.unsure[code] += unjudged

    def write(
        self,
        position: int,
        progress: Progress[Translated],
        wanted: Collection[Name],
        *,
        describe: bool,
    ) -> list[Request]:
        """The requests for what is wanted."""
        chunks = chunk_missing(
            [_source(progress, number) for number in sorted({number for number, _ in wanted})],
            wanted,
            count_tokens=self._count_tokens,
            max_tokens=self._max_tokens,
        )
        reasons = {name: each.reason for name, each in progress.rejected.items()}
        requests = []
        for chunk in chunks:
            text = write_request(chunk, glossary=self._glossary, reasons=reasons, describe=describe)
            asked = self._assembler.with_format(response_format(chunk)).ask(
                progress.query_id, text, position=position
            )
            pairs = tuple(pair.number for pair in chunk.pairs)
            turn = max(progress.tries[pair, code] for pair in pairs for code in chunk.languages)
            requests.append(
                replace(asked, key=progress.key, pairs=pairs, languages=chunk.languages, turn=turn)
            )
        return requests

    def settled(self, position: int, progress: Progress[Translated]) -> list[Request]:
        """Counts the pairs of one query; nothing comes after them."""
        del position
        self.count(progress)
        return []

    def recount(self) -> None:
        """Forgets the coverage, for whoever goes through every query once more."""
        self.failed = 0
        self.coverage = {code: Coverage() for code in self.coverage}

    def count(self, progress: Progress[Translated]) -> None:
        """Adds the pairs of one query to the coverage, and what failed to `failed`."""
        self.failed += sum(code in self.languages for _, code in progress.failed)
        for code, coverage in self.coverage.items():
            names = [(number, code) for number in progress.wanted]
            lacking = [name for name in names if name not in progress.given]
            coverage.translated += len(names) - len(lacking)
            coverage.missing += len(lacking)
            coverage.unasked += sum(self.requests.is_unasked(progress, name) for name in lacking)
            coverage.unjudged += progress.unsure[code]


def _source(progress: Progress[Translated], number: int) -> SourcePair:
    pair = progress.pairs[number - 1]
    return SourcePair(number=number, instruction=pair.question, answer=pair.answer)
