from __future__ import annotations

import re
from enum import Enum
from typing import Annotated, Any, Literal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from syphus.testing import Script, ScriptedServer, draw_answer
from syphus.testing.dice import Dice
from syphus.testing.schemas import fill

PAIR = re.compile(r"^Question: (?P<question>\S.*)\nAnswer: (?P<answer>\S.*)$", re.MULTILINE)


def _messages(text: Any) -> list[dict[str, Any]]:
    return [{"role": "system", "content": "s"}, {"role": "user", "content": text}]


@given(text=st.text(max_size=200), pairs=st.integers(1, 20), seed=st.integers())
def test_an_answer_has_the_pairs_asked_for_and_repeats(text: str, pairs: int, seed: int) -> None:
    """Any text gives exactly N pairs of distinct questions, the same every time."""
    first = draw_answer(_messages(text), {}, pairs=pairs, seed=seed)
    found = [match["question"] for match in PAIR.finditer(first)]
    assert len(found) == len(set(found)) == pairs
    assert first.count("Question:") == first.count("Answer:") == pairs
    assert draw_answer(_messages(text), {}, pairs=pairs, seed=seed) == first


def test_answers_are_drawn_from_the_question_and_the_seed() -> None:
    """Another seed or other messages give another answer, in words of the last user message."""
    text = "alpha bravo charlie delta echo foxtrot golf hotel india"
    answer = draw_answer(_messages(text), {})
    assert any(word in answer for word in text.split())
    assert draw_answer(_messages(text), {}, seed=2) != answer
    assert draw_answer([*_messages("x"), *_messages(text)], {}) != answer


def test_the_text_of_a_message_with_images_is_used() -> None:
    """Content given as parts is read for its text parts."""
    parts = [
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "text", "text": "zebra"},
    ]
    assert "zebra" in draw_answer(_messages(parts), {})


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=3, max_length=30)]
    colour: Colour
    kind: Literal["a", "b"]
    weight: Annotated[float, Field(gt=0, lt=1)]
    count: Annotated[int, Field(ge=5, lt=9)]
    children: list[Item] = []
    note: str | None
    fixed: Literal[7]


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")
    items: Annotated[list[Item], Field(min_length=2, max_length=4)]
    good: bool


@given(text=st.text(max_size=50))
def test_structured_answers_fit_a_pydantic_schema(text: str) -> None:
    """Under json_schema the answer validates against the model that the schema came from."""
    wanted = {
        "type": "json_schema",
        "json_schema": {"name": "wanted", "schema": Wanted.model_json_schema()},
    }
    answer = draw_answer(_messages(text), {"response_format": wanted}, pairs=3)
    assert len(Wanted.model_validate_json(answer).items) == 3


TYPES = st.recursive(
    st.sampled_from([int, str, bool, float, type(None), Literal["x", "y"]])
    | st.builds(
        lambda low, span: Annotated[int, Field(ge=low, le=low + span)],
        st.integers(-50, 50),
        st.integers(0, 9),
    )
    | st.builds(
        lambda low, span: Annotated[str, Field(min_length=low, max_length=low + span)],
        st.integers(0, 90),
        st.integers(0, 90),
    ),
    lambda inner: (
        inner.map(lambda kind: list[kind])
        | inner.map(lambda kind: dict[Literal["k"], kind])
        | inner.map(lambda kind: kind | None)
    ),
    max_leaves=4,
)


@given(kind=TYPES, seed=st.integers())
def test_a_filled_schema_validates(kind: Any, seed: int) -> None:
    """A value made for a type's schema is a value of that type, strictly."""
    adapter = TypeAdapter(kind)
    value = fill(adapter.json_schema(), Dice(seed), ["word", "other"])
    adapter.validate_json(orjson.dumps(value), strict=True)


def test_json_mode_answers_with_an_object() -> None:
    """Under json_object the answer is a JSON object with as many pairs as asked for."""
    answer = draw_answer(_messages("x y"), {"response_format": {"type": "json_object"}}, pairs=4)
    assert len(orjson.loads(answer)["pairs"]) == 4


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_the_server_gives_the_drawn_answer(ask: Any, dialect: str) -> None:
    """Both providers' routes answer what `draw_answer` says, with usage that adds up."""
    with ScriptedServer(Script(pairs=2, seed=9, cached_tokens=5)) as server:
        answered = ask(server, "A red kite.", dialect=dialect)
    expected = draw_answer([{"role": "user", "content": "A red kite."}], {}, pairs=2, seed=9)
    usage = answered.value["usage"]
    assert answered.status == 200
    assert answered.content == expected
    assert answered.value["choices"][0]["finish_reason"] == "stop"
    assert usage["completion_tokens"] == -(-len(expected.encode()) // 4)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 5


def test_answers_may_be_canned_or_computed(ask: Any) -> None:
    """A text is given to everybody; a callable sees the messages and the body."""
    with ScriptedServer(Script(answer="Ja \ud800.")) as server:
        assert b'"Ja \\ud800."' in ask(server).body.replace(b'": "', b'":"')
        server.play(Script(answer=lambda asked, body: f"{asked[-1]['content']} {body['top_p']}"))
        assert ask(server, "Hm?", top_p=0.5).content == "Hm? 0.5"


def test_max_tokens_is_honoured_if_the_script_says_so(ask: Any) -> None:
    """A longer answer is cut to max_tokens with finish reason length, and is no success."""
    with ScriptedServer(Script(answer="ä" * 100, honours_max_tokens=True)) as server:
        cut = ask(server, max_tokens=10)
        whole = ask(server, max_tokens=1000)
        assert cut.content == "ä" * 20
        assert cut.value["choices"][0]["finish_reason"] == "length"
        assert cut.value["usage"]["completion_tokens"] == 10
        assert whole.content == "ä" * 100
        assert server.log.successes == 1


def test_what_the_script_raises_is_raised_at_the_end(ask: Any) -> None:
    """A fault in the test's own answer is a 500 for the client and an error for the test."""
    with (
        pytest.raises(KeyError, match="nonsense"),
        ScriptedServer(Script(answer=lambda _messages, body: body["nonsense"])) as server,
    ):
        assert ask(server).status == 500
