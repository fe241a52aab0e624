"""How long the command line takes until it has said something.

    python benchmarks/startup.py

Whole processes on one core, from start to end; the bytecode is compiled already.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measure import Cost, middle, print_table, run, say, spread, verdict
from workload import MODEL, ROOT, environment

ROUNDS = 9
SAMPLE = "YourDataset.your_dataset"


def commands() -> dict[str, tuple[list[str | Path], float]]:
    """What is measured, each with its bound in seconds."""
    # What the installed script does, for a checkout that isn't installed.
    syphus: list[str | Path] = [sys.executable, "-c", "from syphus.cli import main; main()"]
    sample: list[str | Path] = [sys.executable, ROOT / "main.py", "--name", SAMPLE, "--dry_run"]
    endpoint = ["--base_url", "http://127.0.0.1:9/v1", "--model", MODEL]
    return {
        "syphus --help": ([*syphus, "--help"], 0.35),
        "syphus run --help": ([*syphus, "run", "--help"], 0.35),
        f"--name {SAMPLE} --dry_run": (sample, 1.0),
        f"--name {SAMPLE} --dry_run --base_url ...": ([*sample, *endpoint], 1.0),
        "an interpreter that does nothing": ([sys.executable, "-c", ""], float("inf")),
    }


def main() -> None:
    """Measures in turns, prints the table and how the bounds came out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    chosen = commands()
    costs: dict[str, list[Cost]] = {name: [] for name in chosen}
    with tempfile.TemporaryDirectory(prefix="syphus-bench-") as scratch:
        env = environment(Path(scratch))
        for number in range(options.rounds + 1):
            say(f"round {number}" if number else "warming up")
            for name, (command, _) in chosen.items():
                cost = run(command, cwd=ROOT, env=env)
                if cost.status:
                    raise SystemExit(f"{name}: exit status {cost.status}: {cost.said}")
                if number:
                    costs[name].append(cost)
    rows = []
    for name, (_, bound) in chosen.items():
        walls = [cost.wall for cost in costs[name]]
        is_bound = bound != float("inf")
        rows.append(
            [
                name,
                spread(walls),
                f"{middle([cost.cpu for cost in costs[name]]):.3f}",
                f"{middle([cost.peak for cost in costs[name]]) / 1e6:.0f}",
                f"{bound:g}" if is_bound else "-",
                verdict(reached=middle(walls) <= bound) if is_bound else "-",
            ]
        )
    head = ["command", "seconds", "CPU s", "peak MB", "at most", ""]
    print_table(f"start-up, medians of {options.rounds}", head, rows)


if __name__ == "__main__":
    main()
