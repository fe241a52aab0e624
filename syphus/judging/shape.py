"""The shape of a judgement, as a schema and in words.

Each pair of the request is a property of its own: an array could be shorter than it should be and
still be valid.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import orjson

from syphus.judging.values import CRITERIA, HIGHEST, LOWEST

# Azure takes schemas of at most 100 properties
# (https://learn.microsoft.com/azure/ai-services/openai/how-to/structured-outputs): a pair has four.
MOST_PAIRS: Final = 20
_MARKS: Final = list(range(LOWEST, HIGHEST + 1))


@cache
def response_format(pairs: int) -> bytes:
    """OpenAI's `response_format` for the judgement of so many pairs, strict, as JSON.

    Properties keep their order, in which a model writes them.
    """
    mark = {"type": "integer", "enum": _MARKS}
    scores = _strict_object(dict.fromkeys(CRITERIA, mark))
    schema = _strict_object({str(place): scores for place in range(1, pairs + 1)})
    return orjson.dumps(
        {
            "type": "json_schema",
            "json_schema": {"name": "judgement", "strict": True, "schema": schema},
        }
    )


def describe_format(pairs: int) -> str:
    """The same in words, for an endpoint that knows no response format."""
    shape = {str(place): dict.fromkeys(CRITERIA, 0) for place in range(1, pairs + 1)}
    return (
        "Reply with one JSON object of exactly this shape and nothing else, each 0 replaced by a "
        f"mark from {LOWEST} to {HIGHEST}: {orjson.dumps(shape).decode()}"
    )


def _strict_object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
