"""Values that fit a simple JSON schema, as structured output would give them.

Known: type, properties, items, minItems, maxItems, enum, const, minimum, maximum, their exclusive
forms, minLength, maxLength, anyOf, oneOf, allOf and $ref within the schema. Every property is
filled in, as strict structured output does. Patterns and formats are not looked at.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syphus.testing.dice import Dice

_DEEPEST = 8
_DEEPEST_LISTS = 4  # below, a list has one item, lest recursive schemas explode
_MOST_REFERENCES = 12
_DEFAULT_SPAN = 100


def fill(schema: dict[str, Any], dice: Dice, words: list[str], *, most_items: int = 3) -> Any:
    """A value that fits `schema`, its texts drawn from `words`."""
    return _Filler(schema, dice, words, most_items).value(schema, 0)


class _Filler:
    def __init__(self, root: dict[str, Any], dice: Dice, words: list[str], most_items: int) -> None:
        self._root = root
        self._dice = dice
        self._words = words
        self._most_items = most_items
        self._texts = 0

    def value(self, schema: dict[str, Any], depth: int) -> Any:
        schema = self._resolve(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][self._dice.below(len(schema["enum"]))]
        kind = _type(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        return self._scalar(kind, schema)

    def _scalar(self, kind: str, schema: dict[str, Any]) -> Any:
        match kind:
            case "integer":
                return self._integer(schema)
            case "number":
                return self._number(schema)
            case "boolean":
                return self._dice.below(2) == 1
            case "null":
                return None
            case _:
                return self._text(schema)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties: dict[str, Any] = schema.get("properties", {})
        required = list(schema.get("required", ()))
        optional = [] if depth > _DEEPEST else list(properties)
        return {
            name: self.value(properties.get(name, {}), depth + 1)
            for name in dict.fromkeys([*optional, *required])
        }

    def _resolve(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        for _ in range(_MOST_REFERENCES):
            if "$ref" in schema:
                target: Any = self._root
                for name in schema["$ref"].split("/")[1:]:
                    target = target[name.replace("~1", "/").replace("~0", "~")]
                schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
            elif "allOf" in schema:
                merged = {key: value for key, value in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    merged = {**self._resolve(part, depth), **merged}
                schema = merged
            elif options := schema.get("anyOf") or schema.get("oneOf"):
                kinds = [self._resolve(option, depth) for option in options]
                nulls = [kind for kind in kinds if _type(kind) == "null"]
                others = [kind for kind in kinds if _type(kind) != "null"]
                return (nulls or others)[0] if depth > _DEEPEST else (others or nulls)[0]
            else:
                break
        return schema

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        wanted = self._most_items if depth <= _DEEPEST_LISTS else int(depth <= _DEEPEST)
        count = max(least, min(schema.get("maxItems", wanted), wanted))
        return [self.value(schema.get("items", {}), depth + 1) for _ in range(count)]

    def _integer(self, schema: dict[str, Any]) -> int:
        low, high = _bounds(schema)
        least = math.floor(low) + 1 if "exclusiveMinimum" in schema else math.ceil(low)
        most = math.ceil(high) - 1 if "exclusiveMaximum" in schema else math.floor(high)
        return least + self._dice.below(max(1, most - least + 1))

    def _number(self, schema: dict[str, Any]) -> float:
        low, high = _bounds(schema)
        return low + (high - low) * (1 + self._dice.below(99)) / 100

    def _text(self, schema: dict[str, Any]) -> str:
        self._texts += 1
        start = self._dice.below(len(self._words))
        phrase = " ".join(self._words[start : start + 4 + self._dice.below(6)])
        text = f"{phrase}, {self._texts}."
        least = schema.get("minLength", 0)
        while len(text) < least:
            text += f" {phrase}."
        return text[: schema.get("maxLength", len(text))]


def _type(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _bounds(schema: dict[str, Any]) -> tuple[float, float]:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        low = 0 if high is None or high > 0 else high - _DEFAULT_SPAN
    if high is None:
        high = low + _DEFAULT_SPAN
    return low, high
