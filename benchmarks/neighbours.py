"""Seconds and peak memory of relations by nearest_text.

    python benchmarks/neighbours.py [--texts 500] [--pairs 100000]

Needs `pip install 'syphus-engine[neighbours]'` for the first line, which embeds texts of a pair's
length. The second searches among vectors drawn at random, whose number alone matters.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from syphus.export.neighbours import find_nearest, load_model

WIDTH = 384
PAIRS_A_QUERY = 5
TEXT = "What is number {} doing in the kitchen?\nThe person cuts bread near window {}, with tea."


def main() -> None:
    """Prints a line for the model and one for the search."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--texts", type=int, default=500)
    arguments.add_argument("--pairs", type=int, default=100_000)
    given = arguments.parse_args()
    if given.texts:
        embed = load_model()
        embed([TEXT])
        begin = time.perf_counter()
        embed([TEXT.format(number, number % 7) for number in range(given.texts)])
        print(f"model: {given.texts / (time.perf_counter() - begin):.0f} texts a second")
    draw = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        vectors = np.memmap(Path(folder) / "v", np.float16, "w+", shape=(given.pairs, WIDTH))
        for start in range(0, given.pairs, 10_000):
            some = draw.standard_normal((min(10_000, given.pairs - start), WIDTH), np.float32)
            vectors[start : start + 10_000] = some / np.linalg.norm(some, axis=1, keepdims=True)
        queries = np.arange(given.pairs, dtype=np.int32) // PAIRS_A_QUERY
        begin, spent = time.perf_counter(), time.process_time()
        find_nearest(vectors, queries)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, processor = time.perf_counter() - begin, time.process_time() - spent
    print(
        f"search: {given.pairs} pairs in {seconds:.0f} s, {processor:.0f} s of processor, "
        f"peak {peak:.0f} MiB"
    )


if __name__ == "__main__":
    main()
