"""What the engine and the pipeline tell whoever watches; they never print themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """The batches of a run, and the lines of all of them as the endpoint last told.

    `answered` counts lines done or failed.
    """

    to_send: int
    under_way: int
    ended: int
    lines: int
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run at one moment.

    `total` is None while the data set's size isn't known. `valid` counts queries whose final
    reply gave pairs, `invalid` those whose final reply gave none, `failed` those that were given
    up, `empty` those that have no text to ask about, `restored` those whose outcome was in the
    journal before this sitting; `translated` counts pairs by language, `judged` those that have
    marks (None without a judge). Tokens and `cost` (US dollars, None without a price) are those of
    the run's whole journal; `seconds` are this sitting's. `batches` is None where a run makes none.
    """

    total: int | None
    read: int
    valid: int
    invalid: int
    failed: int
    empty: int
    restored: int
    pairs: int
    translated: Mapping[str, int]
    sent: int
    retried: int
    rate_limited: int
    in_flight: int
    waiting: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost: float | None
    seconds: float
    batches: BatchCounts | None = None
    judged: int | None = None

    @property
    def done(self) -> int:
        """Queries with a final outcome."""
        return self.valid + self.invalid + self.failed + self.empty

    @property
    def left(self) -> int | None:
        """Queries without a final outcome, None while their number isn't known."""
        return None if self.total is None else max(0, self.total - self.done)


class Observer(Protocol):
    """Watches a run."""

    def notice(self, text: str) -> None:
        """One thing worth a line: a resume, a rate limit, a deployment set aside."""
        ...


class Silent:
    """Watches and says nothing."""

    def notice(self, text: str) -> None:
        """Says nothing."""
