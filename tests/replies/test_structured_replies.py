"""Replies asked for as structured data."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field

from syphus.replies import parse_structured


class Item(BaseModel):
    """One pair as a plugin may ask for it."""

    model_config = ConfigDict(extra="forbid")

    question: str
    answer: str


class Pairs(BaseModel):
    """A list of pairs under one key."""

    pairs: list[Item]


class Renamed(BaseModel):
    """A field whose name in the reply is its alias."""

    wanted: str = Field(alias="instruction")
    given: float = Field(alias="response")


class Unfit(BaseModel):
    """Valid data that holds no pair."""

    caption: str


GOOD = '{"pairs": [{"question": "a?", "answer": "b"}, {"question": "c?", "answer": "d"}]}'


@pytest.mark.parametrize("reply", [GOOD, f"```json\n{GOOD}\n```", f"Here it is:\n{GOOD}"])
def test_valid_data_gives_its_pairs(reply: str) -> None:
    """The pairs come from the validated data, fenced and announced or not."""
    parsed = parse_structured(reply, Pairs)

    assert [(pair.question, pair.answer) for pair in parsed.pairs] == [("a?", "b"), ("c?", "d")]
    assert parsed.rejected == ()


def test_aliases_name_questions_and_answers() -> None:
    """The names that count are those in the reply, and a number becomes text."""
    parsed = parse_structured('{"instruction": "How far?", "response": 2.5}', Renamed)

    assert [(pair.question, pair.answer) for pair in parsed.pairs] == [("How far?", "2.5")]


def test_wrong_data_gives_one_readable_reason() -> None:
    """The reason names the first wrong fields and how many more there are, without addresses."""
    reply = '{"pairs": [{"question": 1}, {"answer": 2}, {}]}'
    parsed = parse_structured(reply, Pairs)

    assert parsed.pairs == ()
    assert [item.response for item in parsed.rejected] == [reply]
    reason = parsed.rejected[0].reason
    assert reason.startswith("not as the response model asks: pairs.0.question: ")
    assert reason.endswith("; and 3 more")
    assert "http" not in reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("no data at all", "the reply is not JSON"),
        ('{"pairs": [}', "the JSON is broken"),
        ('{"pairs": ' + "[" * 100_000, "the JSON is nested too deep"),
        ('{"pairs": [' + "1" * 5_000 + "]}", "the JSON is broken"),
        ("", "the reply is empty"),
        (None, "the reply has no content"),
    ],
)
def test_what_is_no_json_is_rejected(reply: str | None, reason: str) -> None:
    """Text that can't be decoded is a reason, never an exception."""
    parsed = parse_structured(reply, Pairs)

    assert parsed.pairs == ()
    assert [item.reason for item in parsed.rejected] == [reason]


def test_valid_data_without_a_pair_has_no_question() -> None:
    """A response model that holds no question gives a reason."""
    parsed = parse_structured('{"caption": "A dog."}', Unfit)

    assert [item.reason for item in parsed.rejected] == ["no question found"]


def test_of_a_cut_reply_the_closed_part_is_validated() -> None:
    """Pairs that closed before the token limit are kept, the rest is quoted."""
    parsed = parse_structured(GOOD[:-10], Pairs, finish_reason="length")

    assert parsed.truncated
    assert [(pair.question, pair.answer) for pair in parsed.pairs] == [("a?", "b")]
    assert [(item.response, item.reason) for item in parsed.rejected] == [
        ('{"question": "c?", "answe', "the reply was cut off by the token limit")
    ]


def test_a_reply_cut_before_its_first_pair_says_so() -> None:
    """The reason is the cut, not the broken JSON it left."""
    parsed = parse_structured('{"pairs": [{"ques', Pairs, finish_reason="length")

    assert [item.reason for item in parsed.rejected] == ["the reply was cut off by the token limit"]


def test_a_refusal_is_quoted() -> None:
    """The refusal field rejects the reply and stands in the rejection."""
    parsed = parse_structured(None, Pairs, refusal="I can't help with that.")

    assert [(item.response, item.reason) for item in parsed.rejected] == [
        ("I can't help with that.", "the model refused")
    ]
