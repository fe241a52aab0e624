"""Runs processes and measures them: wall time, processor time, peak memory; prints tables."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CLIENT_CORE = 0
SERVER_CORE = 1
MEGABYTE = 1 << 20
_WIDTH = 150
_LONGEST_SAID = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process, with the children that it waited for, took.

    `began` is on the clock of `time.monotonic`; `wall` and `cpu` (user and system) are seconds,
    `peak` is the largest resident size in bytes; `said` is the end of its stdout and stderr.
    """

    status: int
    began: float
    wall: float
    cpu: float
    peak: int
    said: str


def pin(process: int, core: int) -> None:
    """Keeps a process (0: this one) to one core, where the system can do that."""
    if sys.platform == "linux" and core in os.sched_getaffinity(0):
        os.sched_setaffinity(process, {core})


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limit: float = 900.0,
    core: int | None = CLIENT_CORE,
) -> Cost:
    """Runs a command on one core (None: on all) to its end, or ends it after `limit` seconds."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - the command is the benchmark's own
            [str(part) for part in command],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if core is not None:
            pin(process.pid, core)
        watchdog = threading.Timer(limit, _end, (process.pid,))
        watchdog.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            watchdog.cancel()
            _end(process.pid)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(max(0, output.seek(0, os.SEEK_END) - _LONGEST_SAID))
        return Cost(
            status=process.returncode,
            began=began,
            wall=wall,
            cpu=usage.ru_utime + usage.ru_stime,
            # Linux counts kilobytes, macOS bytes.
            peak=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            said=output.read().decode(errors="replace"),
        )


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def spread(values: Sequence[float], form: str = ".3f") -> str:
    """Median, minimum and maximum in words."""
    if len(values) == 1:
        return format(values[0], form)
    low, high = format(min(values), form), format(max(values), form)
    return f"{format(middle(values), form)} ({low}-{high})"


def verdict(*, reached: bool) -> str:
    """How a bound came out."""
    return "reached" if reached else "MISSED"


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table whose first column holds names and whose others hold figures."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=_WIDTH, highlight=False).print(table)


def say(line: str) -> None:
    """Tells on stderr how far a long measurement is."""
    print(line, file=sys.stderr, flush=True)
