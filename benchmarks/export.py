"""Seconds and peak memory of `syphus export` for a run of 100,000 pairs, for each format.

    python benchmarks/export.py
    python benchmarks/export.py --readers

Whole processes on one core. The peak is the largest resident size; more is what it has over that of
a run of a tenth as many pairs. `--readers` compares two ways to read an instruction file, in our
own layout and in another program's.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import ijson
from measure import MEGABYTE, Cost, middle, print_table, run, say, verdict
from workload import ROOT, environment

from syphus.core.durable import write_json
from syphus.core.records import Pair
from syphus.export.instructions import InstructionsMeta, instructions_file
from syphus.export.mimicit import instructions_path
from syphus.export.numbering import pair_id

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMATS = ("mimicit", "jsonl", "parquet", "llava", "sharegpt", "chatml", "hf")
SYPHUS: tuple[str | Path, ...] = (
    sys.executable,
    "-c",
    "from syphus.cli import main; main()",
)
PAIRS = 100_000
MOST_GROWTH = 32.0
SHORT = "BE"
QUESTION = "What does the woman in the red coat, photograph number {}, wait for at the crossing?"
ANSWER = (
    "She waits for the traffic light to change, for the street is wet and full of cars; beside her "
    "a boy on a bicycle, number {}, looks at the window of a bakery, in which bread is laid out."
)
_READ = {
    "lines with orjson": "from syphus.export.instructions import read_instructions as read",
    "ijson": (
        "from syphus.export.editions import Edition\n"
        "def read(path): return Edition(language='en', path=path).pairs()"
    ),
}
_COUNT = "\nimport sys, pathlib\nprint(sum(1 for _ in read(pathlib.Path(sys.argv[1]))))"


def make_run(folder: Path, pairs: int) -> None:
    """A finished run of so many pairs, five of each image, in English."""
    folder.mkdir()
    meta = InstructionsMeta(version="v1", time="2026-01-01T00:00:00+00:00", author="Syphus")
    with instructions_file(instructions_path(folder, SHORT), meta) as file:
        for at in range(pairs):
            first = at - at % 5
            related = [pair_id(SHORT, each + 1) for each in range(first, first + 5) if each != at]
            file.add(
                Pair(
                    id=pair_id(SHORT, at + 1),
                    query_id="",
                    instruction=QUESTION.format(at),
                    answer=ANSWER.format(at),
                    image_ids=(f"{SHORT}_IMG_{at // 5:07d}",),
                    related_ids=tuple(related),
                )
            )
    numbers = dict.fromkeys(
        ("read", "valid", "invalid", "failed", "empty", "prompt_tokens", "completion_tokens"), 0
    )
    facts = {
        "name": "Bench.bench",
        "short": SHORT,
        "dataset_version": "v1",
        "state": "finished",
        "started": meta.time,
        "model": "bench",
        "response_format": "",
        "prompt_hash": "0" * 64,
        "languages": [],
        "settings": {},
        "counts": {**numbers, "pairs": pairs, "total": None, "cost": None},
        "seconds": 1.0,
        "stopped_by": None,
    }
    write_json(folder / "run.json", facts)


def measure(command: Sequence[str | Path], home: Path, rounds: int) -> list[Cost]:
    """So many runs of a command. Raises SystemExit where one fails."""
    costs = [run(command, cwd=ROOT, env=environment(home)) for _ in range(rounds)]
    for cost in costs:
        if cost.status:
            raise SystemExit(f"{command}: exit status {cost.status}: {cost.said}")
    return costs


def measure_formats(scratch: Path, *, pairs: int, rounds: int) -> None:
    """Prints seconds, memory and size of each format, and how the bound came out."""
    fewer = pairs // 10
    make_run(scratch / "many", pairs)
    make_run(scratch / "few", fewer)
    rows, grown = [], []
    for name in FORMATS:
        say(name)
        costs = {}
        for kind in ("few", "many"):
            command = [*SYPHUS, "export", scratch / kind, "--format", name]
            costs[kind] = measure(command, scratch, rounds)
        written = (scratch / f"many_{name}").rglob("*")
        size = sum(path.stat().st_size for path in written if path.is_file())
        peaks = {kind: middle([cost.peak for cost in found]) for kind, found in costs.items()}
        more = (peaks["many"] - peaks["few"]) / MEGABYTE
        grown.append(more)
        rows.append(
            [
                name,
                f"{middle([cost.wall for cost in costs['many']]):.2f}",
                f"{middle([cost.cpu for cost in costs['many']]):.2f}",
                f"{peaks['many'] / MEGABYTE:.0f}",
                f"{more:.1f}",
                f"{size / 1e6:.1f}",
            ]
        )
    head = ["format", "seconds", "CPU s", "peak MiB", "more MiB", "MB written"]
    print_table(f"export of {pairs:,} pairs, medians of {rounds}", head, rows)
    print(
        f"{pairs:,} over {fewer:,} pairs: at most {max(grown):.1f} MiB more, bound "
        f"{MOST_GROWTH:g}: {verdict(reached=max(grown) <= MOST_GROWTH)}"
    )


def indent(ours: Path, other: Path) -> None:
    """Lays a file out anew, an entry at a time: a child begins with the peak of its parent."""
    with ours.open("rb") as read, other.open("w", encoding="utf-8") as written:
        written.write('{\n "meta": {},\n "data": {')
        comma = ""
        for name, entry in ijson.kvitems(read, "data"):
            written.write(f'{comma}\n  "{name}": {json.dumps(entry, indent=1)}')
            comma = ","
        written.write("\n }\n}\n")


def measure_readers(scratch: Path, *, pairs: int, rounds: int) -> None:
    """Prints what reading a file takes, in our layout and in an indented one."""
    make_run(scratch / "run", pairs)
    ours = instructions_path(scratch / "run", SHORT)
    other = scratch / "indented.json"
    indent(ours, other)
    rows = []
    for layout, path in (("ours", ours), ("indented", other)):
        for reader, code in _READ.items():
            say(f"{reader}, {layout}")
            costs = measure([sys.executable, "-c", code + _COUNT, path], scratch, rounds)
            rows.append(
                [
                    f"{reader}, {layout}",
                    f"{middle([cost.wall for cost in costs]):.2f}",
                    f"{middle([cost.cpu for cost in costs]):.2f}",
                    f"{middle([cost.peak for cost in costs]) / MEGABYTE:.0f}",
                ]
            )
    head = ["reader, layout", "seconds", "CPU s", "peak MiB"]
    print_table(f"reading {pairs:,} pairs, medians of {rounds}", head, rows)


def main() -> None:
    """Measures what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readers", action="store_true")
    options = parser.parse_args()
    measurement = measure_readers if options.readers else measure_formats
    with tempfile.TemporaryDirectory(prefix="syphus-bench-") as scratch:
        measurement(Path(scratch), pairs=options.pairs, rounds=options.rounds)


if __name__ == "__main__":
    main()
