"""Hands outcomes of batches to the sink; lets a chunk go once all that it gave is durable."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from syphus.core.records import Failure
from syphus.engine.sizes import tells_usage

if TYPE_CHECKING:
    from syphus.core.batches import BatchOutcome
    from syphus.core.errors import RequestError, StoppingError
    from syphus.core.prices import Rates
    from syphus.core.records import Reply, Request
    from syphus.engine.batch_lines import LineFacts
    from syphus.engine.sink import Sink
    from syphus.engine.work import Work

CUSTOM_ID = "custom_id"


class LetGo(Protocol):
    """Takes a chunk's name and what it cost."""

    def __call__(self, batch: str, *, cost: float | None) -> None:
        """Lets the chunk go."""
        ...


@dataclass(slots=True, kw_only=True)
class ChunkTally:
    """What of one chunk isn't stored yet.

    `cost` is what its outcomes cost in US dollars, None where one has no price. `refused` are
    requests that the endpoint won't answer, until all of the chunk is known; `refused_early` counts
    those that nobody has asked about yet, the last for `early_refusal`. `stopped_by` is what one of
    its lines says of all requests.
    """

    cost: float | None = 0.0
    storing: int = 0
    is_whole: bool = False
    refused: list[tuple[Work, RequestError]] = field(default_factory=list)
    refused_early: int = 0
    early_refusal: RequestError | None = None
    stopped_by: StoppingError | None = None

    @property
    def is_judged(self) -> bool:
        """Whether it is whole, and its refusals are their requests' own."""
        return self.is_whole and self.stopped_by is None


class Filing:
    """`let_go` is called with a chunk's name and cost when it is whole and stored.

    An attempt is told to the sink with its end, never before: that it is on its way stands in the
    backend's ledger, and a line that was never sent must not count as money that may be spent.
    """

    def __init__(self, sink: Sink, *, deployment: str, let_go: LetGo) -> None:
        self._sink = sink
        self._deployment = deployment
        self._on_let_go = let_go
        self._tallies: dict[str, ChunkTally] = {}
        self._storing: dict[int, str] = {}

    def tally(self, name: str) -> ChunkTally:
        """The tally of a chunk."""
        return self._tallies.setdefault(name, ChunkTally())

    def replied(self, outcome: BatchOutcome, line: LineFacts, reply: Reply) -> None:
        """Files a reply, with the custom id that says what was paid for."""
        self._tell_sent(outcome, line)
        self._expect(line.request, outcome.batch)
        headers = {**reply.headers, CUSTOM_ID: outcome.custom_id}
        told = replace(reply, attempt=line.tries.sent, headers=headers)
        self._sink.replied(line.request, told)

    def lost(self, outcome: BatchOutcome, line: LineFacts) -> None:
        """Files an attempt that has no reply and may have been billed."""
        self._tell_sent(outcome, line)
        self._sink.maybe_billed(line.request, most_cost=outcome.most_cost)

    def failed(self, work: Work, error: RequestError, *, chunk: str | None) -> None:
        """Files that a request is given up; `chunk` is None where it never got into one."""
        if chunk is not None:
            self._expect(work.request, chunk)
        failure = Failure(
            kind=error.kind,
            message=str(error),
            attempts=work.tries.sent,
            status=error.status,
            maybe_billed=work.tries.maybe_billed > 0,
        )
        self._sink.failed(work.request, failure)

    def charge(self, outcome: BatchOutcome) -> float:
        """What an outcome costs in US dollars, at its most where that can't be known."""
        tally, cost = self.tally(outcome.batch), 0.0
        if outcome.reply is not None:
            if outcome.reply.cost is None:
                tally.cost = None
            cost = outcome.reply.cost or 0.0
        elif outcome.error is not None and outcome.error.maybe_billed:
            cost = outcome.most_cost
        if tally.cost is not None:
            tally.cost += cost
        return cost

    def hold(self, name: str) -> None:
        """One outcome of a chunk waits to be filed."""
        self.tally(name).storing += 1

    def release(self, name: str) -> None:
        """One outcome that was held was filed, or needn't be."""
        tally = self._tallies[name]
        tally.storing -= 1
        if tally.is_whole and not tally.storing:
            del self._tallies[name]
            self._on_let_go(name, cost=tally.cost)

    def end(self, name: str) -> None:
        """All outcomes of a chunk were taken."""
        self.hold(name)
        self._tallies[name].is_whole = True
        self.release(name)

    def stored(self, request: Request) -> None:
        """The outcome of `request`, the very object that the sink got, is safe on the disk."""
        name = self._storing.pop(id(request), None)
        if name is not None:
            self.release(name)

    def _expect(self, request: Request, name: str) -> None:
        self._storing[id(request)] = name
        self.hold(name)

    def _tell_sent(self, outcome: BatchOutcome, line: LineFacts) -> None:
        self._sink.sending(
            line.request,
            attempt=line.tries.sent,
            deployment=self._deployment,
            most_cost=outcome.most_cost,
        )


def with_cost(outcome: BatchOutcome, rates: Rates | None) -> BatchOutcome:
    """The outcome as it is charged: a reply that tells no usage is taken to have used the most."""
    reply = outcome.reply
    if reply is None or rates is None or tells_usage(reply):
        return outcome
    return replace(outcome, reply=replace(reply, cost=outcome.most_cost))
