"""What a judge replied is read as what it says, or given back with a reason; never guessed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.judging import reading
from syphus.judging.reading import read_judgement
from syphus.judging.values import CRITERIA, Judgement, Scores

PAIRS = 3
MARKS = st.fixed_dictionaries({name: st.integers(1, 5) for name in CRITERIA})
REPLIES = st.lists(MARKS, min_size=PAIRS, max_size=PAIRS).map(
    lambda all_marks: {str(place): marks for place, marks in enumerate(all_marks, start=1)}
)
GOOD = {str(place): {"relevance": 5, "grounding": 2, "clarity": place} for place in (1, 2, 3)}


def read(text: str | None, **more: Any) -> Judgement:
    """Reads a judgement of three pairs; each is given or missing, never both."""
    judgement = read_judgement(text, pairs=PAIRS, **more)
    assert judgement.given.keys() | judgement.missing.keys() == {1, 2, 3}
    assert not judgement.given.keys() & judgement.missing.keys()
    assert all(judgement.missing.values())
    return judgement


@given(
    reply=REPLIES,
    before=st.sampled_from(["", "Sure {here} it is:\n", "```json\n", '{"note": "first"} ']),
    behind=st.sampled_from(["", "\n```", "\nI hope {that} helps."]),
    inside=st.sampled_from([None, "pairs", "judgement"]),
    indent=st.sampled_from([None, 2]),
)
def test_a_whole_judgement_is_read_whatever_stands_around_it(
    *, reply: dict[str, Any], before: str, behind: str, inside: str | None, indent: int | None
) -> None:
    """Words, fences, other objects, an object around it: the marks are those that were written."""
    text = json.dumps(reply if inside is None else {inside: reply}, indent=indent)
    given_scores = read(before + text + behind).given
    assert {str(place): asdict(each) for place, each in given_scores.items()} == reply


@pytest.mark.parametrize("mark", [0, 6, -1, 2.5, "7", "good", "", None, True, [3], {"mark": 3}])
def test_what_is_no_mark_leaves_its_pair_without_scores(mark: Any) -> None:
    """The reason names the criterion; the other pairs stay."""
    judgement = read(json.dumps(GOOD | {"2": {**GOOD["2"], "grounding": mark}}))
    assert judgement.given.keys() == {1, 3}
    assert judgement.missing[2].startswith("grounding is ")
    assert judgement.missing[2].endswith(", no whole number from 1 to 5")


@pytest.mark.parametrize("mark", [4.0, "4", " 4 "])
def test_another_spelling_of_a_mark_is_a_mark(mark: Any) -> None:
    """Where nobody enforces the schema, models write numbers as texts."""
    judgement = read(json.dumps(GOOD | {"2": {**GOOD["2"], "grounding": mark}}))
    assert judgement.given[2] == Scores(relevance=5, grounding=4, clarity=2)


def test_what_is_left_out_is_missing() -> None:
    """A pair, a mark of a pair, or all."""
    assert read(json.dumps({"1": GOOD["1"], "3": GOOD["3"]})).missing == {2: reading.NO_PAIR}
    assert read(json.dumps(GOOD | {"1": {"relevance": 1, "grounding": 1}})).missing == {
        1: "clarity is missing"
    }
    assert set(read(json.dumps({"relevance": 5})).missing.values()) == {reading.NO_PAIR}
    assert set(read(json.dumps({"4": GOOD["1"]})).missing.values()) == {reading.NO_PAIR}


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        (None, {}, reading.NO_CONTENT),
        (" \n", {}, reading.NO_CONTENT),
        (None, {"refusal": "I can't."}, reading.REFUSED),
        ("All three are fine.", {}, reading.NO_JSON),
        ("[5, 5, 5]", {}, reading.NO_JSON),
        (json.dumps(GOOD)[:-9], {"finish_reason": "length"}, None),
        ('{"1": {"relevance"', {"finish_reason": "length"}, reading.CUT_OFF),
    ],
)
def test_a_reply_without_a_judgement_says_why(
    text: str | None, more: dict[str, str], reason: str | None
) -> None:
    """Every pair is missing, with one reason for all."""
    judgement = read(text, **more)
    assert not judgement.given
    if reason is not None:
        assert set(judgement.missing.values()) == {reason}


@given(st.text(alphabet='{}[]":,123relvancgoudityabc \n\ud800', max_size=200))
def test_any_text_is_read(text: str) -> None:
    """Nothing raises, and nothing is given that isn't a mark."""
    for scores in read(text).given.values():
        assert all(1 <= mark <= 5 for mark in asdict(scores).values())


@pytest.mark.parametrize(
    "text",
    [
        '{"1":' * 100_000,
        '{"1": {"relevance": ' + "9" * 5000 + "}}",
        '{"1": {"relevance": ' + "[" * 50_000 + "]" * 50_000 + "}}",
        "{" * 1_000_000,
    ],
)
def test_odd_texts_take_no_time_and_give_nothing(text: str) -> None:
    """Deep nesting and huge numbers."""
    assert not read(text).given
