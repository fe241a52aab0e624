"""Asks for JSON of a given shape."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pydantic import BaseModel

_BOUNDS = frozenset({"maxLength", "pattern", "format", "enum", "const"})
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_-]")


def response_format(model: type[BaseModel], *, longest: int | None = None) -> bytes:
    """OpenAI's `response_format` for replies of the shape of `model`, as JSON.

    Properties keep the model's order, because a model writes them in that order: a question that
    is written after its answer is a worse one. Strict mode wants every property required and no
    others allowed, in every object.

    `longest` bounds every text of which `model` says nothing itself, in characters. It is for
    models that are held to a grammar; OpenAI's guide lists no such bound for strict mode.
    """
    schema = _strict(_inlined(model.model_json_schema()))
    if longest is not None:
        schema = _bounded(schema, longest)
    return orjson.dumps(
        {
            "type": "json_schema",
            "json_schema": {
                "name": _NOT_A_NAME.sub("_", model.__name__)[:64],
                "schema": schema,
                "strict": True,
            },
        }
    )


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a recursive model, whose root is only a reference to one of its parts."""
    if "$ref" not in schema:
        return schema
    part = schema["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return {**part, "$defs": schema["$defs"]}


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        return {"$ref": schema["$ref"]}  # strict mode allows nothing beside a reference
    strict = {name: _strict(part) for name, part in schema.items() if name != "default"}
    if isinstance(schema.get("properties"), dict):
        strict["properties"] = {n: _strict(part) for n, part in schema["properties"].items()}
        strict["required"] = list(schema["properties"])
        strict["additionalProperties"] = False
    return strict


def _bounded(schema: Any, longest: int) -> Any:
    if isinstance(schema, list):
        return [_bounded(part, longest) for part in schema]
    if not isinstance(schema, dict):
        return schema
    bounded = {name: _bounded(part, longest) for name, part in schema.items()}
    if schema.get("type") == "string" and not schema.keys() & _BOUNDS:
        bounded["maxLength"] = longest
    return bounded
