"""JSON as models write it: fenced, announced, several in a row, cut off or slightly broken.

Decoded data is made of tuples of (key, value) for objects, since a model may write a key twice;
lists; str, also for numbers, digit for digit; True and False; and None for null and NaN.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from syphus.core.json_mending import STRING, BeyondRepair, TooMuchToRepair, close_cut, repair
from syphus.replies import reasons

_START: Final = re.compile(r"[\[{](?=\s*+[\[{\"'“\]}])|\{(?=\s*+\w{1,40}+\s*+:)")
_LINE_START: Final = re.compile(rf"\n[ \t]*+(?={_START.pattern})")
_LEADING: Final = re.compile(r"\s*+(?:```\w*+\s*+)?+")
_GAP: Final = re.compile(r"[\s,;]*+(?:```\w*+\s*+)*+")
_TRAILING_COMMA: Final = re.compile(rf"({STRING})|,(?=\s*+[}}\]])", re.DOTALL)
_WORD: Final = re.compile(r"\w")

_decode = json.JSONDecoder(
    strict=False,
    parse_int=str,
    parse_float=str,
    parse_constant=lambda _: None,
    object_pairs_hook=tuple,
).raw_decode


class Decoded(NamedTuple):
    """What was read, what was not (`rest`), and why not.

    `is_guess`: repair had to guess where strings end.
    """

    values: list[Any]
    rest: str = ""
    reason: str | None = None
    is_guess: bool = False


def begins_with_json(text: str) -> int:
    """Return where the JSON begins, if nothing but a fence stands before it, else -1."""
    leading = _LEADING.match(text)
    position = leading.end() if leading else 0
    return position if _START.match(text, position) else -1


def find_json(text: str) -> int:
    """Return where JSON may begin, at the start of a line if there is such a place, or -1."""
    match = _LINE_START.search(text)
    if match:
        return match.end()
    match = _START.search(text)
    return match.start() if match else -1


def decode_json(text: str, *, truncated: bool) -> Decoded:
    """Decode the JSON values that stand one after the other from the start of `text`.

    Of a truncated reply only what closed before the cut is read. Broken JSON is repaired, within
    bounds of size. Never raises.
    """
    values, rest, reason = _decode_run(text)
    if reason == reasons.BROKEN:
        more, rest, reason = _decode_run(_TRAILING_COMMA.sub(r"\1", rest))
        values += more
    if reason != reasons.BROKEN:
        return Decoded(values, rest, reason)
    if truncated:
        closed = close_cut(rest)
        if closed.state == "cut":
            more, _, reason = _decode_run(closed.whole) if closed.whole else ([], "", None)
            if reason is None:
                return Decoded(values + more, closed.rest, reasons.CUT_OFF)
    repaired = _repair(rest)
    return repaired._replace(values=values + repaired.values)


def _decode_run(text: str) -> tuple[list[Any], str, str | None]:
    """Return the values, the text behind them, and what that is: broken, or a remark.

    Words that announce the next value are dropped, as those before the first are.
    """
    values: list[Any] = []
    position = behind = 0
    while True:
        try:
            value, position = _decode(text, position)
        except RecursionError:
            return values, text[position:], reasons.TOO_DEEP
        except ValueError:
            if behind == position:
                return values, text[position:], reasons.BROKEN
            break
        values.append(value)
        gap = _GAP.match(text, position)
        position = behind = gap.end() if gap else position
        if _START.match(text, position) is None:
            announced = _LINE_START.search(text, position)
            if announced is None:
                break
            position = announced.end()
    rest = trim_remark(text[behind:])
    return values, rest, reasons.REMARK if rest else None


def trim_remark(text: str) -> str:
    """Return the words behind the data, without fences; nothing where there are no words."""
    return text.strip("` \t\r\n") if _WORD.search(text) else ""


def _repair(text: str) -> Decoded:
    try:
        # As items of a list, values in a row are all kept; json_repair alone keeps the last.
        value = repair(f"[{text}]")
    except TooMuchToRepair:
        return Decoded([], text, reasons.TOO_LONG)
    except BeyondRepair:
        return Decoded([], text, reasons.BROKEN)
    rest = ""
    if isinstance(value, list) and any(isinstance(item, str) for item in value):
        rest = trim_remark(text[max(text.rfind("}"), text.rfind("]")) + 1 :])
    return Decoded([value], rest, reasons.REMARK if rest else None, is_guess=True)
