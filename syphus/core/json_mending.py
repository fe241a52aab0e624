"""Mends JSON: closes what was cut off, and repairs what is nearly JSON, within bounds of time.

Repairing is the json_repair package's work. It takes up to 1.6 microseconds for each character
times each opening bracket, and 0.06 times each closing one (measured on strings that never close),
so the products are bounded: half a second at the very worst.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, NamedTuple

LONGEST: Final = 24_576
_OPENING_WORK: Final = 250_000
_CLOSING_WORK: Final = 4_000_000
_MOST_QUOTES: Final = 2_000
_OPENING: Final = re.compile(r"[\[{(]")
_CLOSING: Final = re.compile(r"[\]})]")
_QUOTES: Final = re.compile(r"[\"'“”`]")
# A cut may go through an escape, which leaves a lone backslash.
STRING: Final = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_STRUCTURE: Final = re.compile(rf"{STRING}|[\[\]{{}},]", re.DOTALL)
_CLOSERS: Final = {"[": "]", "{": "}"}
_DEEPEST: Final = 64
_GAP: Final = " \t\r\n,"


class TooMuchToRepair(ValueError):
    """The text is longer or more tangled than may be worth the time."""


class BeyondRepair(ValueError):
    """json_repair stumbled over the text."""


class Closed(NamedTuple):
    """What is whole of a JSON text, with its brackets closed, and what follows behind commas.

    `state`: the text closes by itself, it was cut off, or its brackets are tangled (they don't
    match, or are nested over 64 deep), which no cut explains. `whole` is empty where nothing is.
    """

    whole: str
    rest: str
    state: Literal["closed", "cut", "tangled"]


def close_cut(text: str, *, keeps_members: bool = False) -> Closed:
    """Close the brackets that a cut left open in `text`, which begins with one.

    What is whole ends behind the last inner object that closed; where none did, before the last
    comma. With `keeps_members` the whole members of an object that didn't close count, too. Never
    kept is a value that the cut may have gone through.
    """
    stack: list[str] = []
    end = 0
    open_at_end: list[str] = []
    has_object = False
    state: Literal["cut", "tangled"] = "cut"
    for match in _STRUCTURE.finditer(text):
        mark = match.group()
        if mark in _CLOSERS:
            stack.append(_CLOSERS[mark])
        elif mark in {"]", "}"}:
            if not stack or stack.pop() != mark:
                state = "tangled"
                break
            if not stack:
                return Closed(text[: match.end()], text[match.end() :].strip(_GAP), "closed")
            if mark == "}" or keeps_members:
                end, open_at_end, has_object = match.end(), stack.copy(), True
        elif mark == "," and (keeps_members or not has_object):
            end, open_at_end = match.start(), stack.copy()
        if len(stack) > _DEEPEST:
            state = "tangled"
            break
    return Closed(text[:end] + "".join(reversed(open_at_end)), text[end:].strip(_GAP), state)


def repair(text: str) -> Any:
    """The value that `text` was meant to be. A guess: what a caller needs, it must check.

    Raises TooMuchToRepair or BeyondRepair.
    """
    size = len(text)
    if (
        size > LONGEST
        or size * len(_OPENING.findall(text)) > _OPENING_WORK
        or size * len(_CLOSING.findall(text)) > _CLOSING_WORK
        or len(_QUOTES.findall(text)) > _MOST_QUOTES
    ):
        raise TooMuchToRepair
    from json_repair import repair_json  # noqa: PLC0415 - slow to import, seldom needed

    try:
        return repair_json(text, return_objects=True, skip_json_loads=True)
    except Exception as error:
        raise BeyondRepair(type(error).__name__) from error
