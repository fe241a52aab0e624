"""What a run by batches prints off a terminal while a night goes by."""

from __future__ import annotations

from dataclasses import replace

from syphus.cli.progress import Lines, progress_line
from syphus.core.batches import BatchState, count_batches
from syphus.core.events import BatchCounts, Snapshot

EVERY = 30.0
NIGHT = 24 * 120
WAITING = BatchCounts(to_send=0, under_way=2, ended=0, lines=80, answered=0)
NOW = Snapshot(
    total=80,
    read=80,
    valid=0,
    invalid=0,
    failed=0,
    empty=0,
    restored=0,
    pairs=0,
    translated={},
    sent=80,
    retried=0,
    rate_limited=0,
    in_flight=80,
    waiting=0,
    prompt_tokens=0,
    completion_tokens=0,
    cached_tokens=0,
    cost=0.0,
    seconds=0.0,
    batches=WAITING,
)


def state(status: str, *, done: int = 0, failed: int = 0, sent: bool = True) -> BatchState:
    """A batch of forty lines."""
    return BatchState(
        name="0001",
        status=status,
        lines=40,
        done=done,
        failed=failed,
        created=0.0 if sent else None,
        cost_at_most=1.0,
        remote_id="batch_1" if sent else None,
    )


def test_batches_are_counted_by_where_they_stand() -> None:
    """Those that ended, however; those at the endpoint; those that aren't there yet."""
    states = [state("completed", done=38, failed=2), state("expired", done=10), state("lost")]
    states += [state("in_progress", done=7), state("validating")]
    states += [state("queued", sent=False), state("filling", sent=False)]
    states += [state("completed, output lost", done=5)]
    assert count_batches(states) == BatchCounts(
        to_send=2, under_way=2, ended=4, lines=320, answered=62
    )


def test_a_line_tells_of_batches_and_of_no_pace() -> None:
    """Requests a second and a time left mean nothing where the endpoint takes a day."""
    line = progress_line(replace(NOW, batches=replace(WAITING, ended=1, answered=33)))
    assert "batches 1 ended, 2 under way, 0 to send  lines 33 of 80" in line
    assert "req/s" not in line
    assert "left" not in line
    assert "req/s" in progress_line(replace(NOW, batches=None))


def test_a_night_in_which_nothing_comes_prints_a_line_an_hour() -> None:
    """It says that the run is alive, no more."""
    lines = Lines(seconds=EVERY)
    printed = [at for at in range(NIGHT) if lines.is_due(NOW)]
    assert len(printed) == 24
    assert printed[0] == 0


def test_lines_that_are_answered_are_told_every_ten_minutes() -> None:
    """An endpoint that counts on at each look doesn't fill the log."""
    lines = Lines(seconds=EVERY)
    news = [replace(NOW, batches=replace(WAITING, answered=at)) for at in range(NIGHT)]
    assert sum(map(lines.is_due, news)) == 24 * 6


def test_a_batch_that_ends_or_begins_is_told_at_once() -> None:
    """At the next look, whatever was printed before."""
    lines = Lines(seconds=EVERY)
    assert lines.is_due(NOW)
    assert not lines.is_due(NOW)
    assert lines.is_due(replace(NOW, batches=replace(WAITING, ended=1, under_way=1)))
    assert lines.is_due(replace(NOW, batches=replace(WAITING, ended=1, under_way=2)))


def test_an_online_run_prints_each_time() -> None:
    """Every thirty seconds, as ever."""
    lines = Lines(seconds=EVERY)
    assert all(lines.is_due(replace(NOW, batches=None)) for _ in range(10))
