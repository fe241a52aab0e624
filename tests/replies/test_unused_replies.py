"""Replies that are no success as a whole, and how they are asked for again."""

from __future__ import annotations

import pytest

import syphus.replies
from syphus.core.records import Parsed, Rejected
from syphus.replies import (
    CORRECTION,
    STRUCTURED_CORRECTION,
    correction_for,
    parse_reply,
    reject_reason,
)

GOOD = "Question: a?\nAnswer: b"

WITHHELD = [
    ("", "stop", None, "the reply is empty"),
    (" \n\u3000", "stop", None, "the reply is empty"),
    (None, "stop", None, "the reply has no content"),
    (None, "tool_calls", None, "the reply has no content"),
    (None, "length", None, "the reply was cut off by the token limit"),
    ("", "length", None, "the reply was cut off by the token limit"),
    (GOOD, "content_filter", None, "the content filter withheld the reply"),
    (None, "content_filter", None, "the content filter withheld the reply"),
    (GOOD, "stop", "No.", "the model refused"),
    (None, "stop", "No.", "the model refused"),
]


@pytest.mark.parametrize(("text", "finish_reason", "refusal", "reason"), WITHHELD)
def test_a_withheld_reply_is_never_a_success(
    text: str | None, finish_reason: str, refusal: str | None, reason: str
) -> None:
    """Filtered, refused, empty and null replies give a reason and no pair, free text or not."""
    parsed = parse_reply(text, finish_reason=finish_reason, refusal=refusal)

    assert parsed.pairs == ()
    assert [item.reason for item in parsed.rejected] == [reason]
    assert [item.response for item in parsed.rejected] == [refusal or text or ""]
    assert parsed.truncated is (finish_reason == "length")
    assert reject_reason(text, finish_reason=finish_reason, refusal=refusal) == reason


@pytest.mark.parametrize("finish_reason", ["stop", "tool_calls"])
def test_a_finished_reply_is_a_success(finish_reason: str) -> None:
    """Text that ended by itself is used, and an empty refusal is none."""
    assert reject_reason("I can't say.", finish_reason=finish_reason, refusal="") is None
    assert len(parse_reply(GOOD, finish_reason=finish_reason, refusal="").pairs) == 1


def test_free_text_that_was_cut_is_no_success() -> None:
    """Of free text no part is known to be whole."""
    assert (
        reject_reason("It was a", finish_reason="length")
        == "the reply was cut off by the token limit"
    )


def test_a_correction_says_what_was_wrong_and_what_is_wanted() -> None:
    """The correcting turn names the first reason and the form of an answer."""
    said = correction_for(parse_reply("I see a dog."))

    assert said == f"Your last reply could not be used: no question found. {CORRECTION}"
    assert "Question: ...\nAnswer: ..." in said


def test_a_correction_after_a_cut_asks_for_less() -> None:
    """A reply that met the token limit must be shorter the next time."""
    said = correction_for(parse_reply("Question: wh", finish_reason="length"))

    assert "the reply was cut off by the token limit. Write less" in said


def test_a_correction_of_structured_data_asks_for_json() -> None:
    """Labels are not mentioned where JSON was asked for."""
    parsed = Parsed(rejected=(Rejected(response="x", reason="the reply is not JSON"),))
    said = correction_for(parsed, structured=True)

    assert said.endswith(STRUCTURED_CORRECTION)
    assert "Question" not in said


def test_a_correction_stays_short() -> None:
    """A long reason, as a response model may give, doesn't fill the prompt."""
    parsed = Parsed(rejected=(Rejected(response="x", reason="y" * 10_000),))

    assert len(correction_for(parsed)) < 600


def test_the_public_names_are_complete_and_sorted() -> None:
    """`__all__` lists what the room offers, in order."""
    names = syphus.replies.__all__

    assert names == sorted(names)
    assert all(hasattr(syphus.replies, name) for name in names)
    assert {"parse_reply", "parse_structured", "reject_reason", "correction_for"} <= set(names)
