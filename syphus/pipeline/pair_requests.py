"""Asks about the pairs of queries: what translating and judging have in common.

All requests of a stage about the pairs of one query have one key in its journal. What a sitting
finds under that key, however it was asked for, is what it needn't ask for again.

Of a query whose requests wait in a batch only the names of what is asked for stay in memory; its
pairs and what was given already are read from the journals when the next reply is there.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Generic, Protocol

from syphus.core.errors import InputError, PluginError
from syphus.core.records import Failure, Reply, Request
from syphus.pipeline.asked_languages import AskedLanguages
from syphus.pipeline.keeping import NOT_WRITTEN
from syphus.pipeline.pair_progress import Given, Lacking, Progress, names_of
from syphus.pipeline.stopping import stop_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from syphus.core.records import QuestionAnswer, RequestShape, Stage
    from syphus.engine.asking import Asking
    from syphus.engine.batch_earlier import SentBefore
    from syphus.journal.format import Kind
    from syphus.pipeline.keeping import Kept, StageJournal
    from syphus.pipeline.pair_progress import Name

# More than are on their way online, but for the widest runs; some 5 KB each.
_MOST_AT_HAND = 2000
_LONGEST_ID = 100


class PairStage(Protocol[Given]):
    """What is particular to a stage."""

    def unwanted(self, position: int, pairs: Sequence[QuestionAnswer]) -> frozenset[int]:
        """The numbers of the pairs, from 1, that aren't asked about."""
        ...

    def write(
        self,
        position: int,
        progress: Progress[Given],
        wanted: Collection[Name],
        *,
        describe: bool,
    ) -> list[Request]:
        """The requests for all that is wanted; `describe`: with the format in words."""
        ...

    def read(
        self,
        progress: Progress[Given],
        numbers: Sequence[int],
        parts: Sequence[str],
        reply: Reply,
        asked: Collection[Name],
    ) -> None:
        """Takes what a reply to a request about `numbers` gives of what is `asked`."""
        ...

    def settled(self, position: int, progress: Progress[Given]) -> list[Request]:
        """Nothing more is asked about a query; gives what that gives rise to."""
        ...


class PairRequests(Generic[Given]):
    """Asks for what the journal lacks, and again for what fails.

    `parts` are what is asked of each pair, `known` those and others that the journal may have and
    that are read too. `max_reasks` bounds how often each is asked for again; `redo` names the
    outcomes of earlier sittings that don't count as tries: what they didn't give is asked for
    again, what they gave stays. `send=False` asks nothing.
    """

    def __init__(
        self,
        stage: PairStage[Given],
        *,
        name: Stage,
        parts: Sequence[str],
        known: Collection[str],
        shape: RequestShape,
        journal: StageJournal,
        max_reasks: int,
        redo: frozenset[Kind],
        send: bool,
    ) -> None:
        self._stage = stage
        self._name: Stage = name
        self._parts = parts
        self._known = known
        self._shape = shape
        self._index = journal.index
        self._reader = journal.reader
        self._max_reasks = max_reasks
        self._redo = redo
        self._send = send
        self._last = array("q")
        self._earlier: dict[int, list[int]] = {}
        self._open = 0
        self._at_hand: dict[int, Progress[Given]] = {}
        self._asked = AskedLanguages(parts)
        self._engine: Asking
        self._describe: Callable[[], bool]
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

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be asked or answered."""
        return bool(self._open)

    def begin(
        self, position: int, query_id: str, pairs: Iterable[QuestionAnswer], key: str
    ) -> list[Request]:
        """What is to be asked about the pairs of one query, less what the journal has."""
        progress = self._progress(position, query_id, pairs, None)
        progress.key = key
        for offset in self._index.all_of(int(key, 16)):
            self._remember(position, offset)
            self._read(progress, offset)
        requests = self._in_batches(position, progress)
        requests += self._next(position, progress)
        if requests and self._send:
            self._open += 1
            self._hold(position, progress)
            return requests
        return self._stage.settled(position, progress)

    def result(
        self,
        position: int,
        query_id: str,
        pairs: Iterable[QuestionAnswer],
        skipped: frozenset[int] | None = None,
    ) -> Progress[Given]:
        """What the journal holds for the pairs of one query: given, or rejected with a reason.

        `skipped` are the numbers of pairs to leave out; None: those that are unwanted.
        """
        progress = self._progress(position, query_id, pairs, skipped)
        last = self._last[position] if position < len(self._last) else NOT_WRITTEN
        if last != NOT_WRITTEN:
            for offset in (*self._earlier.get(position, ()), last):
                self._read(progress, offset)
        return progress

    def take(self, kept: Kept) -> None:
        """Reads one outcome that is safe on the disk.

        A plugin that raises when its pairs are read again stops the sending.
        """
        try:
            for request in self._take(kept):
                self._engine.submit(request)
        except (InputError, OSError) as error:
            self._engine.stop(stop_for(error))
        self._engine.settle()

    def renew(self, request: Request) -> Sequence[Request]:
        """What is asked in the place of a request that an earlier sitting sent in vain.

        That is the request itself, unless some of what it asks for isn't wanted any more. A plugin
        that raises when it is read again stops the sending.
        """
        try:
            return self._renewed(request) or [request]
        except (InputError, OSError) as error:
            self._engine.stop(stop_for(error))
            return [request]

    def is_unasked(self, progress: Progress[Given], name: Name) -> bool:
        """Whether it may be asked for once more."""
        return progress.tries[name] <= self._max_reasks

    def _take(self, kept: Kept) -> list[Request]:
        request, position = kept.request, kept.request.position
        progress = self._held(request)
        self._remember(position, kept.offset)
        self._apply(progress, request.pairs, request.languages, kept.outcome)
        progress.asking.difference_update(names_of(request.pairs, request.languages))
        try:
            requests = self._next(position, progress)
        finally:  # a plugin may raise, and other outcomes of the query still come
            if progress.asking:
                self._hold(position, progress)
        if progress.asking:
            return requests
        self._open -= 1
        return self._stage.settled(position, progress)

    def _renewed(self, request: Request) -> list[Request]:
        position, names = request.position, set(names_of(request.pairs, request.languages))
        progress = self._held(request)
        asked = progress.asking & names
        progress.asking -= names
        wanted = self._wanted(progress) & names
        progress.asking |= wanted or asked
        self._hold(position, progress)
        if not wanted or wanted == names:
            return []
        return self._stage.write(position, progress, wanted, describe=self._describe())

    def _in_batches(self, position: int, progress: Progress[Given]) -> list[Request]:
        """What earlier sittings asked in batches, as they asked it, if any of it is wanted still.

        The engine knows these by name and sends nothing: other languages, another model or another
        division of the pairs don't pay twice for what is under way.
        """
        requests = []
        for sent in self._sent_before(progress.key):
            names = set(names_of(sent.pairs, sent.languages))
            wanted = names & self._wanted(progress)
            asked_since = max((progress.tries[name] for name in names), default=0)
            if wanted and sent.turn >= asked_since and not names & progress.asking:
                progress.asking |= {name for name in names if name[1] in self._parts}
                requests.append(
                    Request(
                        key=progress.key,
                        identity=sent.identity,
                        query_id=progress.query_id,
                        stage=self._name,
                        shape=self._shape,
                        messages=b"",
                        prompt_tokens=0,
                        position=position,
                        turn=sent.turn,
                        pairs=sent.pairs,
                        languages=sent.languages,
                    )
                )
        return requests

    def _hold(self, position: int, progress: Progress[Given]) -> None:
        """Keeps what is open: the latest as it is, of the others what is asked for."""
        self._at_hand[position] = progress
        if len(self._at_hand) > _MOST_AT_HAND:
            oldest = next(iter(self._at_hand))
            self._asked.put(oldest, self._at_hand.pop(oldest).asking)

    def _held(self, request: Request) -> Progress[Given]:
        position = request.position
        progress = self._at_hand.pop(position, None)
        if progress is None:
            progress = self.result(position, request.query_id, self._pairs_of(position))
            progress.key, progress.asking = request.key, self._asked.take(position)
        return progress

    def _progress(
        self,
        position: int,
        query_id: str,
        pairs: Iterable[QuestionAnswer],
        skipped: frozenset[int] | None,
    ) -> Progress[Given]:
        pairs = tuple(pairs)
        if skipped is None:
            skipped = self._stage.unwanted(position, pairs)
        return Progress(query_id=query_id, pairs=pairs, skipped=skipped)

    def _remember(self, position: int, offset: int) -> None:
        missing = position + 1 - len(self._last)
        if missing > 0:
            self._last.extend([NOT_WRITTEN] * missing)
        if self._last[position] != NOT_WRITTEN:
            self._earlier.setdefault(position, []).append(self._last[position])
        self._last[position] = offset

    def _read(self, progress: Progress[Given], offset: int) -> None:
        record = self._reader.at(offset)
        outcome = record.reply or record.failure
        if outcome is not None:
            is_earlier = offset < self._index.whole_bytes
            tries = int(not is_earlier or record.kind not in self._redo)
            self._apply(progress, record.pairs, record.languages, outcome, tries=tries)

    def _apply(
        self,
        progress: Progress[Given],
        numbers: Sequence[int],
        parts: Sequence[str],
        outcome: Reply | Failure,
        *,
        tries: int = 1,
    ) -> None:
        if max(numbers, default=0) > len(progress.pairs):
            raise PluginError(
                f"the query {progress.query_id[:_LONGEST_ID]!r} was asked about with more pairs "
                "than the plugin finds for it now; it must find the same each time"
            )
        asked = [
            name
            for name in names_of(numbers, parts)
            if name[0] not in progress.skipped
            and name[1] in self._known
            and name not in progress.given
        ]
        progress.tries.update(dict.fromkeys(asked, tries))
        progress.failed.difference_update(asked)
        if isinstance(outcome, Reply):
            self._stage.read(progress, numbers, parts, outcome, asked)
            return
        progress.failed.update(asked)
        progress.rejected.update(dict.fromkeys(asked, Lacking(reason=outcome.message)))

    def _wanted(self, progress: Progress[Given]) -> set[Name]:
        """What is neither given nor asked for, nor was asked for often enough."""
        return {
            name
            for number in progress.wanted
            for name in ((number, part) for part in self._parts)
            if name not in progress.given
            and name not in progress.asking
            and self.is_unasked(progress, name)
        }

    def _next(self, position: int, progress: Progress[Given]) -> list[Request]:
        wanted = self._wanted(progress)
        if not wanted:
            return []
        progress.asking |= wanted
        return self._stage.write(position, progress, wanted, describe=self._describe())
