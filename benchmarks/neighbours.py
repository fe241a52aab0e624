"""Seconds and peak memory of relations by nearest_text.

    python benchmarks/neighbours.py [--texts 500] [--kept 100000] [--pairs 100000]

Needs `pip install 'syphus-engine[neighbours]'` for the first line, which embeds texts of a pair's
length. The second finds vectors in a file that has them, as every later writing of the files does,
the third searches among them; these are drawn at random, since their number alone matters.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from syphus.export.minilm import MiniLM
from syphus.export.neighbours import find_nearest
from syphus.export.vectors import VECTORS, vector_file

if TYPE_CHECKING:
    import numpy.typing as npt

    from syphus.export.vectors import Model

PAIRS_A_QUERY = 5
TEXT = "What is number {} doing in the kitchen?\nThe person cuts bread near window {}, with tea."


class Drawn:
    """A model that takes no time."""

    identity = bytes(32)
    width = MiniLM.width

    def __init__(self) -> None:
        self._draw = np.random.default_rng(0)

    def embed(self, _: str) -> npt.NDArray[np.float32]:
        """A vector of length 1, of any direction."""
        vector = self._draw.standard_normal(self.width, np.float32)
        return vector / np.linalg.norm(vector)


class Timer:
    """Seconds since it was made, on the clock and of the processor."""

    def __init__(self) -> None:
        self._clock, self._processor = time.perf_counter(), time.process_time()

    def __str__(self) -> str:
        clock = time.perf_counter() - self._clock
        return f"{clock:.1f} s, {time.process_time() - self._processor:.1f} s of processor"


def peak() -> str:
    """The most memory so far."""
    return f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"


def find_all(path: Path, model: Model, texts: int) -> None:
    """Finds so many vectors, each of a text of its own, by the file at `path`."""
    with vector_file(path, model) as vectors:
        for number in range(texts):
            vectors.find(TEXT.format(number, number % 7))


def main() -> None:
    """Prints a line for the model, one for the kept vectors and one for the search."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--texts", type=int, default=500)
    arguments.add_argument("--kept", type=int, default=100_000)
    arguments.add_argument("--pairs", type=int, default=100_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.texts:
            model = MiniLM()
            model.embed(TEXT)
            timer = Timer()
            find_all(folder / "model", model, given.texts)
            print(f"model: {given.texts} texts in {timer}, {peak()}")
        if given.kept:
            path = folder / VECTORS
            find_all(path, Drawn(), given.kept)
            timer = Timer()
            find_all(path, Drawn(), given.kept)
            size = path.stat().st_size / 1e6
            print(f"kept: {given.kept} vectors, {size:.0f} MB, found in {timer}, {peak()}")
        if given.pairs:
            model_of_all = Drawn()
            shape = (given.pairs, model_of_all.width)
            vectors = np.memmap(folder / "all", np.float16, "w+", shape=shape)
            for row in range(given.pairs):
                vectors[row] = model_of_all.embed("")
            timer = Timer()
            find_nearest(vectors, np.arange(given.pairs, dtype=np.int32) // PAIRS_A_QUERY)
            print(f"search: {given.pairs} pairs in {timer}, {peak()}")


if __name__ == "__main__":
    main()
