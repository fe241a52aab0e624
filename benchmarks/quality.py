"""What the checks of quality find and cost, on pairs made by dice with duplicates planted in them.

    python benchmarks/quality.py                   near duplicates: recall, seconds, peak memory
    python benchmarks/quality.py --pairs 1000000
    python benchmarks/quality.py --candidates      the libraries that could do it, side by side
    python benchmarks/quality.py --tricky          what each check finds of pairs written for it

One pair in twenty is an earlier one with so many words replaced that the Jaccard similarity of
their sets of three words in a row is 0.8 or hardly more. `recall` counts those that were found,
`wrong` pairs that were found and aren't planted. Each row is a process of its own: seconds of
processor and peak memory are beside those of a process that only makes the pairs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import sys
import tempfile
from collections import Counter, deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import measure

from syphus.quality.duplicates import Duplicates
from syphus.quality.screen import Rules, make_screen
from syphus.quality.sketch import SIMILAR, compare, read_words, shingle
from syphus.translation.check_language import name_not_english

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Find: TypeAlias = Callable[[str, str], bool]

PLANTED_EACH = 20
LONG_ENOUGH = 24
CLOSE = 0.03
# Copies are of one of so many pairs, each equally likely, and no pair is made from a copy.
REMEMBERED = 5000
LEAST_RECALL = 0.95
PERMUTATIONS = 128
THRESHOLD = 0.7
ROOT = Path(__file__).resolve().parent.parent
COMMON = "the a of and in to is with on that he she it at by from near under beside behind"
QUESTIONS = (
    "What is the {0} doing beside the {1}?",
    "How many {0} are there in the picture, and where is the {1}?",
    "Why might the {0} look at the {1} in this scene?",
    "Where does the {0} go after it has passed the {1}?",
    "Is there anything unusual about the {0} near the {1}?",
)


class Made(NamedTuple):
    """One pair; `source` is the number of the pair that it was made from, -1 for none."""

    question: str
    answer: str
    source: int


def make_pairs(count: int, seed: int = 7) -> Iterator[Made]:
    """The same pairs at each call."""
    dice = random.Random(seed)  # noqa: S311 - no secrets
    words = [*COMMON.split(), *_read_words()]
    weights = list(itertools.accumulate(1 / (rank + 5) for rank in range(len(words))))

    def pick(many: int) -> list[str]:
        return dice.choices(words, cum_weights=weights, k=many)

    originals: deque[tuple[int, Made]] = deque(maxlen=REMEMBERED)
    for number in range(count):
        if number % PLANTED_EACH == PLANTED_EACH - 1 and originals:
            source, original = originals[dice.randrange(len(originals))]
            yield _vary(original, source, pick, dice)
            continue
        question = dice.choice(QUESTIONS).format(*pick(2))
        made = Made(question, f"{' '.join(pick(dice.randint(6, 60)))}.", -1)
        yield made
        if len(made.answer.split()) >= LONG_ENOUGH:
            originals.append((number, made))


def _read_words() -> list[str]:
    """The English words of docs/, the commonest first."""
    pages = " ".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
    return [word for word, _ in Counter(re.findall(r"\b[a-z]{3,}\b", pages)).most_common()]


def _vary(
    original: Made, source: int, pick: Callable[[int], list[str]], dice: random.Random
) -> Made:
    """The original with words replaced until 0.8 is near; a replacement too many is taken back."""
    base = read_words(original.question, original.answer)
    best = original.answer.removesuffix(".").split()
    for _ in range(40):
        tried = list(best)
        tried[dice.randrange(len(tried))] = pick(1)[0]
        similar = compare(base, read_words(original.question, " ".join(tried)))
        if similar >= SIMILAR:
            best = tried
            if similar < SIMILAR + CLOSE:
                break
    return Made(original.question, f"{' '.join(best)}.", source)


def find_ours(folder: Path, count: int) -> Find:
    """What a run does."""
    duplicates = Duplicates(folder, expected=count)
    return lambda question, answer: duplicates.find("one", question, answer) is not None


def find_by_rensa(_folder: Path, _count: int) -> Find:
    """Sketches and index by rensa."""
    from rensa import RMinHash, RMinHashDeduplicator  # noqa: PLC0415 - one library a process

    known = RMinHashDeduplicator(threshold=THRESHOLD, num_perm=PERMUTATIONS, use_lsh=True, seed=1)
    numbers = itertools.count()

    def find(question: str, answer: str) -> bool:
        sketch = RMinHash(num_perm=PERMUTATIONS, seed=1)
        sketch.update(shingle(read_words(question, answer)))
        if known.is_duplicate("", sketch):
            return True
        known.add(str(next(numbers)), sketch)
        return False

    return find


def find_by_datasketch(_folder: Path, _count: int) -> Find:
    """Sketches and index by datasketch."""
    from datasketch import MinHash, MinHashLSH  # noqa: PLC0415 - one library a process

    known = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    numbers = itertools.count()

    def find(question: str, answer: str) -> bool:
        sketch = MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch([each.encode() for each in shingle(read_words(question, answer))])
        if any(sketch.jaccard(known_sketch[key]) >= THRESHOLD for key in known.query(sketch)):
            return True
        key = next(numbers)
        known.insert(key, sketch)
        known_sketch[key] = sketch
        return False

    known_sketch: dict[object, Any] = {}
    return find


def find_nothing(_folder: Path, _count: int) -> Find:
    """What the pairs themselves cost."""
    return lambda _question, _answer: False


def find_faults(_folder: Path, _count: int) -> Find:
    """The checks of one pair."""
    screen = make_screen(Rules(personal_data=True), name_other=name_not_english)
    return lambda question, answer: bool(screen(question, answer))


ROWS: dict[str, Callable[[Path, int], Find]] = {
    "nothing": find_nothing,
    "syphus": find_ours,
    "rensa": find_by_rensa,
    "datasketch": find_by_datasketch,
    "checks of one pair": find_faults,
}


def work(row: str, count: int) -> None:
    """One row in this process; prints what it found as JSON."""
    found = planted = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        find = ROWS[row](Path(folder), count)
        for made in make_pairs(count):
            is_found = find(made.question, made.answer)
            planted += made.source >= 0
            found += is_found and made.source >= 0
            wrong += is_found and made.source < 0
    print(json.dumps({"planted": planted, "found": found, "wrong": wrong}))


def judge_tricky_pairs() -> None:
    """Prints what each check of one pair finds of the pairs that were written for it."""
    screen = make_screen(Rules(personal_data=True), name_other=name_not_english)
    planted, found, wrong = Counter[str](), Counter[str](), Counter[str]()
    lines = (ROOT / "tests/quality/tricky_pairs.tsv").read_text(encoding="utf-8").splitlines()
    for check, question, answer in (line.replace("\\n", "\n").split("\t") for line in lines):
        faults = screen(question, answer)
        planted[check] += 1
        if check == "-":
            wrong.update(faults)
        else:
            found[check] += check in faults
    good = planted.pop("-")
    rows = [
        [name, str(count), str(found[name]), str(wrong[name])] for name, count in planted.items()
    ]
    measure.print_table(f"beside {good} good pairs", ["", "bad", "found", "wrong"], rows)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--candidates", action="store_true")
    parser.add_argument("--tricky", action="store_true")
    parser.add_argument("--row", choices=ROWS)
    told = parser.parse_args()
    if told.tricky:
        judge_tricky_pairs()
        return
    if told.row:
        work(told.row, told.pairs)
        return
    names = ["syphus", "rensa", "datasketch"] if told.candidates else ["syphus"]
    costs = {name: _measure(name, told.pairs) for name in ["nothing", "checks of one pair", *names]}
    base = costs["nothing"]
    rows = []
    for name in names:
        cost, said = costs[name], json.loads(costs[name].said)
        recall = said["found"] / said["planted"]
        rows.append(
            [
                name,
                f"{said['planted']:,}",
                f"{recall:.1%}",
                f"{said['wrong']:,}",
                f"{cost.cpu - base.cpu:.1f}",
                f"{(cost.cpu - base.cpu) / told.pairs * 1e6:.0f}",
                f"{(cost.peak - base.peak) / measure.MEGABYTE:.0f}",
                f"{(cost.peak - base.peak) / told.pairs:.0f}",
            ]
        )
    head = ["", "planted", "recall", "wrong", "CPU s", "us a pair", "MiB", "bytes a pair"]
    measure.print_table(f"near duplicates among {told.pairs:,} pairs", head, rows)
    if not told.candidates:
        said = json.loads(costs["syphus"].said)
        reached = measure.verdict(reached=said["found"] >= LEAST_RECALL * said["planted"])
        print(f"recall of at least {LEAST_RECALL:.0%}: {reached}")
    seconds = costs["checks of one pair"].cpu - base.cpu
    print(f"checks of one pair: {seconds / told.pairs * 1e6:.1f} us a pair")


def _measure(row: str, count: int) -> measure.Cost:
    measure.say(f"{row} ...")
    command = [sys.executable, __file__, "--row", row, "--pairs", str(count)]
    cost = measure.run(command, cwd=Path.cwd(), env=os.environ)
    if cost.status:
        raise SystemExit(cost.said)
    return cost


if __name__ == "__main__":
    main()
