"""JSON as servers send it."""

from __future__ import annotations

import json
from typing import Any

import orjson

_LONGEST_INTEGER = 4_000


def parse_json(raw: bytes) -> Any:
    """The value of `raw`.

    What orjson refuses and the standard library accepts is accepted: lone surrogate escapes, NaN,
    a byte order mark. An integer of over 4,000 digits becomes infinity.

    Raises ValueError for everything else, nesting without end included.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(raw, parse_int=_integer)
    except RecursionError as exc:
        raise ValueError("JSON nested too deep") from exc


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float("inf")
