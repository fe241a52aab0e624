"""Pairs of other queries that say nearly the same, by a small language model.

The vectors, kept by `syphus.export.vectors`, pass through a file without a name in the order of the
pairs, 768 bytes each; the search is exact and goes through them in blocks. In memory are 44 bytes a
pair and what finding a kept vector takes.
"""

from __future__ import annotations

import tempfile
from array import array
from typing import TYPE_CHECKING, Final, TypeAlias

from syphus.core.durable import named
from syphus.export.minilm import MiniLM
from syphus.export.numbering import number_pairs
from syphus.export.vectors import VECTORS, vector_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from syphus.export.numbering import QueryFacts
    from syphus.export.vectors import Model

    Vectors: TypeAlias = npt.NDArray[np.float16]
    Numbers: TypeAlias = npt.NDArray[np.int32]
    Products: TypeAlias = npt.NDArray[np.float32]
    Mask: TypeAlias = npt.NDArray[np.bool_]

# Ten pairs of some 60 tokens are what fits before a pair in a trainer's 1,024 tokens.
MOST_NEAREST: Final = 10
_ROWS: Final = 1024
_COLUMNS: Final = 8192
_NOBODY: Final = -1


class NearestText:
    """Relates each pair to those of other queries whose texts are nearest, nearest first."""

    def __init__(self, found: Numbers) -> None:
        self._found = found

    def related(self, facts: QueryFacts, numbers: range) -> Iterable[Sequence[int]]:
        """Up to `MOST_NEAREST` numbers for each of the query's pairs."""
        del facts
        for row in self._found[numbers.start - 1 : numbers.stop - 1]:
            yield [int(at) + 1 for at in row if at != _NOBODY]


def nearest_text(
    valid: Path, facts: Callable[[], Iterable[QueryFacts]], model: Model | None = None
) -> NearestText:
    """Embeds question and answer of every pair in `valid` and finds the nearest of each.

    What `vectors.bin` beside `valid` holds isn't embedded again.
    """
    import numpy as np  # noqa: PLC0415 - an extra

    model = model or MiniLM()
    queries = array("i")
    with tempfile.TemporaryFile(dir=valid.parent) as file:
        try:
            with vector_file(valid.with_name(VECTORS), model) as kept:
                for text in _texts(valid, facts, queries):
                    file.write(kept.find(text))
            file.flush()
        except OSError as error:
            raise named(error, valid.parent) from error
        if not queries:
            return NearestText(np.empty((0, MOST_NEAREST), np.int32))
        vectors = np.memmap(file, np.float16, "r", shape=(len(queries), model.width))
        return NearestText(find_nearest(vectors, np.array(queries, np.int32)))


def _texts(
    valid: Path, facts: Callable[[], Iterable[QueryFacts]], queries: array[int]
) -> Iterator[str]:
    """The text of each pair; `queries` gets the number of its query."""
    for number, group in enumerate(number_pairs(valid, facts())):
        for pair in group.pairs:
            queries.append(number)
            yield f"{pair.question}\n{pair.answer}"


def find_nearest(vectors: Vectors, queries: Numbers) -> Numbers:
    """For each row the rows of other queries with the highest products, highest first.

    Exact; of equal products the earlier row goes first. Ends with -1 where there are fewer.
    `queries` ascend.
    """
    import numpy as np  # noqa: PLC0415 - an extra

    found = np.full((len(vectors), MOST_NEAREST), _NOBODY, np.int32)
    for start in range(0, len(vectors), _ROWS):
        rows = slice(start, start + _ROWS)
        own = vectors[rows].astype(np.float32)
        best = np.full((len(own), MOST_NEAREST), -np.inf, np.float32)
        for first in range(0, len(vectors), _COLUMNS):
            columns = slice(first, first + _COLUMNS)
            block = own @ vectors[columns].astype(np.float32).T
            _leave_out(block, queries[rows], queries[columns])
            above = _highest(block) if first == 0 else block > best[:, -1:]
            best, found[rows] = _merged(best, found[rows], block, above, first)
    return found


def _leave_out(block: Products, rows: Numbers, columns: Numbers) -> None:
    """Takes products of pairs of one query out."""
    if rows[0] <= columns[-1] and columns[0] <= rows[-1]:
        block[rows[:, None] == columns[None]] = float("-inf")


def _highest(block: Products) -> Mask:
    """Where the highest of each row are; of equal ones the earliest."""
    import numpy as np  # noqa: PLC0415 - an extra

    if block.shape[1] <= MOST_NEAREST:
        return ~np.isneginf(block)
    least = np.partition(block, -MOST_NEAREST, axis=1)[:, -MOST_NEAREST, None]
    above, equal = block > least, block == least
    free = MOST_NEAREST - above.sum(1, keepdims=True)
    highest: Mask = above | equal & (equal.cumsum(1, np.int32) <= free)
    return highest & ~np.isneginf(block)


def _merged(
    best: Products, found: Numbers, block: Products, above: Mask, first: int
) -> tuple[Products, Numbers]:
    """`best` and `found` with the products of the block, which begins at column `first`."""
    import numpy as np  # noqa: PLC0415 - an extra

    rows, columns = np.nonzero(above)
    if not len(rows):
        return best, found
    products = np.concatenate((best.ravel(), block[rows, columns]))
    names = np.concatenate((found.ravel(), (columns + first).astype(np.int32)))
    places = np.concatenate((np.arange(len(best)).repeat(MOST_NEAREST), rows))
    # Stable: what was found before stands first, and the block's columns ascend.
    order = np.lexsort((-products, places))
    begins = np.searchsorted(places[order], np.arange(len(best)))
    kept = order[begins[:, None] + np.arange(MOST_NEAREST)]
    return products[kept], names[kept]
