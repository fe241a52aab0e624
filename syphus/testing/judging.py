"""What a server that was given no answers says to a request for judgements.

Mostly good marks, some low ones, drawn from the pair alone: the same pair gets the same marks in
whatever company it is judged.
"""

from __future__ import annotations

from typing import Any

import orjson

from syphus.testing.dice import Dice
from syphus.testing.translating import read_request

_CRITERIA = ("relevance", "grounding", "clarity")
# Of sixteen pairs one gets each of the low marks in a criterion.
_MARKS = (5, 5, 5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 3, 3, 2, 1)


def read_judge_request(text: str) -> dict[str, Any] | None:
    """The request that a user message holds, or None where it asks for no judgement."""
    return read_request(text, {"task", "annotation", "pairs"})


def draw_judgement(request: dict[str, Any]) -> str:
    """The reply to a request: three marks for every pair, as JSON."""
    return orjson.dumps(
        {place: draw_marks(pair) for place, pair in request["pairs"].items()}
    ).decode()


def draw_marks(pair: dict[str, str]) -> dict[str, int]:
    """The marks of a pair by criterion."""
    dice = Dice("judge", pair["question"], pair["answer"])
    return {name: _MARKS[dice.below(len(_MARKS))] for name in _CRITERIA}
