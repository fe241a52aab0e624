"""JSON objects in the text of a reply: fenced, announced, cut off or slightly broken.

Decoded objects are tuples of (key, value), since a model may write a key twice; repaired ones are
dicts. Numbers, which no translation is, become None.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from syphus.core.json_mending import BeyondRepair, TooMuchToRepair, close_cut, repair

_START: Final = re.compile(r"\{(?=\s*+[\"'“\d])")
# The last text of the last pair, closed, and the three brackets behind it.
_COMPLETE: Final = re.compile(r"((?<!\\)[\"'”][\s,]*+(?:\}[\s,]*+){3})(?:```\s*+)?\Z")
_MOST_STARTS: Final = 16

_decode = json.JSONDecoder(
    strict=False,
    parse_int=lambda _: None,
    parse_float=lambda _: None,
    parse_constant=lambda _: None,
    object_pairs_hook=tuple,
).raw_decode


class Mended(NamedTuple):
    """An object that had to be mended, None where it couldn't be."""

    value: Any
    is_cut: bool


def decode_objects(text: str) -> tuple[list[Any], list[int]]:
    """The whole objects in a text, and the places where one begins that isn't whole."""
    values: list[Any] = []
    broken: list[int] = []
    position = 0
    for _ in range(_MOST_STARTS):
        start = _START.search(text, position)
        if start is None:
            break
        try:
            value, position = _decode(text, start.start())
            values.append(value)
        except (ValueError, RecursionError):
            broken.append(start.start())
            position = start.end()
    return values, broken


def mend_object(text: str) -> Mended:
    """The object that `text` begins with and that isn't whole JSON.

    Of one that was cut off, what closed before the cut is kept, never the text that the cut went
    through. Any other is repaired, within bounds of size.
    """
    complete = _COMPLETE.search(text)
    if complete is not None:
        return Mended(_repair(text[: complete.end(1)]), is_cut=False)
    closed = close_cut(text, keeps_members=True)
    if closed.state == "closed":
        return Mended(_repair(closed.whole), is_cut=False)
    try:
        return Mended(_decode(closed.whole)[0], is_cut=True)
    except (ValueError, RecursionError):
        return Mended(None, is_cut=True)


def _repair(text: str) -> Any:
    try:
        return repair(text)
    except (TooMuchToRepair, BeyondRepair):
        return None
