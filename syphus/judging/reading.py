"""The text of a reply -> scores, and a reason for each pair that has none. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from syphus.judging.values import CRITERIA, HIGHEST, LOWEST, Judgement, Scores

NO_CONTENT: Final = "the reply has no content"
REFUSED: Final = "the model refused"
CUT_OFF: Final = "the reply was cut off"
NO_JSON: Final = "the reply is not JSON"
NO_PAIR: Final = "the pair is missing"

_MOST_STARTS: Final = 16
_LONGEST_SHOWN: Final = 40
_MARKS: Final = {str(mark): mark for mark in range(LOWEST, HIGHEST + 1)}
_decode = json.JSONDecoder(strict=False).raw_decode


def read_judgement(
    text: str | None, *, pairs: int, finish_reason: str = "stop", refusal: str | None = None
) -> Judgement:
    """Reads the judgement of so many pairs.

    Takes any text and never raises. Words and fences around the JSON are passed over; of several
    objects the one that gives most is read, the last of equals. A pair counts as judged if each of
    its marks is there and is a whole number from 1 to 5.
    """
    values, is_broken = _objects(text or "")
    found = [_read(value, pairs) for value in values]
    if is_broken:
        # What stands inside of it isn't what was asked for.
        found = [judgement for judgement in found if judgement.given]
    if not found:
        reason = NO_JSON
        if refusal:
            reason = REFUSED
        elif finish_reason == "length":
            reason = CUT_OFF
        elif not (text or "").strip():
            reason = NO_CONTENT
        return Judgement(missing=dict.fromkeys(range(1, pairs + 1), reason))
    found.reverse()
    return max(found, key=lambda judgement: len(judgement.given))


def _objects(text: str) -> tuple[list[dict[str, Any]], bool]:
    """The whole JSON objects in a text, and whether one begins there that isn't whole."""
    values: list[dict[str, Any]] = []
    position, is_broken = 0, False
    for _ in range(_MOST_STARTS):
        start = text.find("{", position)
        if start < 0:
            break
        try:
            value, position = _decode(text, start)
            values.append(value)
        except (ValueError, RecursionError):
            position, is_broken = start + 1, True
    return values, is_broken


def _read(value: dict[str, Any], pairs: int) -> Judgement:
    names = [str(place) for place in range(1, pairs + 1)]
    if not value.keys() & set(names):
        # They may stand in an object of their own, as the pairs do in the request.
        inner = (each for each in value.values() if isinstance(each, dict))
        value = next((each for each in inner if each.keys() & set(names)), value)
    given: dict[int, Scores] = {}
    missing: dict[int, str] = {}
    for place, name in enumerate(names, start=1):
        marks, reason = _marks(value.get(name))
        if reason is None:
            given[place] = Scores(**marks)
        else:
            missing[place] = reason
    return Judgement(given=given, missing=missing)


def _marks(scores: Any) -> tuple[dict[str, int], str | None]:
    """The marks of one pair, or why they can't be used."""
    if not isinstance(scores, dict):
        return {}, NO_PAIR
    marks: dict[str, int] = {}
    for name in CRITERIA:
        if name not in scores:
            return {}, f"{name} is missing"
        mark = _mark(scores[name])
        if mark is None:
            return (
                {},
                f"{name} is {_show(scores[name])}, no whole number from {LOWEST} to {HIGHEST}",
            )
        marks[name] = mark
    return marks, None


def _mark(value: Any) -> int | None:
    """A mark, also one that is written as a text or with a point; None for all else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return _MARKS.get(value.strip() if isinstance(value, str) else str(value))


def _show(value: Any) -> str:
    return str(value)[:_LONGEST_SHOWN] if isinstance(value, str | int | float) else "something else"
