"""Queries a second and processor time a query: Syphus, bare aiohttp, and the peers.

    make bench-peers                                       the peers, each in an environment
    python benchmarks/throughput.py                        all rows, five rounds: hours
    python benchmarks/throughput.py --rows bare,syphus --loads 64
    python benchmarks/throughput.py --rows bare,syphus --loads 64 --prefix 20000

A load is the requests in flight: 64 are answered at once, 1,000 and 4,000 after a second. Every row
is a whole process from its start to its end, its children included, kept to one core; the server
has another core. The rows take turns within a round, so that what disturbs the machine disturbs
all. Figures are medians, with minimum and maximum in brackets.

"CPU" and "q/s" divide by all queries of the run, start-up included; "started" beside them subtracts
a run of few queries of the same round, so it is what one more query costs. Ratios are those of CPU
of whole processes. A row that was given fewer queries than others (peers are slow) is compared by
its cost once started, so that its start-up, which is long, doesn't flatter others.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from measure import middle, print_table, run, say, spread, verdict
from serving import Server
from workload import ROOT, environment, make_folder, make_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure import Cost

PEERS = ("curator", "distilabel", "litellm", "openai", "data-designer")
OURS = ("bare", "syphus", "structured")
DRIVERS = Path(__file__).resolve().parent / "peers"
LOADS = {64: 0.0, 1000: 1.0, 4000: 1.0}
# Enough for the start to be a small part, few enough for a round of all rows in ten minutes. With
# 20,000 at 1,000 in flight the second in which our first eight go ahead would be a twentieth.
QUERIES = {64: 20_000, 1000: 60_000, 4000: 80_000}
PEER_QUERIES = {64: 20_000, 1000: 8_000, 4000: 16_000}
MOST_OF_BARE = 1.8
LEAST_OF_CURATOR = 12.0
MOST_OF_PLAIN = 1.5
LEAST_RATE = {1000: 0.95, 4000: 0.90}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One row in one round: a run of few queries and one of many."""

    queries: int
    few: int
    short: Cost
    long: Cost

    @property
    def cpu(self) -> float:
        """Milliseconds of processor a query, of the whole process."""
        return self.long.cpu / self.queries * 1e3

    @property
    def marginal(self) -> float:
        """Milliseconds of processor for one more query."""
        return (self.long.cpu - self.short.cpu) / (self.queries - self.few) * 1e3

    @property
    def rate(self) -> float:
        """Queries a second of the whole process."""
        return self.queries / self.long.wall

    @property
    def marginal_rate(self) -> float:
        """Queries a second once started."""
        return (self.queries - self.few) / max(self.long.wall - self.short.wall, 1e-9)


@dataclass(slots=True, kw_only=True)
class Row:
    """One program at one load."""

    name: str
    load: int
    queries: int
    samples: list[Sample] = field(default_factory=list)
    problem: str = ""

    @property
    def is_peer(self) -> bool:
        """Whether it is somebody else's."""
        return self.name in PEERS

    def values(self, name: str) -> list[float]:
        """One figure of every round."""
        return [getattr(sample, name) for sample in self.samples]

    def middle(self, name: str) -> float:
        """The median of one figure."""
        return middle(self.values(name))

    def cost(self, queries: int) -> float:
        """What it is compared by with rows of `queries`, in milliseconds a query."""
        return self.middle("cpu" if self.queries == queries else "marginal")


class Bench:
    """Runs rows against servers that stay."""

    def __init__(self, scratch: Path, stack: ExitStack, *, padding: int) -> None:
        self._scratch = scratch
        self._stack = stack
        self._padding = padding
        self._servers: dict[tuple[float, bool], Server] = {}

    def take(self, row: Row) -> None:
        """Measures a row once."""
        few = min(row.load, row.queries // 2)
        short = self._run(row, few)
        long = self._run(row, row.queries)
        if not row.problem:
            row.samples.append(Sample(queries=row.queries, few=few, short=short, long=long))

    def _server(self, row: Row) -> Server:
        kind = (LOADS[row.load], row.name == "structured")
        if kind not in self._servers:
            self._servers[kind] = self._stack.enter_context(
                Server(latency=kind[0], structured=kind[1])
            )
        return self._servers[kind]

    def _run(self, row: Row, queries: int) -> Cost:
        server = self._server(row)
        folder = self._scratch / "run"
        command = self._command(row, queries, folder, server.url)
        before = server.answered()
        cost = run(command, cwd=folder, env=environment(folder))
        answered = server.answered() - before
        shutil.rmtree(folder)
        if cost.status:
            row.problem = f"exit status {cost.status}: ...{cost.said[-600:].strip()}"
        elif answered < queries:
            row.problem = (
                f"only {answered} of {queries} queries came: ...{cost.said[-600:].strip()}"
            )
        return cost

    def _command(self, row: Row, queries: int, folder: Path, url: str) -> list[str | Path]:
        if row.name in ("syphus", "structured"):
            command = make_folder(
                folder,
                queries=queries,
                structured=row.name == "structured",
                padding=self._padding,
            )
            return [*command, "--base_url", url, "--num_threads", str(row.load)]
        folder.mkdir(parents=True)
        task = make_task(
            folder, url=url, in_flight=row.load, queries=queries, padding=self._padding
        )
        path = folder / "task.json"
        path.write_text(json.dumps(task))
        python = python_of(row.name) if row.is_peer else Path(sys.executable)
        return [python, DRIVERS / f"{row.name.replace('-', '_')}_driver.py", path]


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment."""
    return ROOT / "benchmarks" / ".peers" / peer / "bin" / "python"


def show(load: int, rows: Sequence[Row]) -> None:
    """Prints the table of one load and how the bounds came out."""
    done = {row.name: row for row in rows if row.samples and not row.problem}
    bare, curator = done.get("bare"), done.get("curator")
    most = max((row.queries for row in done.values()), default=0)
    lines = []
    for row in done.values():
        own = row.cost(most)
        of_bare = f"{own / bare.cost(most):.2f}" if bare is not None else "-"
        times_curator = f"{curator.cost(most) / own:.2f}" if curator is not None else "-"
        lines.append(
            [
                row.name,
                f"{row.queries:,}",
                spread(row.values("rate"), ".0f"),
                f"{row.middle('marginal_rate'):.0f}",
                spread(row.values("cpu")),
                f"{row.middle('marginal'):.3f}",
                f"{middle([sample.short.cpu for sample in row.samples]):.2f}",
                f"{middle([sample.long.peak for sample in row.samples]) / 1e6:.0f}",
                of_bare,
                times_curator,
            ]
        )
    latency = "answers at once" if not LOADS[load] else f"answers after {LOADS[load]:g} s"
    head = ["row", "queries", "q/s", "started", "CPU ms/query", "started", "start s", "peak MB"]
    print_table(
        f"{load:,} in flight, the server {latency}", [*head, "of bare", "times curator"], lines
    )
    for row in rows:
        if row.problem:
            print(f"{row.name}: {row.problem}")
    show_bounds(load, done)


def show_bounds(load: int, done: dict[str, Row]) -> None:
    """Prints what was to be reached at a load."""
    bare, syphus = done.get("bare"), done.get("syphus")
    curator, structured = done.get("curator"), done.get("structured")
    if syphus is None:
        return
    if not LOADS[load]:
        if bare is not None:
            ratio = syphus.middle("cpu") / bare.middle("cpu")
            told(f"CPU of bare aiohttp: {ratio:.2f}, at most {MOST_OF_BARE}", ratio <= MOST_OF_BARE)
        if curator is not None:
            ratio = curator.cost(syphus.queries) / syphus.middle("cpu")
            bound = f"at least {LEAST_OF_CURATOR:g}"
            told(f"times curator: {ratio:.1f}, {bound}", ratio >= LEAST_OF_CURATOR)
        if structured is not None:
            ratio = structured.middle("cpu") / syphus.middle("cpu")
            bound = f"at most {MOST_OF_PLAIN}"
            told(f"structured, CPU of plain: {ratio:.2f}, {bound}", ratio <= MOST_OF_PLAIN)
    elif bare is not None:
        share = syphus.middle("rate") / bare.middle("rate")
        least = LEAST_RATE[load]
        told(f"throughput of bare aiohttp: {share:.1%}, at least {least:.0%}", share >= least)


def told(line: str, reached: bool) -> None:  # noqa: FBT001 - the last word of the line
    """Prints one bound."""
    print(f"{line}: {verdict(reached=reached)}")


def choose_rows(names: Sequence[str], load: int, queries: int, peer_queries: int) -> list[Row]:
    """The rows of a load; says which peers aren't installed."""
    rows = []
    for name in names:
        if name in PEERS:
            if python_of(name).exists():
                count = peer_queries or PEER_QUERIES[load]
                rows.append(Row(name=name, load=load, queries=count))
            else:
                print(f"{name}: not installed (make bench-peers)")
        else:
            rows.append(Row(name=name, load=load, queries=queries or QUERIES[load]))
    return rows


def raise_open_files() -> None:
    """Lets the clients, which inherit it, open a connection for each request in flight."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    """Reads the arguments, measures, prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = (*OURS, *PEERS)
    parser.add_argument("--rows", default=",".join(every), help="names, by commas")
    parser.add_argument("--loads", default="64,1000,4000", help="requests in flight, by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=0, help="of our rows; by default by load")
    parser.add_argument("--peer_queries", type=int, default=0, help="of a peer's row")
    parser.add_argument("--prefix", type=int, default=0, help="characters added to the prompt")
    options = parser.parse_args()
    names = options.rows.split(",")
    loads = [int(load) for load in options.loads.split(",")]
    if unknown := [*(set(names) - set(every)), *(set(loads) - set(LOADS))]:
        parser.error(f"unknown: {unknown}; rows are {', '.join(every)}, loads {list(LOADS)}")
    raise_open_files()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syphus-bench-")))
        bench = Bench(scratch, stack, padding=options.prefix)
        for load in loads:
            rows = choose_rows(names, load, options.queries, options.peer_queries)
            for number in range(options.rounds):
                for row in rows:
                    if not row.problem:
                        say(f"{load} in flight, round {number + 1}: {row.name}")
                        bench.take(row)
            show(load, rows)


if __name__ == "__main__":
    main()
