"""Where the processor time of a run goes, by room: a sampling profile at 64 in flight.

    pip install py-spy
    python benchmarks/shares.py                  60,000 queries
    python benchmarks/shares.py --load 1000

A sample counts for the innermost room of the package on its stack; what the event loop does by
itself (sockets, the kernel's writing) for none of them. Writing the output files reads the journal
and judges again: that is counted as output files.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from measure import print_table, run
from serving import Server
from workload import environment, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLES_A_SECOND = 500
_ROOM = re.compile(r"\(syphus/(\w+)[/.]")


def part_of(stack: str) -> str:
    """What a stack, its frames from the outermost on, counts for."""
    if "importlib" in stack:
        return "imports"
    if "(syphus/pipeline/outputs.py" in stack:
        return "output files"
    rooms = _ROOM.findall(stack)
    if not rooms or "(asyncio/runners.py" in stack.rsplit(";", 1)[-1]:
        return "the event loop and the kernel"
    return str(rooms[-1])


def count(lines: Iterable[str]) -> Counter[str]:
    """Samples by part, of lines `outermost;...;innermost samples`."""
    parts: Counter[str] = Counter()
    for line in lines:
        stack, samples = line.rsplit(" ", 1)
        parts[part_of(stack)] += int(samples)
    return parts


def main() -> None:
    """Reads the arguments, profiles one run, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=60_000)
    parser.add_argument("--load", type=int, default=64, help="requests in flight")
    options = parser.parse_args()
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if spy is None:
        parser.error("py-spy is needed: pip install py-spy")
    with tempfile.TemporaryDirectory(prefix="syphus-bench-") as scratch, Server() as server:
        folder, stacks = Path(scratch) / "run", Path(scratch) / "stacks"
        command = make_folder(folder, queries=options.queries)
        command += ["--base_url", server.url, "--num_threads", str(options.load)]
        rate = str(SAMPLES_A_SECOND)
        profiler = [spy, "record", "--gil", "--rate", rate, "--format", "raw", "--output"]
        cost = run([*profiler, stacks, "--", *command], cwd=folder, env=environment(folder))
        if cost.status:
            parser.exit(1, f"exit status {cost.status}: ...{cost.said}")
        parts = count(stacks.read_text().splitlines())
    total = parts.total()
    print_table(
        f"{options.queries:,} queries, {options.load:,} in flight, {total:,} samples",
        ["part", "share"],
        [[name, f"{samples / total:.0%}"] for name, samples in parts.most_common()],
    )


if __name__ == "__main__":
    main()
