"""Peak memory, longest hold of the event loop and split of whole runs by batches.

    python benchmarks/batch.py

Runs of 10,000 and 120,000 queries against the package's scripted server in another process, once
without translation and once into one language. A batch is done as soon as it is looked at, so all
queries of a run are in batches at once. The peak is the largest resident size of the whole
process; growth is what each further query adds to the smallest run's peak, and may be 60 MiB for
the largest chunk besides 150 bytes a query. A hold is how much later than it should a task of the
loop came to its turn while requests were in batches, in wall time: writes and syncs of files count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator  # noqa: TC003 - a context manager's annotation
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import CLIENT_CORE, MEGABYTE, SERVER_CORE, pin, print_table, run, say, verdict
from workload import MODEL, ROOT, environment, make_folder

from syphus import Syphus

QUERIES = (10_000, 120_000)
LANGUAGES = ("none", "de")
MOST_GROWTH = 60 * MEGABYTE
MOST_BYTES_A_QUERY = 150
_TICK = 0.005
_POLL_SECONDS = 0.5
_LIMIT = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One run: `batches` are (lines, bytes) of each; `hold` and `wall` are seconds."""

    peak: int
    hold: float
    wall: float
    batches: list[tuple[int, int]]


@contextmanager
def scripted_server() -> Iterator[str]:
    """The address of the package's scripted server, in a process of its own."""
    command = [sys.executable, "-m", "syphus.testing"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        pin(process.pid, SERVER_CORE)
        try:
            if process.stdout is None:
                raise RuntimeError("the server has no stdout")
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def watch(syphus: Syphus) -> float:
    """Runs; the longest that the loop was held, in seconds."""
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(syphus.run())
    longest = 0.0
    while not running.done():
        now = syphus.snapshot()
        due = loop.time() + _TICK
        await asyncio.sleep(_TICK)
        if now is not None and now.in_flight:
            longest = max(longest, loop.time() - due)
    outcome = await running
    if outcome.exit_status:
        raise SystemExit(f"exit status {outcome.exit_status}: {outcome.stopped_by}")
    return longest


def one_run(folder: Path, url: str, languages: str) -> None:
    """What the child process does: one run in `folder`; prints the longest hold as JSON."""
    syphus = Syphus(
        name="Bench.bench",
        root=folder,
        base_url=url,
        model=MODEL,
        backend="batch",
        poll_seconds=_POLL_SECONDS,
        languages=languages,
        output_dir=folder / "out",
    )
    print(json.dumps(asyncio.run(watch(syphus))))


def measure(folder: Path, *, queries: int, languages: str) -> Night:
    """One run in a process of its own. Raises SystemExit where it fails."""
    make_folder(folder, queries=queries)
    with scripted_server() as url:
        pin(0, CLIENT_CORE)
        command: list[str | Path] = [sys.executable, Path(__file__), "--folder", folder]
        cost = run(
            [*command, "--url", url, "--languages", languages],
            cwd=folder,
            env=environment(folder) | {"PYTHONPATH": str(ROOT)},
            limit=_LIMIT,
        )
    if cost.status:
        raise SystemExit(f"{queries:,} queries: exit status {cost.status}: {cost.said}")
    ledger = (folder / "out" / "journal" / "batches.jsonl").read_bytes().splitlines()
    closed = [line for line in map(json.loads, ledger) if line["step"] == "closed"]
    shutil.rmtree(folder)
    return Night(
        peak=cost.peak,
        hold=json.loads(cost.said.splitlines()[-1]),
        wall=cost.wall,
        batches=[(line["lines"], line["bytes"]) for line in closed],
    )


def show(languages: str, nights: dict[int, Night]) -> None:
    """Prints the table of one language's runs, and how the bound came out."""
    least = min(nights)
    rows = []
    for size, night in nights.items():
        growth = night.peak - nights[least].peak
        rows.append(
            [
                f"{size:,}",
                f"{night.peak / MEGABYTE:.1f}",
                f"{growth / (size - least):.0f}" if size > least else "-",
                f"{night.hold:.2f}",
                f"{night.wall:.0f}",
                " ".join(f"{lines}/{size / 1e6:.0f}" for lines, size in night.batches),
            ]
        )
    head = ["queries", "peak MiB", "bytes a query", "hold s", "seconds", "batches, lines/MB"]
    print_table(f"runs by batches, languages {languages}", head, rows)
    for size, night in nights.items():
        growth = night.peak - nights[least].peak
        bound = MOST_GROWTH + MOST_BYTES_A_QUERY * (size - least)
        if size > least:
            print(
                f"{size:,} over {least:,}: {growth / MEGABYTE:.1f} MiB, at most "
                f"{bound / MEGABYTE:.1f}: {verdict(reached=growth <= bound)}"
            )


def main() -> None:
    """Measures each size and prints the tables; with --folder it is the child of one run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", default=",".join(map(str, QUERIES)), help="by commas")
    parser.add_argument("--languages", default=" ".join(LANGUAGES), help="runs, by spaces")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        one_run(options.folder, options.url, options.languages)
        return
    sizes = sorted(int(size) for size in options.queries.split(","))
    with tempfile.TemporaryDirectory(prefix="syphus-bench-") as scratch:
        for languages in options.languages.split():
            nights = {}
            for size in sizes:
                say(f"{size:,} queries, languages {languages}")
                nights[size] = measure(Path(scratch) / "run", queries=size, languages=languages)
            show(languages, nights)


if __name__ == "__main__":
    main()
