"""Repairs JSON that is nearly JSON, by the json_repair package, within bounds of time.

json_repair takes up to 1.6 microseconds for each character times each opening bracket, and 0.06
times each closing one (measured on strings that never close), so the products are bounded: half a
second at the very worst.
"""

from __future__ import annotations

import re
from typing import Any, Final

LONGEST: Final = 24_576
_OPENING_WORK: Final = 250_000
_CLOSING_WORK: Final = 4_000_000
_MOST_QUOTES: Final = 2_000
_OPENING: Final = re.compile(r"[\[{(]")
_CLOSING: Final = re.compile(r"[\]})]")
_QUOTES: Final = re.compile(r"[\"'“”`]")


class TooMuchToRepair(ValueError):
    """The text is longer or more tangled than may be worth the time."""


class BeyondRepair(ValueError):
    """json_repair stumbled over the text."""


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
