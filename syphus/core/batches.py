"""What the engine and a batch backend hand to each other.

A batch is a file of requests that an endpoint answers within a day or so, at half the price. The
engine adds lines; the backend puts them into chunks, which become batches, and gives outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from syphus.core.events import BatchCounts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from syphus.core.errors import RequestError
    from syphus.core.records import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """One request of a batch.

    `custom_id` names what is paid for: equal ids mean the same attempt at the same request. `body`
    is JSON of the chat request; `tokens` the most that it counts for the limit of enqueued tokens;
    `most_cost` the most that it may cost, in US dollars at batch prices. `facts` is JSON on one
    line that comes back with the outcome.
    """

    custom_id: str
    body: bytes
    tokens: int
    most_cost: float
    facts: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome:
    """What became of one line: exactly one of `reply` and `error`.

    `batch` is the name of its chunk, `is_last` says that all its other lines came before.
    Lines that an ended batch left unanswered have a RetryableError: not billed where the endpoint
    said so, maybe billed where no file had them.
    """

    custom_id: str
    facts: bytes
    reply: Reply | None
    error: RequestError | None
    most_cost: float
    batch: str
    is_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """Where one chunk stands.

    `status` is the endpoint's word for its batch ("in_progress", "completed", ...), or ours before
    there is one: "filling", "queued", "uploaded". `done` and `failed` count lines as the endpoint
    last told; `created` is in seconds since the epoch; `cost_at_most` in US dollars, and so is
    `cost`, what it did cost: None until all of it is journalled, and where no price is known.
    """

    name: str
    status: str
    lines: int
    done: int
    failed: int
    created: float | None
    cost_at_most: float
    remote_id: str | None
    cost: float | None = None


_UNSENT = frozenset({"filling", "queued", "uploading", "uploaded"})
# The endpoint's words, and "lost" for a batch that it has forgotten.
_ENDED = frozenset({"completed", "expired", "cancelled", "failed", "lost"})


def count_unsent(states: Sequence[BatchState]) -> int:
    """How many lines are in batches that nobody has tried to create yet."""
    unsent = (state for state in states if state.remote_id is None and state.status in _UNSENT)
    return sum(state.lines for state in unsent)


def count_batches(states: Sequence[BatchState]) -> BatchCounts:
    """How far the batches of a run are."""
    # What was lost with its files stands behind the endpoint's word.
    has_ended = [state.status.partition(",")[0] in _ENDED for state in states]
    ended = [state for state, is_over in zip(states, has_ended, strict=True) if is_over]
    under_way = [
        state
        for state, is_over in zip(states, has_ended, strict=True)
        if state.remote_id and not is_over
    ]
    return BatchCounts(
        to_send=len(states) - len(ended) - len(under_way),
        under_way=len(under_way),
        ended=len(ended),
        lines=sum(state.lines for state in states),
        answered=sum(min(state.lines, state.done + state.failed) for state in states),
    )


class BatchBackend(Protocol):
    """Sends lines as batches, inside `async with`; what it began before is taken up again."""

    def add(self, line: BatchLine) -> None:
        """Puts a line into the chunk that is being filled; a full one is closed by itself.

        Nothing is sent before its chunk is closed. Raises BadRequest for a line too large for any
        batch.
        """

    def flush(self) -> None:
        """Closes the chunk that is being filled, if it has lines: it may be sent."""

    @property
    def outstanding(self) -> int:
        """Lines added whose outcomes were not given out yet."""

    def holds(self, custom_id: str) -> bool:
        """Whether a line is in a chunk, maybe of an earlier sitting, and not yet given out."""

    def outcomes(self) -> AsyncIterator[Sequence[BatchOutcome]]:
        """Outcomes in groups, as batches end; goes on waiting for flushed chunks.

        Raises AccessDenied, QuotaUsedUp or another StoppingError where the endpoint refuses all.
        """

    def durable(self, batch: str, *, cost: float | None) -> None:
        """Takes note that all outcomes of a chunk are stored: its remote files may go.

        `cost` is what it did cost in US dollars, None without a price.
        """

    async def give_up_unsent(self, is_wanted: Callable[[str], bool]) -> int:
        """Sends no chunk of an earlier sitting that holds a custom_id which isn't wanted.

        Only those count whose creation nobody has tried. Their lines come back as not billed.
        Returns how many of them aren't wanted.
        """

    async def cancel(self) -> None:
        """Cancels all batches at the endpoint; what they have done is still given out."""

    def states(self) -> Sequence[BatchState]:
        """Every chunk, in the order of their making."""
