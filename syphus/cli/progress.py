"""How far a run is, in words."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from syphus.core.events import BatchCounts, Observer, Snapshot
    from syphus.pipeline.outcome import Outcome

_ANSWERS_SECONDS = 600.0
_ALIVE_SECONDS = 3600.0


def _fresh(now: Snapshot) -> int:
    """Queries that this sitting brought to an end."""
    return max(0, now.done - now.restored)


def _per_second(amount: float, now: Snapshot) -> float:
    return amount / now.seconds if now.seconds > 0 else 0.0


def time_left(now: Snapshot) -> str:
    """The time until the end at this sitting's pace."""
    if not now.left or not _fresh(now):
        return "0:00:00" if now.left == 0 else "unknown"
    return str(timedelta(seconds=round(now.left * now.seconds / _fresh(now))))


def cost_at_end(now: Snapshot) -> float | None:
    """US dollars for the whole run at the cost a query has had so far."""
    if now.cost is None or not now.total or not now.done:
        return None
    return now.cost * now.total / now.done


def _dollars(amount: float | None) -> str:
    return "unknown" if amount is None else f"${amount:.4f}"


def progress_line(now: Snapshot) -> str:
    """One line for logs. Of batches nobody knows how fast they are or when they end."""
    total = "?" if now.total is None else now.total
    done = (
        f"done {now.done} of {total}  valid {now.valid}  invalid {now.invalid}  "
        f"failed {now.failed}  "
    )
    cost = f"cost {_dollars(now.cost)}, at the end {_dollars(cost_at_end(now))}"
    if now.batches is not None:
        return f"{done}{_batches(now.batches)}  {cost}"
    return (
        f"{done}in flight {now.in_flight}  waiting {now.waiting}  "
        f"{_per_second(_fresh(now), now):.1f} req/s  {cost}  left {time_left(now)}"
    )


def _batches(now: BatchCounts) -> str:
    return (
        f"batches {now.ended} ended, {now.under_way} under way, {now.to_send} to send  "
        f"lines {now.answered} of {now.lines}"
    )


class Lines:
    """Chooses when a line is worth printing; asked at equal intervals of `seconds`.

    Online it always is. Of a night by batches it is when a batch was sent or has ended, when lines
    were answered in the last ten minutes, and once an hour to say that the run is alive.
    """

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._since = 0.0
        self._last: Snapshot | None = None

    def is_due(self, now: Snapshot) -> bool:
        """Whether `now` is worth a line; if so it is taken as printed."""
        self._since += self._seconds
        if not self._is_news(now):
            return False
        self._last, self._since = now, 0.0
        return True

    def _is_news(self, now: Snapshot) -> bool:
        last, batches = self._last, now.batches
        if last is None or last.batches is None or batches is None:
            return True
        if (batches.ended, batches.under_way) != (last.batches.ended, last.batches.under_way):
            return True
        is_other = (now.done, batches) != (last.done, last.batches)
        return self._since >= (_ANSWERS_SECONDS if is_other else _ALIVE_SECONDS)


def progress_table(now: Snapshot, *, title: str) -> Table:
    """The table that a terminal shows."""
    from rich.progress_bar import ProgressBar  # noqa: PLC0415 - only on a terminal
    from rich.table import Table  # noqa: PLC0415

    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="bold")
    table.add_column()
    table.add_row(title, ProgressBar(total=now.total, completed=now.done, width=40))
    table.add_row("done", f"{now.done} of {'?' if now.total is None else now.total}")
    table.add_row("valid", f"{now.valid} ({now.pairs} pairs)")
    table.add_row("invalid", str(now.invalid))
    table.add_row("failed", str(now.failed))
    if now.judged is not None:
        table.add_row("judged", f"{now.judged} pairs")
    if now.translated:
        table.add_row("translated", "  ".join(f"{k} {v}" for k, v in now.translated.items()))
    if now.batches is None:
        table.add_row("in flight", f"{now.in_flight}, {now.waiting} waiting")
        table.add_row("req/s", f"{_per_second(_fresh(now), now):.1f}")
    else:
        ended, lines = now.batches.ended, now.batches.lines
        left = f"{now.batches.under_way} under way, {now.batches.to_send} to send"
        table.add_row("batches", f"{ended} ended, {left}")
        table.add_row("lines", f"{now.batches.answered} of {lines}, {now.waiting} waiting")
    tokens = now.prompt_tokens + now.completion_tokens
    table.add_row("tokens", f"{tokens} ({_per_second(tokens, now):.0f}/s)")
    table.add_row("cost", f"{_dollars(now.cost)}, at the end {_dollars(cost_at_end(now))}")
    if now.batches is None:
        table.add_row("left", time_left(now))
    return table


def show_outcome(outcome: Outcome, *, observer: Observer) -> None:
    """Prints what a run came to on stdout, and how to go on on stderr."""
    now, written = outcome.snapshot, outcome.written
    lines = [
        f"queries   {now.read}",
        *([f"left out  {outcome.skipped}"] if outcome.skipped else []),
        f"asked     {now.done - now.empty}",
        f"valid     {now.valid} ({written.valid} pairs)",
        f"invalid   {now.invalid}",
        f"failed    {now.failed}",
        *([f"cut off   {written.truncated}"] if written.truncated else []),
        *([f"restored  {now.restored}"] if now.restored else []),
        *([] if now.judged is None else [f"judged    {now.judged} pairs"]),
        *(f"in {code}     {count} pairs" for code, count in now.translated.items()),
        f"tokens    {now.prompt_tokens} prompt, {now.completion_tokens} completion",
        f"cost      {_dollars(now.cost)}",
        f"seconds   {now.seconds:.1f}",
        f"folder    {outcome.folder}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    errors = outcome.folder / "error_messages.json"
    if now.empty:
        observer.notice(f"{now.empty} queries have no text to ask about: see {errors}")
    unasked = outcome.unasked_translations
    refused = outcome.missing_translations - unasked
    if unasked:
        is_same = outcome.stopped_by is not None and outcome.goes_on
        command = "the same command" if is_same else "the run's own command"
        observer.notice(f"{unasked} translations are still to be asked for: {command} does that")
    if refused:
        listed = outcome.folder / "translation_errors.json"
        observer.notice(
            f"{refused} translations are missing, English has the pairs: "
            f"see {listed}; --redo invalid asks for them again"
        )
    _tell_judgements(outcome, observer)
    if outcome.stopped_by is not None:
        go_on = "; the same command goes on from here" if outcome.goes_on else ""
        observer.notice(f"stopped early: {outcome.stopped_by}{go_on}")
    elif now.failed:
        observer.notice(f"{now.failed} queries failed: see {errors}")


def _tell_judgements(outcome: Outcome, observer: Observer) -> None:
    unasked = outcome.unasked_judgements
    if unasked:
        is_same = outcome.stopped_by is not None and outcome.goes_on
        command = "the same command" if is_same else "the run's own command with --judge"
        observer.notice(f"{unasked} pairs are still to be judged: {command} does that")
    if refused := outcome.missing_judgements - unasked:
        observer.notice(
            f"{refused} pairs have no judgement and are kept: see "
            f"{outcome.folder / 'judgements.json'}; --redo invalid asks for them again"
        )
