"""The words of a pair as keys: pairs that share one may be near duplicates.

Near duplicates are pairs whose sets of three words in a row have a Jaccard similarity of 0.8 or
more. The rensa package makes a MinHash of 84 values, read as 14 bands of 6: two pairs with
similarity s share a band with probability 1 - (1 - s**6)**14, which is 98.6% at 0.8, 35% at 0.55
and 1% at 0.3. It was chosen by measurement, which `python benchmarks/quality.py` prints.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from importlib.util import find_spec
from typing import Final

from syphus.core.errors import SettingsError

SIMILAR: Final = 0.8
BANDS: Final = 14
_ROWS: Final = 6
_SEED: Final = 1
_WORDS_EACH: Final = 3
_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
_WORD: Final = re.compile(r"\w+")


def require_library() -> None:
    """Raises SettingsError where the library for near duplicates isn't installed."""
    if find_spec("rensa") is None:
        raise SettingsError(
            "--quality needs a package for near duplicates: pip install 'syphus-engine[quality]'"
        )


def read_words(question: str, answer: str) -> str:
    """The words of a pair in lower case, question and answer on a line each.

    Pairs whose words are the same are repeats of each other, whatever their signs and capitals.
    """
    return f"{' '.join(_WORD.findall(question.lower()))}\n{' '.join(_WORD.findall(answer.lower()))}"


def shingle(words: str) -> list[str]:
    """Every three words in a row; all words, where there are fewer."""
    each = words.split()
    if len(each) <= _WORDS_EACH:
        return [" ".join(each)]
    return [f"{a} {b} {c}" for a, b, c in zip(each, each[1:], each[2:], strict=False)]


def key_words(words: str) -> int:
    """The key of pairs with the same words."""
    digest = blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def key_bands(words: str) -> list[int]:
    """The keys of which near duplicates share one."""
    from rensa import RMinHash  # noqa: PLC0415 - an extra, and not for every command

    sketch = RMinHash(num_perm=BANDS * _ROWS, seed=_SEED)
    sketch.update(shingle(words))
    values = [iter(sketch.digest())] * _ROWS
    # The hash of a tuple of integers is the same in every process.
    return [
        (hash(band) * 31 + at) & _MASK for at, band in enumerate(zip(*values, strict=True), start=1)
    ]


def compare(one: str, other: str) -> float:
    """The Jaccard similarity of two pairs' words."""
    first, second = set(shingle(one)), set(shingle(other))
    both = len(first & second)
    return both / (len(first) + len(second) - both)
