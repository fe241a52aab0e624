"""Which pairs travel together, and in which languages.

Every request pays for the shared prefix, so the pairs of a query go into as few requests as the
bound on the completion allows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from syphus.translation.shape import MOST_PAIRS
from syphus.translation.values import Chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from syphus.translation.values import SourcePair

# Tokens of o200k_base in a translation for each token of the English source, over the message
# catalogues of Django 5.2.19: `python benchmarks/translation_tokens.py --ratios django`.
TOKEN_RATIOS: Final = {
    "ar": 1.27,
    "de": 1.22,
    "es": 1.19,
    "fr": 1.36,
    "ja": 1.46,
    "ko": 1.30,
    "zh": 1.03,
}
_UNKNOWN_RATIO: Final = 1.5
MOST_TOKENS: Final = 1536
# An estimate may fill so much of what the endpoint allows: texts differ from the average.
_FILLED: Final = 0.75
# Names, quotes and brackets around one text; measured on the example: 79 tokens for 28 texts.
_TOKENS_AROUND_TEXT: Final = 3


def estimate_completion(
    pair: SourcePair, languages: Iterable[str], count_tokens: Callable[[str], int]
) -> int:
    """The tokens that a pair's translations and the JSON around them will take."""
    source = count_tokens(pair.instruction) + count_tokens(pair.answer)
    return _size(source, languages)


def _size(source: int, languages: Iterable[str]) -> int:
    return sum(
        math.ceil(source * TOKEN_RATIOS.get(code, _UNKNOWN_RATIO)) + 2 * _TOKENS_AROUND_TEXT
        for code in languages
    )


def chunk_pairs(
    pairs: Iterable[SourcePair],
    *,
    languages: Collection[str],
    count_tokens: Callable[[str], int],
    most_tokens: int = MOST_TOKENS,
    max_tokens: int | None = None,
) -> list[Chunk]:
    """Divides the pairs of one query, in their order, over requests.

    A request's completion is estimated to stay within `most_tokens`, and it has at most
    `MOST_PAIRS` pairs. A pair that is larger than that travels alone. If it takes more than three
    quarters of `max_tokens`, where the endpoint cuts a completion off, its languages are divided
    too.
    """
    codes = tuple(sorted(set(languages)))
    if not codes:
        return []
    room = math.inf if max_tokens is None else max_tokens * _FILLED
    bound = min(most_tokens, room)
    chunks: list[Chunk] = []
    together: list[SourcePair] = []
    used = 0
    for pair in pairs:
        size = estimate_completion(pair, codes, count_tokens)
        if together and (used + size > bound or len(together) == MOST_PAIRS):
            chunks.append(Chunk(pairs=tuple(together), languages=codes))
            together, used = [], 0
        if size > room:
            source = count_tokens(pair.instruction) + count_tokens(pair.answer)
            chunks += [
                Chunk(pairs=(pair,), languages=part) for part in _divide(codes, source, room)
            ]
        else:
            together.append(pair)
            used += size
    if together:
        chunks.append(Chunk(pairs=tuple(together), languages=codes))
    return chunks


def _divide(languages: Sequence[str], source: int, room: float) -> list[tuple[str, ...]]:
    parts: list[tuple[str, ...]] = [()]
    for code in languages:
        if parts[-1] and _size(source, (*parts[-1], code)) > room:
            parts.append(())
        parts[-1] += (code,)
    return parts


def chunk_missing(
    pairs: Iterable[SourcePair],
    missing: Collection[tuple[int, str]],
    *,
    count_tokens: Callable[[str], int],
    most_tokens: int = MOST_TOKENS,
    max_tokens: int | None = None,
) -> list[Chunk]:
    """Divides what is still missing, by pair number and language, over requests.

    Pairs that miss the same languages travel together, so that nothing else is asked for again.
    """
    groups: dict[tuple[str, ...], list[SourcePair]] = {}
    for pair in pairs:
        codes = tuple(sorted({code for number, code in missing if number == pair.number}))
        groups.setdefault(codes, []).append(pair)
    return [
        chunk
        for codes, group in groups.items()
        for chunk in chunk_pairs(
            group,
            languages=codes,
            count_tokens=count_tokens,
            most_tokens=most_tokens,
            max_tokens=max_tokens,
        )
    ]
