"""The strict schema that a plugin's response model becomes.

The rules are those of OpenAI's guide "Structured model outputs", section "Supported schemas":
every property required, no others allowed, no default, nothing beside a $ref; and "Key ordering":
a reply's keys come in the order of the schema's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from pydantic import BaseModel, Field

from syphus.prompting.structured import response_format

T = TypeVar("T")


class Kind(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class Box(BaseModel):
    x: int = Field(ge=0, description="From the left.")
    y: int = 0


class Pair(BaseModel):
    question: str
    answer: str
    kind: Kind = Kind.OPEN
    box: Box | None = None


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


class Described(BaseModel):
    best: Annotated[Pair, Field(description="The best one.")]
    default: str = "a property of that name"
    properties: int = 3
    label: Literal["a", "b"] = "a"


class Reply(BaseModel):
    """A reply.

    With a second paragraph.
    """

    pairs: list[Pair] = Field(min_length=1)
    first: Pair
    either: Box | Tree
    tree: Tree
    described: Described


class Wrapped(BaseModel, Generic[T]):
    value: T


MODELS = [Box, Pair, Tree, Described, Reply, Wrapped[Pair]]


def asked(model: type[BaseModel]) -> dict[str, Any]:
    """The `json_schema` part of what is sent."""
    sent = json.loads(response_format(model))
    assert sent.keys() == {"type", "json_schema"}
    assert sent["type"] == "json_schema"
    part: dict[str, Any] = sent["json_schema"]
    return part


def schemas(value: Any, *, named: bool = False) -> Iterator[dict[str, Any]]:
    """Every schema within a schema; `named` where the keys are names and not keywords."""
    if isinstance(value, list):
        for part in value:
            yield from schemas(part)
    elif isinstance(value, dict):
        if not named:
            yield value
        for key, part in value.items():
            yield from schemas(part, named=not named and key in ("properties", "$defs"))


@pytest.mark.parametrize("model", MODELS)
def test_every_object_requires_all_and_allows_no_other(model: type[BaseModel]) -> None:
    """Nested, referred to, in a list or in a choice: every object is closed."""
    objects = [each for each in schemas(asked(model)["schema"]) if each.get("type") == "object"]
    assert objects
    for each in objects:
        assert each["additionalProperties"] is False
        assert sorted(each["required"]) == sorted(each["properties"])


def test_fields_are_asked_for_in_the_order_of_the_model() -> None:
    """Replies are written in the schema's order: a question comes before its answer."""
    schema = asked(Reply)["schema"]
    assert list(schema["properties"]) == ["pairs", "first", "either", "tree", "described"]
    assert list(schema["$defs"]["Pair"]["properties"]) == ["question", "answer", "kind", "box"]


@pytest.mark.parametrize("model", MODELS)
def test_no_schema_has_a_default(model: type[BaseModel]) -> None:
    """What is required needs none, and strict mode refuses it."""
    assert not any("default" in each for each in schemas(asked(model)["schema"]))


@pytest.mark.parametrize("model", MODELS)
def test_nothing_stands_beside_a_reference(model: type[BaseModel]) -> None:
    """A described or defaulted nested model is one that strict mode still accepts."""
    referring = [each for each in schemas(asked(model)["schema"]) if "$ref" in each]
    assert [each for each in referring if len(each) > 1] == []


@pytest.mark.parametrize("model", MODELS)
def test_it_is_named_and_strict(model: type[BaseModel]) -> None:
    """The name has only what the API allows in one, also that of a generic model."""
    part = asked(model)
    assert part["strict"] is True
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part["name"])


def test_properties_may_be_called_like_keywords() -> None:
    """Fields named default and properties are fields."""
    schema = asked(Described)["schema"]
    assert set(schema["required"]) == {"best", "default", "properties", "label"}
    assert schema["properties"]["default"]["type"] == "string"
    assert schema["properties"]["properties"]["type"] == "integer"


def test_what_the_model_means_is_kept() -> None:
    """Descriptions, choices and bounds reach the provider."""
    schema = asked(Reply)["schema"]
    box = schema["$defs"]["Box"]["properties"]["x"]
    assert (box["description"], box["minimum"]) == ("From the left.", 0)
    assert schema["$defs"]["Kind"]["enum"] == ["open", "closed"]
    assert schema["properties"]["pairs"]["minItems"] == 1


def test_the_model_itself_stays_as_it_was() -> None:
    """Its own schema, and what it validates, are none the stricter for having been asked for."""
    before = json.dumps(Pair.model_json_schema())
    response_format(Pair)
    assert json.dumps(Pair.model_json_schema()) == before
    assert Pair(question="q", answer="a").kind is Kind.OPEN


def test_equal_models_give_equal_bytes() -> None:
    """It is part of a request's identity, so it must not change from run to run."""
    assert response_format(Reply) == response_format(Reply)
    assert response_format(Pair) != response_format(Box)


@pytest.mark.parametrize("model", MODELS)
def test_texts_are_bounded_where_that_is_wanted(model: type[BaseModel]) -> None:
    """Free texts get the bound and choices don't; who doesn't ask for a bound sends none."""
    sent = json.loads(response_format(model, longest=200))["json_schema"]["schema"]
    texts = [each for each in schemas(sent) if each.get("type") == "string"]
    for each in texts:
        assert each.get("maxLength") == (None if each.keys() & {"enum", "const"} else 200)
    assert not any("maxLength" in each for each in schemas(asked(model)["schema"]))


def test_a_bound_of_the_model_stands() -> None:
    """A plugin that says how long its texts are knows better."""

    class Short(BaseModel):
        title: str = Field(max_length=7)
        text: str

    properties = json.loads(response_format(Short, longest=200))["json_schema"]["schema"][
        "properties"
    ]
    assert [each["maxLength"] for each in properties.values()] == [7, 200]
