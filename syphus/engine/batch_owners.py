"""Gives each outcome of a batch to its owner: the journal, the next batch, the request, the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syphus.core.errors import RetryableError, StoppingError
from syphus.engine.retry import Answers, may_retry
from syphus.engine.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from syphus.core.batches import BatchOutcome
    from syphus.core.errors import RequestError
    from syphus.engine.asking import Wording
    from syphus.engine.batch_filing import Filing
    from syphus.engine.batch_lines import LineFacts
    from syphus.engine.engine import Counts
    from syphus.engine.retry import RetryPolicy

MOST_ATTEMPTS = 12
_ALIKE_BEFORE_STOPPING = 20


class Owners:
    """`ask_again` takes work for the next batch, `stop` what ends the run.

    `unread` counts outcomes that were filed and of which the engine hasn't heard yet that they
    are settled.
    """

    def __init__(
        self,
        filing: Filing,
        *,
        counts: Counts,
        wording: Wording,
        policy: RetryPolicy,
        ask_again: Callable[[Work], None],
        stop: Callable[[StoppingError], None],
        wall_clock: Callable[[], float],
    ) -> None:
        self.unread = 0
        self._filing = filing
        self._counts = counts
        self._wording = wording
        self._policy = policy
        self._ask_again = ask_again
        self._stop = stop
        self._wall_clock = wall_clock
        self._answers = Answers()
        self._has_answered = False

    def own(self, outcome: BatchOutcome, line: LineFacts) -> None:
        """Takes an outcome whose request somebody asks about."""
        if outcome.reply is not None:
            self._counts.replied += 1
            self._answers.replied()
            self._has_answered = True
            self.unread += 1
            self._filing.replied(outcome, line, outcome.reply)
            return
        error = outcome.error or StoppingError("a line of a batch came back without an outcome")
        work = Work(request=line.request, tries=line.tries)
        if error.maybe_billed:
            self._filing.lost(outcome, line)
        if isinstance(error, StoppingError):
            # Said once the chunk is at its end: the next sitting mustn't meet it there again.
            self._filing.tally(outcome.batch).stopped_by = error
        elif self._wording.learn(line.wording, error):
            self._retry(work, error)
        elif isinstance(error, RetryableError):
            weight = self._answers.weigh(error, work.tries)
            work.tries.count(error, weight=weight, now=self._wall_clock())
            if work.tries.sent < MOST_ATTEMPTS and may_retry(error, work.tries, self._policy):
                self._retry(work, error)
            else:
                self.give_up(work, error, chunk=outcome.batch)
        elif self._has_answered or self._filing.tally(outcome.batch).is_judged:
            self.give_up(work, error, chunk=outcome.batch)
        else:
            work.request = replace(work.request, messages=b"")
            self._filing.tally(outcome.batch).refused.append((work, error))

    def expect(self, outcome: BatchOutcome) -> None:
        """Takes note of an outcome that nobody asks about yet: its chunk may end before."""
        tally = self._filing.tally(outcome.batch)
        self._filing.hold(outcome.batch)
        if outcome.reply is not None:
            self._has_answered = True
        elif isinstance(outcome.error, StoppingError):
            tally.stopped_by = outcome.error
        elif not isinstance(outcome.error, RetryableError):
            tally.refused_early += 1
            tally.early_refusal = outcome.error

    def own_expected(self, outcome: BatchOutcome, line: LineFacts) -> None:
        """Takes an outcome that was expected, now that somebody asks about its request."""
        if outcome.error is not None and not isinstance(
            outcome.error, RetryableError | StoppingError
        ):
            self._filing.tally(outcome.batch).refused_early -= 1
        self.own(outcome, line)
        self._filing.release(outcome.batch)

    def give_up(self, work: Work, error: RequestError, *, chunk: str | None) -> None:
        """Files that a request isn't asked again."""
        self._counts.failed += 1
        self.unread += 1
        self._filing.failed(work, error, chunk=chunk)

    def end(self, chunk: str) -> None:
        """Decides, at the end of a chunk, what its refusals mean.

        They are their requests' own, but for a chunk of which nothing was ever answered: the
        mistake is then one in all requests, and no query is given up for it.
        """
        tally = self._filing.tally(chunk)
        refused = len(tally.refused) + tally.refused_early
        if not self._has_answered and refused >= _ALIKE_BEFORE_STOPPING:
            said = tally.refused[-1][1] if tally.refused else tally.early_refusal
            tally.stopped_by = StoppingError(f"the endpoint refused the first {refused}: {said}")
        else:
            for work, error in tally.refused:
                self.give_up(work, error, chunk=chunk)
        if tally.stopped_by is not None:
            self._stop(tally.stopped_by)
        self._filing.end(chunk)

    def settled(self) -> None:
        """One filed outcome has been read."""
        self.unread = max(0, self.unread - 1)

    def _retry(self, work: Work, error: RequestError) -> None:
        self._counts.retried += 1
        self._counts.rate_limited += error.kind == "rate_limited"
        self._ask_again(work)
