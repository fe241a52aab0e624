"""The shape of a reply, said in the three ways that endpoints know.

The property names of a text are the language codes, and each pair of the request is a property of
its own: an array could be shorter than it should be and still be valid.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from syphus.core.identity import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syphus.translation.values import Chunk

FIELDS: Final = ("instruction", "answer")
# Azure takes schemas of at most 100 properties and five levels, OpenAI of more
# (https://learn.microsoft.com/azure/ai-services/openai/how-to/structured-outputs): a pair in seven
# languages has 17 properties.
MOST_PAIRS: Final = 5


def response_format(chunk: Chunk) -> bytes:
    """OpenAI's `response_format` for the reply to a chunk, strict, as canonical JSON.

    Chunks with as many pairs and the same languages get the same object: a provider compiles each
    schema that it has not seen, and caches prompts behind it.
    """
    return _schema_format(len(chunk.pairs), chunk.languages)


def describe_format(chunk: Chunk) -> str:
    """The shape of the reply to a chunk in words, for an endpoint that knows no response format."""
    shape = canonical_json(_nest(len(chunk.pairs), chunk.languages, leaf="...")).decode()
    return f"Reply with one JSON object of exactly this shape and nothing else: {shape}"


@cache
def _schema_format(pairs: int, languages: tuple[str, ...]) -> bytes:
    texts = _strict_object(languages, {"type": "string"})
    schema = _strict_object(_places(pairs), _strict_object(FIELDS, texts))
    return canonical_json(
        {
            "type": "json_schema",
            "json_schema": {"name": "translations", "strict": True, "schema": schema},
        }
    )


def _strict_object(names: Iterable[str], value: dict[str, Any]) -> dict[str, Any]:
    names = sorted(names)
    return {
        "type": "object",
        "properties": dict.fromkeys(names, value),
        "required": names,
        "additionalProperties": False,
    }


def _nest(pairs: int, languages: Iterable[str], *, leaf: str) -> dict[str, Any]:
    texts = dict.fromkeys(languages, leaf)
    return {place: dict.fromkeys(FIELDS, texts) for place in _places(pairs)}


def _places(pairs: int) -> list[str]:
    return [str(place) for place in range(1, pairs + 1)]
