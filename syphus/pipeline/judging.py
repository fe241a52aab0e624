"""The judge: a model grades the pairs of each query by the annotation that they were made of.

A journal key holds the model, the rubric, the query, what its pairs were made of, and the pairs,
but not how these were divided. Marks of two models can't be compared, so another model judges anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syphus.core.identity import canonical_json, journal_key
from syphus.judging.division import divide_pairs
from syphus.judging.reading import read_judgement
from syphus.judging.request import write_request
from syphus.judging.shape import response_format
from syphus.judging.values import Graded, Scores
from syphus.pipeline.marks import Marks
from syphus.pipeline.pair_progress import WHOLE, Lacking
from syphus.pipeline.pair_requests import PairRequests

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TypeAlias

    from syphus.core.images import SentImage
    from syphus.core.records import QuestionAnswer, Reply, Request
    from syphus.journal.format import Kind
    from syphus.pipeline.keeping import StageJournal
    from syphus.pipeline.pair_progress import Name, Progress
    from syphus.pipeline.quality import Quality
    from syphus.prompting.messages import Assembler

    # From a query's position to what was told and shown about it.
    About: TypeAlias = Callable[[int], tuple[str, tuple[SentImage, ...]]]
    # The next stage, from a query's position, its id and its pairs.
    Then: TypeAlias = Callable[[int, str, Sequence[QuestionAnswer]], list[Request]]

_LONGEST_SHOWN = 2000


class Judging:
    """Asks for the scores of pairs, and again for those that are missing.

    `task` is what the writer of all pairs was told. Pairs with a fault of their own aren't judged:
    they are out, or would be with `drop`. `max_reasks`, `redo` and `send` are those of
    `PairRequests`. `then` begins the next stage: where `quality` drops pairs, once their scores are
    known, so that nothing is spent on them; else at once.
    """

    def __init__(
        self,
        *,
        assembler: Assembler,
        journal: StageJournal,
        task: str,
        count_tokens: Callable[[str], int],
        max_reasks: int,
        quality: Quality,
        redo: frozenset[Kind] = frozenset(),
        send: bool = True,
    ) -> None:
        self.marks = Marks()
        self._assembler = assembler
        self._task = task
        self._count_tokens = count_tokens
        self._quality = quality
        self.requests = PairRequests(
            self,
            name="judge",
            parts=(WHOLE,),
            known=(WHOLE,),
            shape=assembler.shape,
            journal=journal,
            max_reasks=max_reasks,
            redo=redo,
            send=send,
        )
        self.then: Then = _nothing
        self._about: About

    def look_up(self, about: About) -> None:
        """Names what tells the annotations; before anything is asked."""
        self._about = about

    @property
    def model(self) -> str:
        """The model whose scores these are."""
        return self._assembler.shape.model

    def begin(self, position: int, query_id: str, pairs: Sequence[QuestionAnswer]) -> list[Request]:
        """What is to be asked about the pairs of one query, less what the journal has."""
        text, images = self._about(position)
        parts = [[pair.question, pair.answer] for pair in pairs]
        digests = [image.digest for image in images]
        graded = canonical_json([self.model, self._task, text, digests, parts])
        key = journal_key(query_id, self._assembler.prefix_identity_of(graded))
        requests = self.requests.begin(position, query_id, pairs, key)
        if not self._quality.drops:
            requests += self.then(position, query_id, pairs)
        return requests

    def rejected(self, position: int, pairs: Sequence[QuestionAnswer]) -> frozenset[int]:
        """The numbers of the pairs that have a fault of their own or a low mark."""
        found = self.requests.result(position, "", pairs)
        faults_of = self._quality.standard.faults_of
        low = (number for (number, _), scores in found.given.items() if faults_of(scores))
        return found.skipped | frozenset(low)

    def count(self, progress: Progress[Scores], number: int) -> Scores | None:
        """Counts one pair of a query; gives its scores."""
        name = (number, WHOLE)
        scores = progress.given.get(name)
        self.marks.add(scores, is_unasked=self.requests.is_unasked(progress, name))
        return scores

    def recount(self) -> None:
        """Forgets the marks, for whoever goes through every pair once more."""
        self.marks = Marks()

    def unwanted(self, position: int, pairs: Sequence[QuestionAnswer]) -> frozenset[int]:
        """The numbers of the pairs that aren't judged."""
        return self._quality.unwanted(position, pairs)

    def read(
        self,
        progress: Progress[Scores],
        numbers: Sequence[int],
        parts: Sequence[str],
        reply: Reply,
        asked: Collection[Name],
    ) -> None:
        """Takes the scores that a reply gives."""
        del parts
        found = read_judgement(
            reply.text,
            pairs=len(numbers),
            finish_reason=reply.finish_reason,
            refusal=reply.refusal,
        )
        # A reply names pairs by their places in the request, unwanted ones included.
        for place, number in enumerate(numbers, start=1):
            name = (number, WHOLE)
            if name not in asked:
                continue
            if place in found.given:
                progress.given[name] = found.given[place]
                progress.rejected.pop(name, None)
            else:
                text = (reply.refusal or reply.text or "")[:_LONGEST_SHOWN]
                progress.rejected[name] = Lacking(reason=found.missing[place], text=text)

    def write(
        self,
        position: int,
        progress: Progress[Scores],
        wanted: Collection[Name],
        *,
        describe: bool,
    ) -> list[Request]:
        """The requests for what is wanted."""
        text, images = self._about(position)
        numbered = [(number, progress.pairs[number - 1]) for number, _ in sorted(wanted)]
        divided = divide_pairs(
            numbered,
            count_tokens=self._count_tokens,
            max_tokens=self._assembler.shape.sampling.max_tokens,
        )
        requests = []
        for numbers in divided:
            pairs = tuple(progress.pairs[number - 1] for number in numbers)
            names = [(number, WHOLE) for number in numbers]
            message = write_request(
                Graded(task=self._task, annotation=text, pairs=pairs),
                reasons={
                    place: progress.rejected[name].reason
                    for place, name in enumerate(names, start=1)
                    if name in progress.rejected
                },
                describe=describe,
            )
            asked = self._assembler.with_format(response_format(len(pairs))).ask(
                progress.query_id, message, position=position, images=images
            )
            turn = max(progress.tries[name] for name in names)
            requests.append(replace(asked, key=progress.key, pairs=numbers, turn=turn))
        return requests

    def settled(self, position: int, progress: Progress[Scores]) -> list[Request]:
        """Counts the pairs of one query; begins the next stage where that has waited."""
        for number in progress.wanted:
            self.count(progress, number)
        if not self._quality.drops:
            return []
        return self.then(position, progress.query_id, progress.pairs)


def _nothing(position: int, query_id: str, pairs: Sequence[QuestionAnswer]) -> list[Request]:
    """No stage comes after this one."""
    del position, query_id, pairs
    return []
