from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from syphus.core.identity import canonical_json
from syphus.translation.chunks import chunk_missing
from syphus.translation.shape import MOST_PAIRS, describe_format, response_format
from syphus.translation.values import Chunk, SourcePair

CODES = ("ar", "de", "es", "fr", "ja", "ko", "zh")


def make_chunk(pairs: int, languages: tuple[str, ...], *, first: int = 1) -> Chunk:
    """A chunk of that size, its pairs numbered from `first`."""
    return Chunk(
        pairs=tuple(
            SourcePair(number=first + place, instruction=f"i{first}", answer=f"a{first}")
            for place in range(pairs)
        ),
        languages=languages,
    )


def schema_of(chunk: Chunk) -> dict[str, Any]:
    """The JSON schema that a chunk's reply is asked by."""
    schema: dict[str, Any] = json.loads(response_format(chunk))["json_schema"]["schema"]
    return schema


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether `value` is valid by the words that strict schemas are made of."""
    if schema["type"] == "string":
        return isinstance(value, str)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    return (
        isinstance(value, dict)
        and set(schema["required"]) <= value.keys() <= schema["properties"].keys()
        and all(fits(part, schema["properties"][name]) for name, part in value.items())
    )


def make_reply(pairs: int, languages: tuple[str, ...]) -> dict[str, Any]:
    """A reply that has everything."""
    return {
        str(place): {name: dict.fromkeys(languages, "x") for name in ("instruction", "answer")}
        for place in range(1, pairs + 1)
    }


@pytest.mark.parametrize("pairs", range(1, MOST_PAIRS + 1))
@pytest.mark.parametrize("languages", [CODES, ("ja", "zh"), ("ar",)])
def test_a_whole_reply_is_valid(pairs: int, languages: tuple[str, ...]) -> None:
    """What was asked for fits; with a property more it doesn't."""
    schema = schema_of(make_chunk(pairs, languages))
    reply = make_reply(pairs, languages)
    assert fits(reply, schema)
    assert not fits({**reply, "note": "x"}, schema)


def test_nothing_can_be_missing() -> None:
    """A reply without a pair, an instruction, an answer or a language is not valid."""
    schema = schema_of(make_chunk(3, CODES))
    reply = make_reply(3, CODES)
    for place in reply:
        without = {other: pair for other, pair in reply.items() if other != place}
        assert not fits(without, schema)
        for name in ("instruction", "answer"):
            without = copy.deepcopy(reply)
            del without[place][name]
            assert not fits(without, schema)
            for code in CODES:
                without = copy.deepcopy(reply)
                del without[place][name][code]
                assert not fits(without, schema)


def test_texts_are_texts() -> None:
    """A list, a number or null is no translation."""
    schema = schema_of(make_chunk(1, ("ja",)))
    for wrong in (["x"], 3, None, {}):
        assert not fits({"1": {"instruction": {"ja": wrong}, "answer": {"ja": "x"}}}, schema)


def test_strict_mode_is_asked_for() -> None:
    """The envelope of OpenAI's field, in canonical JSON."""
    chunk = make_chunk(2, CODES)
    envelope = json.loads(response_format(chunk))
    assert envelope["type"] == "json_schema"
    assert envelope["json_schema"]["strict"] is True
    assert canonical_json(envelope) == response_format(chunk)


def test_equal_sizes_share_a_schema() -> None:
    """The numbers and texts of the pairs don't show; their count and the languages do."""
    one = response_format(make_chunk(2, ("de", "ja")))
    assert response_format(make_chunk(2, ("de", "ja"), first=4)) is one
    assert response_format(make_chunk(1, ("de", "ja"))) != one
    assert response_format(make_chunk(2, ("de", "ko"))) != one


def test_the_order_in_which_languages_are_named_does_not_show() -> None:
    """Chunks hold their languages in one order, so that the schema is the same."""
    pairs = make_chunk(1, ()).pairs
    formats = {
        response_format(chunk)
        for missing in ([(1, "zh"), (1, "ar")], [(1, "ar"), (1, "zh")])
        for chunk in chunk_missing(pairs, missing, count_tokens=len, most_tokens=100)
    }
    assert len(formats) == 1


def count_properties(schema: dict[str, Any]) -> int:
    """Properties in a schema, those of inner objects included."""
    parts = schema.get("properties", {})
    return len(parts) + sum(count_properties(part) for part in parts.values())


def test_the_largest_schema_is_one_that_azure_takes() -> None:
    """At most 100 properties: learn.microsoft.com, Azure OpenAI, structured outputs."""
    assert count_properties(schema_of(make_chunk(MOST_PAIRS, CODES))) <= 100


def test_the_described_shape_is_a_valid_reply() -> None:
    """The words for endpoints without a response format end in JSON that fits the schema."""
    chunk = make_chunk(2, ("ja", "zh"))
    words, _, shape = describe_format(chunk).partition(": ")
    assert "JSON" in words
    assert fits(json.loads(shape), schema_of(chunk))
