"""Which pairs of a query are judged together.

Every request pays for prefix and annotation, so there are as few as the bounds allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syphus.judging.shape import MOST_PAIRS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from syphus.core.records import QuestionAnswer

# Those of the example's scores in o200k_base, with names and brackets: 17.3 a pair.
TOKENS_A_PAIR: Final = 18
MOST_TOKENS: Final = 4096
# An estimate may fill so much of what the endpoint allows; models that think need more.
_FILLED: Final = 0.75


def divide_pairs(
    pairs: Iterable[tuple[int, QuestionAnswer]],
    *,
    count_tokens: Callable[[str], int],
    max_tokens: int | None = None,
) -> list[tuple[int, ...]]:
    """The numbers of the pairs of each request, in their order.

    The pairs of a request have at most `MOST_TOKENS` tokens, and their judgement takes at most
    three quarters of `max_tokens`, where the endpoint cuts it off. A longer pair travels alone.
    """
    most = MOST_PAIRS
    if max_tokens is not None:
        most = max(1, min(most, int(max_tokens * _FILLED) // TOKENS_A_PAIR))
    divided: list[tuple[int, ...]] = []
    together: tuple[int, ...] = ()
    used = 0
    for number, pair in pairs:
        size = count_tokens(pair.question) + count_tokens(pair.answer)
        if together and (len(together) == most or used + size > MOST_TOKENS):
            divided.append(together)
            together, used = (), 0
        together += (number,)
        used += size
    return [*divided, together] if together else divided
