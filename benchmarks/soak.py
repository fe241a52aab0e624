"""A soak: a long run under faults of every kind, killed again and again.

    python benchmarks/soak.py                                                (20,000 queries)
    python benchmarks/soak.py --queries 2000 --kills 12 --languages de,ja    (with translation)
    python benchmarks/soak.py --queries 2000 --kills 12 --languages de --judge     (and a judge)

A scripted server (`python -m syphus.testing`) is one process, the command line
(`python main.py --name Soak.soak --num_threads 64`) another. The command is killed by SIGKILL at
moments drawn from the seed and typed again each time. Seven in ten come when so many replies are
out, spread over the run; the others some time after the start, when the journal is read, or while
the files are written. Then the same queries are asked of a server without those faults that pass
by, by a command that nobody kills, and the outputs are compared. The exit status is 1 if a check
fails.

All kinds of `syphus.testing.FAULT_KINDS` are met, evenly, by about one attempt in twenty. A query's
text says what it meets (see soak_script.py), so the faults that decide a query are the same in the
calm run. Wrong keys, an unknown deployment and a used-up quota, twice each, stop the run by design;
the command is typed again. What would take hours or gigabytes is smaller, and has tests of its
own: `--timeout 5` ends a silent or trickling connection, no server asks for more than a second of
patience, and a huge reply has 100 kB, since each of the sittings judges all replies again.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import orjson
from soak_checks import (
    OUTCOMES,
    JournalTail,
    Report,
    Seen,
    Unit,
    check_outputs,
    check_run,
    count_unreadable,
    fetch_seen,
)
from soak_script import SYSTEM_MESSAGE, draw_texts

from syphus.core.records import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
THREADS, CALM_THREADS = 64, 32
TIMEOUT = 5
POLL = 0.005
PATIENCE = 600
MOST_TRIES = 20
STARTING, WRITING = 0.14, 0.16
READING_SECONDS = (0.3, 2.0)
WRITING_SECONDS = 1e-4
STOPPED, SOME_FAILED = 3, 4
SHORT = "SO"
PLUGIN = f"""
import json
from syphus import AbstractDataset

class Soak(AbstractDataset):
    short = "{SHORT}"
    query_inputs_path = "queries.jsonl"

    def _load_query_inputs(self, path):
        with open(path) as file:
            yield from map(json.loads, file)

    def _load_prefix(self):
        return {{"system_message": "{SYSTEM_MESSAGE}"}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When to kill: `delay` seconds after the start, or `replies`, or the files being written."""

    phase: str
    delay: float
    replies: int = 0


class Client:
    """The command line as a process."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        with (folder / "client.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, str(HERE.parent / "main.py"), *arguments],
                cwd=folder,
                env={"PATH": os.environ["PATH"]},
                stdout=log,
                stderr=log,
            )
        self.status: int | None = None
        self.peak_bytes = 0
        self.seconds = 0.0
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def has_ended(self) -> bool:
        """Whether it ended, without waiting."""
        return self._wait(os.WNOHANG)

    def kill(self) -> bool:
        """Sends SIGKILL; whether that, and nothing else, ended it."""
        if self.status is None:
            self._process.send_signal(signal.SIGKILL)
            self._wait(0)
        return self.status == -signal.SIGKILL

    def _wait(self, options: int) -> bool:
        # wait4 tells the peak memory of this one child, also of one that was killed.
        if self.status is None:
            number, status, usage = os.wait4(self._process.pid, options)
            if number:
                self.status = self._process.returncode = os.waitstatus_to_exitcode(status)
                unit = 1 if sys.platform == "darwin" else 1024
                self.peak_bytes = usage.ru_maxrss * unit
                self.seconds = time.monotonic() - self._began
        return self.status is not None


@contextmanager
def serving(folder: Path, script: str) -> Iterator[str]:
    """The scripted server as a process; gives its base URL."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "syphus.testing", "--script", f"soak_script:{script}"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}"},
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield process.stdout.readline().decode().strip() if process.stdout else ""
        finally:
            process.kill()


def draw_moments(kills: int, queries: int, dice: random.Random) -> list[Moment]:
    """When to kill, in order."""
    writing, starting = max(1, round(kills * WRITING)), max(1, round(kills * STARTING))
    asking = max(0, kills - writing - starting)
    replies = sorted(dice.randrange(queries) for _ in range(asking))
    moments = [
        Moment(phase="asking", delay=dice.uniform(0, 0.05), replies=count) for count in replies
    ]
    for _ in range(starting):
        place = dice.randrange(len(moments) + 1)
        moments.insert(place, Moment(phase="starting", delay=dice.uniform(*READING_SECONDS)))
    longest = max(0.2, queries * WRITING_SECONDS)
    moments += [Moment(phase="writing", delay=dice.uniform(0, longest)) for _ in range(writing)]
    return moments[:kills]


class Soak:
    """One run in one folder against one server, killed at the drawn moments.

    `kept` has, for each unit that was found in a journal after a sitting, how often the server had
    seen it by then.
    """

    def __init__(
        self, folder: Path, base_url: str, arguments: list[str], names: dict[str, str]
    ) -> None:
        self.output = folder / "killed"
        journal = self.output / "journal"
        self.tails = [JournalTail(journal / f"{stage}.jsonl") for stage in STAGES]
        self.threads = THREADS
        self.kept: dict[Unit, int] = {}
        self.kills: Counter[str] = Counter()
        self.sittings = self.stops = self.unreadable = self.peak_bytes = 0
        self._folder = folder
        self._base_url = base_url
        self._names = names
        self._arguments = [
            *arguments,
            *("--base_url", base_url, "--output_dir", str(self.output)),
            *("--num_threads", str(THREADS), "--timeout", str(TIMEOUT)),
        ]

    def kill_at(self, moment: Moment) -> None:
        """Types the command until it was killed at that moment; a stop by a fault comes between."""
        for _ in range(MOST_TRIES):
            parts, sent, outcomes = self._parts(), self.count("sent"), self.count(*OUTCOMES)
            until = time.monotonic() + PATIENCE
            with Client(self._folder, self._arguments) as client:
                while not client.has_ended() and not self._is_due(moment, outcomes, parts):
                    self._rest(until)
                due = time.monotonic() + moment.delay
                while not client.has_ended() and time.monotonic() < due:
                    self._rest(until)
                killed = client.kill()
            writing = moment.phase == "writing" or bool(self._parts() - parts)
            self._take_stock(client)
            if killed:
                phase = "while asking" if self.count("sent") > sent else "before asking"
                self.kills["while writing the files" if writing else phase] += 1
                return
            if client.status != STOPPED:
                # All is done: only the writing is left to be killed in.
                moment = Moment(phase="writing", delay=moment.delay / 2)

    def finish(self) -> int:
        """Types the command until it isn't stopped by a fault; its exit status."""
        status = STOPPED
        for _ in range(MOST_TRIES):
            until = time.monotonic() + PATIENCE
            with Client(self._folder, self._arguments) as client:
                while not client.has_ended():
                    self._rest(until)
            self._take_stock(client)
            status = client.status or 0
            if status != STOPPED:
                break
        return status

    def count(self, *kinds: str) -> int:
        """Lines of these kinds in the journals."""
        for tail in self.tails:
            tail.read_on()
        return sum(tail.kinds[kind] for tail in self.tails for kind in kinds)

    @property
    def units(self) -> Counter[Unit]:
        """How often each unit has an outcome in the journals."""
        units: Counter[Unit] = Counter()
        for tail in self.tails:
            units += tail.units
        return units

    def fetch_seen(self) -> Seen:
        """What the server has seen so far."""
        return fetch_seen(self._base_url, self._names, self._folder)

    def _parts(self) -> set[Path]:
        parts = set(self.output.glob(".*.part"))
        return {part for part in parts if not part.name.startswith((".query_input", ".run"))}

    def _is_due(self, moment: Moment, outcomes: int, parts: set[Path]) -> bool:
        """Whether the delay begins: `outcomes` and `parts` were there before the command."""
        if moment.phase == "asking":
            return self.count(*OUTCOMES) >= max(moment.replies, outcomes + 1)
        return moment.phase == "starting" or bool(self._parts() - parts)

    def _rest(self, until: float) -> None:
        if time.monotonic() > until:
            raise SystemExit(f"no end within {PATIENCE} s: see {self._folder / 'client.log'}")
        time.sleep(POLL)

    def _take_stock(self, client: Client) -> None:
        """Before the command is typed again: what is in the journals, what the server has seen."""
        if client.status not in (0, STOPPED, SOME_FAILED, -signal.SIGKILL):
            log = (self._folder / "client.log").read_text(errors="replace")
            raise SystemExit(f"the command ended with status {client.status}:\n{log[-2000:]}")
        self.sittings += 1
        self.stops += client.status == STOPPED
        self.peak_bytes = max(self.peak_bytes, client.peak_bytes)
        self.unreadable += count_unreadable(self.output)
        self.count()
        seen = self.fetch_seen().units
        for unit in self.units.keys() - self.kept.keys():
            self.kept[unit] = seen[unit]


def run(folder: Path, options: argparse.Namespace) -> bool:
    """The soak and its calm twin; prints the table."""
    began = time.monotonic()
    # What a kill cuts off, half of the places on average, is sent again, mostly without a fault.
    sends = 1 + options.kills * THREADS / 2 / options.queries
    share = min(1.0, options.fault_rate * sends)
    stages = 1 + options.judge + (options.languages != "none")
    later = stages > 1
    texts = list(draw_texts(options.queries, share=share, seed=options.seed, later=later))
    # Ids come twice, with another text: the second is named id#2.
    unique = max(1, options.queries * 4 // 5)
    ids = [f"p{n}" if n < unique else f"p{n - unique}#2" for n in range(options.queries)]
    items = ({"id": f"p{n % unique}", "sentences": text} for n, text in enumerate(texts))
    (folder / "queries.jsonl").write_bytes(b"".join(orjson.dumps(item) + b"\n" for item in items))
    (folder / "datasets").mkdir()
    (folder / "datasets" / "soak.py").write_text(PLUGIN)
    arguments = ["--name", "Soak.soak", "--model", "m", "--no_progress"]
    arguments += ["--languages", options.languages, *(["--judge"] if options.judge else [])]
    outcomes = options.queries * stages
    dice = random.Random(options.seed)  # noqa: S311 - moments, not secrets
    moments = draw_moments(options.kills, outcomes, dice)

    report = Report()
    with serving(folder, "STORMY") as base_url:
        soak = Soak(folder, base_url, arguments, dict(zip(texts, ids, strict=True)))
        for number, moment in enumerate(moments, start=1):
            soak.kill_at(moment)
            done, seconds = soak.count(*OUTCOMES), time.monotonic() - began
            note = f"{seconds:4.0f} s  kill {number} ({moment.phase}): {done:,} replies kept"
            print(note, file=sys.stderr)
        status = soak.finish()
        requests = soak.fetch_seen().requests
        soak.finish()
        idle = soak.fetch_seen().requests == requests
        seconds = time.monotonic() - began
        check_run(
            report,
            soak,
            dict(zip(ids, texts, strict=True)),
            planned=options.kills,
            rate=options.fault_rate,
        )
    calm = folder / "calm"
    with serving(folder, "CALM") as base_url:
        arguments += ["--base_url", base_url, "--output_dir", str(calm)]
        with Client(folder, [*arguments, "--num_threads", str(CALM_THREADS)]) as client:
            while not client.has_ended():
                time.sleep(POLL)
    check_outputs(report, soak.output, calm, idle=idle)
    report.add("exit status", f"{status}, calm {client.status}", good=status == client.status)
    report.add("seconds, of the calm run", f"{seconds:.0f}, {client.seconds:.0f}")
    peak, calm_peak = soak.peak_bytes / 2**20, client.peak_bytes / 2**20
    report.add("peak memory of the command, MiB", f"{peak:.0f}, calm {calm_peak:.0f}")
    return report.print()


def main() -> int:
    """Reads the arguments; 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--fault_rate", type=float, default=0.05, help="share of all attempts")
    parser.add_argument("--languages", default="none", help="as the command has it")
    parser.add_argument("--judge", action="store_true", help="with the judge's stage")
    parser.add_argument("--seed", type=int, default=1, help="of the faults and the moments")
    parser.add_argument("--folder", type=Path, help="keep all files in this new folder")
    options = parser.parse_args()
    print(
        f"{options.queries:,} queries, {options.fault_rate:.0%} faults, {options.kills} kills, "
        f"languages {options.languages}, {'a judge, ' if options.judge else ''}seed {options.seed}"
    )
    if options.folder is not None:
        options.folder.mkdir(parents=True)
        return 0 if run(options.folder.resolve(), options) else 1
    with tempfile.TemporaryDirectory(prefix="syphus-soak-") as folder:
        return 0 if run(Path(folder), options) else 1


if __name__ == "__main__":
    sys.exit(main())
