"""Peak memory of runs of 10,000, 100,000 and 300,000 queries that a generator makes.

    python benchmarks/memory.py

A server answers at once, 64 are in flight, nothing is translated. The peak is the largest resident
size of the whole process; growth is what each further query adds to the smallest run's peak.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from measure import MEGABYTE, Cost, middle, print_table, run, say, verdict
from serving import Server
from workload import environment, make_folder

QUERIES = (10_000, 100_000, 300_000)
MOST_GROWTH = 60.0
MOST_BYTES_A_QUERY = 150.0


def measure(folder: Path, server: Server, *, queries: int, in_flight: int) -> Cost:
    """One run. Raises SystemExit where it fails."""
    command = make_folder(folder, queries=queries)
    cost = run(
        [*command, "--base_url", server.url, "--num_threads", str(in_flight)],
        cwd=folder,
        env=environment(folder),
    )
    shutil.rmtree(folder)
    if cost.status:
        raise SystemExit(f"{queries:,} queries: exit status {cost.status}: {cost.said}")
    return cost


def main() -> None:
    """Measures each size, prints the table and how the bounds came out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", default=",".join(map(str, QUERIES)), help="by commas")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--num_threads", type=int, default=64)
    options = parser.parse_args()
    sizes = sorted(int(size) for size in options.queries.split(","))
    costs: dict[int, list[Cost]] = {size: [] for size in sizes}
    with tempfile.TemporaryDirectory(prefix="syphus-bench-") as scratch, Server() as server:
        for _ in range(options.rounds):
            for size in sizes:
                say(f"{size:,} queries")
                folder = Path(scratch) / "run"
                costs[size].append(
                    measure(folder, server, queries=size, in_flight=options.num_threads)
                )
    peaks = {size: middle([cost.peak for cost in costs[size]]) for size in sizes}
    least = sizes[0]
    rows = []
    for size in sizes:
        more = (peaks[size] - peaks[least]) / (size - least) if size > least else None
        rows.append(
            [
                f"{size:,}",
                f"{peaks[size] / MEGABYTE:.1f}",
                f"{(peaks[size] - peaks[least]) / MEGABYTE:.1f}",
                "-" if more is None else f"{more:.0f}",
                f"{middle([cost.wall for cost in costs[size]]):.1f}",
                f"{middle([cost.cpu for cost in costs[size]]) / size * 1e3:.3f}",
            ]
        )
    head = ["queries", "peak MiB", "more MiB", "bytes a query", "seconds", "CPU ms/query"]
    print_table(f"memory of runs, {options.num_threads} in flight", head, rows)
    most = sizes[-1]
    if most == least:
        return
    growth = (peaks[most] - peaks[least]) / MEGABYTE
    each = (peaks[most] - peaks[least]) / (most - least)
    print(
        f"{most:,} over {least:,}: {growth:.1f} MiB, at most {MOST_GROWTH:g}: "
        f"{verdict(reached=growth <= MOST_GROWTH)}"
    )
    print(
        f"growth: {each:.0f} bytes a query, at most {MOST_BYTES_A_QUERY:g}: "
        f"{verdict(reached=each <= MOST_BYTES_A_QUERY)}"
    )


if __name__ == "__main__":
    main()
