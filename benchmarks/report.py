"""Seconds and peak memory of `syphus report`, and the roots that it finds in questions.

    python benchmarks/report.py
    python benchmarks/report.py --pairs 1000000
    python benchmarks/report.py --roots

Whole processes on runs in English and German. The peak is the largest resident size; more is what
it has over that of a run of a tenth as many pairs. `--roots` prints root verb and noun of every
question in the prompts of `prompts/`, for whoever wants to judge them, and how many are right of
those in `tests/report/root_questions.tsv`, which were labelled by hand.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import MEGABYTE, print_table, run, say, verdict
from workload import ROOT, environment

from syphus.core.durable import write_json
from syphus.core.records import Pair
from syphus.export.instructions import InstructionsMeta, instructions_file
from syphus.export.mimicit import instructions_path
from syphus.export.numbering import pair_id
from syphus.export.translated import translated_path
from syphus.report.tagging import Tagger, asking_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_GROWTH = 64.0
SHORT = "BE"
_COMMAND = "from syphus.cli import main; main()"


def questions() -> list[str]:
    """The questions of the examples in the prompts, each once."""
    found: dict[str, None] = {}
    for path in sorted((ROOT / "prompts").glob("*.json")):
        prompt = json.loads(path.read_text(encoding="utf-8"))
        found.update(dict.fromkeys(_questions(prompt)))
    return list(found)


def _questions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("Question"), str):
            yield value["Question"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _questions(each)


def make_run(folder: Path, pairs: int) -> None:
    """A finished run of so many pairs, five of each image, in English and German."""
    folder.mkdir()
    meta = InstructionsMeta(version="v1", time="2026-01-01T00:00:00+00:00", author="Syphus")
    paths = [instructions_path(folder, SHORT), translated_path(folder, SHORT, "de")]
    for path in paths:
        asked = itertools.cycle(questions())
        with instructions_file(path, meta) as file:
            for at in range(pairs):
                file.add(
                    Pair(
                        id=pair_id(SHORT, at + 1),
                        query_id="",
                        instruction=next(asked),
                        answer="So it is, as anyone can see in the picture. " * (1 + at % 5),
                        image_ids=(f"{SHORT}_IMG_{at // 5:07d}",),
                        related_ids=(),
                    )
                )
    names = ("read", "valid", "invalid", "failed", "empty", "prompt_tokens", "completion_tokens")
    facts = {
        "name": "Bench.bench",
        "short": SHORT,
        "dataset_version": "v1",
        "state": "finished",
        "started": meta.time,
        "model": "bench",
        "response_format": "",
        "prompt_hash": "0" * 64,
        "languages": ["de"],
        "settings": {},
        "counts": {**dict.fromkeys(names, 0), "pairs": pairs, "total": None, "cost": None},
        "seconds": 1.0,
        "stopped_by": None,
    }
    write_json(folder / "run.json", facts)


def measure_report(scratch: Path, pairs: int) -> None:
    """Prints seconds and memory of both sizes, and how the bound came out."""
    rows, peaks = [], []
    for count in (pairs // 10, pairs):
        say(f"{count:,} pairs")
        folder = scratch / str(count)
        make_run(folder, count)
        command: list[str | Path] = [sys.executable, "-c", _COMMAND, "report", folder]
        cost = run(command, cwd=ROOT, env=environment(scratch))
        if cost.status:
            raise SystemExit(f"{command}: exit status {cost.status}: {cost.said}")
        page = scratch / f"{count}_report.html"
        peaks.append(cost.peak / MEGABYTE)
        size = f"{page.stat().st_size / 1000:.0f}"
        rows.append([f"{count:,}", f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{peaks[-1]:.0f}", size])
    print_table("report", ["pairs", "seconds", "CPU s", "peak MiB", "kB written"], rows)
    grown = peaks[1] - peaks[0]
    print(f"{grown:.1f} MiB more, bound {MOST_GROWTH:g}: {verdict(reached=grown <= MOST_GROWTH)}")


def show_roots() -> None:
    """Prints the root of each question of the prompts."""
    tagger = Tagger()
    for question in questions():
        root = tagger.root(asking_sentence(question))
        print(f"{root.verb or '-':10} {root.noun or '-':12} {question}")
    lines = (ROOT / "tests/report/root_questions.tsv").read_text(encoding="utf-8").splitlines()
    verbs = both = 0
    print()
    for verb, noun, question in (line.split("\t") for line in lines):
        root = tagger.root(asking_sentence(question))
        verbs += root.verb == verb
        both += (root.verb, root.noun or "-") == (verb, noun)
        if (root.verb, root.noun or "-") != (verb, noun):
            print(f"{root.verb or '-':10} {root.noun or '-':12} {question} ({verb}, {noun})")
    print(f"of {len(lines)} labelled questions {verbs} verbs are right, {both} with their nouns")


def main() -> None:
    """Measures, or shows the roots."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--roots", action="store_true")
    arguments = parser.parse_args()
    if arguments.roots:
        show_roots()
        return
    with tempfile.TemporaryDirectory() as scratch:
        measure_report(Path(scratch), arguments.pairs)


if __name__ == "__main__":
    main()
