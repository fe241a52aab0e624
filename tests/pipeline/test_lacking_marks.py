"""Judgements that lack a mark or don't come: asked again, never guessed; the pair is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from syphus.testing import Fault, Script
from tests.pipeline.judge_clerk import (
    ONLY_JUDGED,
    QUERIES,
    Clerk,
    expected,
    pairs_of,
    quality,
    written,
)


def change(reply: str, **marks: Any) -> str:
    """A judgement whose first pair has other marks."""
    value = orjson.loads(reply)
    value["1"] |= marks
    return orjson.dumps(value).decode()


def without_last(reply: str) -> str:
    """A judgement that lacks a pair."""
    value = orjson.loads(reply)
    value.popitem()
    return orjson.dumps(value).decode()


SPOILT: dict[str, tuple[Callable[[str], str], str]] = {
    "too large": (lambda reply: change(reply, grounding=7), "grounding is 7, no whole number"),
    "zero": (lambda reply: change(reply, clarity=0), "clarity is 0, no whole number"),
    "no number": (lambda reply: change(reply, relevance="high"), "relevance is high"),
    "a pair less": (without_last, "the pair is missing"),
    "prose": (lambda _: "All of them are very good pairs.", "the reply is not JSON"),
    "cut": (lambda reply: reply[: len(reply) // 2], "the reply is not JSON"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_lacks_a_mark_is_asked_again(job: Any, clerk: Clerk, sit: Any, how: str) -> None:
    """Only the pairs without marks, with the reason; what comes then counts."""
    spoil, reason = SPOILT[how]
    clerk.spoil = lambda _, reply: spoil(reply)
    done = sit(job)
    assert done.outcome.exit_status == 0
    assert done.requests == 3 * QUERIES
    assert job.read("judgements.json") == expected(job)
    again = [graded for graded in clerk.judged if "rejected" in graded]
    assert len(again) == QUERIES
    for graded in again:
        assert graded["rejected"].keys() == graded["pairs"].keys()
        assert all(said.startswith(reason) for said in graded["rejected"].values())
        alone = how in ("too large", "zero", "no number", "a pair less")
        assert len(graded["pairs"]) == 1 or not alone
    assert sit(job).requests == 0


def test_words_around_the_judgement_cost_nothing(job: Any, clerk: Clerk, sit: Any) -> None:
    """What is said before and behind it is passed over."""
    clerk.spoil = lambda _, reply: f"Here is {{my}} judgement:\n```json\n{reply}\n```\nBye {{all}}."
    assert sit(job).requests == 2 * QUERIES
    assert job.read("judgements.json") == expected(job)


@pytest.mark.parametrize(
    ("kind", "requests"),
    [("refusal", 4), ("finish_length", 4), ("null_content", 4), ("no_pairs", 4), ("reset", 3)],
)
def test_what_goes_wrong_once_leaves_no_trace(
    hurried: Any, clerk: Clerk, sit: Any, kind: Any, requests: int
) -> None:
    """A refusal, a cut, silence, prose, a lost connection: all pairs are judged in the end.

    A request that says what was wrong is another one to the server, so it meets the fault too.
    """
    fault = Fault(kind, containing=ONLY_JUDGED, per_query_at_most=1)
    hurried.server.play(Script(answer=clerk, faults=[fault]))
    done = sit(hurried, max_reasks=2)
    assert done.outcome.exit_status == 0
    assert done.requests == requests * QUERIES
    assert hurried.read("judgements.json") == expected(hurried)


def test_a_pair_without_marks_is_kept_and_told(job: Any, clerk: Clerk, sit: Any) -> None:
    """After --max_reasks it is unjudged: kept, counted, status 4; --redo invalid asks once more."""
    clerk.always = True
    victim = pairs_of(3)[0]

    def spoil(graded: dict[str, Any], reply: str) -> str:
        value = orjson.loads(reply)
        for place, pair in graded["pairs"].items():
            if pair["question"] == victim[0]:
                value[place]["grounding"] = 9
        return orjson.dumps(value).decode()

    clerk.spoil = spoil
    done = sit(job, quality="drop", max_reasks=2, languages="de")
    assert done.outcome.exit_status == 4
    assert done.requests == 3 * QUERIES + 2
    assert clerk.pairs.count(victim) == 3
    assert victim in written(job)
    assert victim in clerk.translated
    assert quality(job)["judge"]["unjudged"] == done.outcome.missing_judgements == 1
    records = job.read("judgements.json")
    lacking = [one for one in records if "error_message" in one]
    assert [one["error_message"] for one in lacking] == [
        "grounding is 9, no whole number from 1 to 5"
    ]
    assert len(records) == len(written(job))
    again = sit(job, quality="drop", max_reasks=2, languages="de")
    assert (again.requests, again.outcome.exit_status) == (0, 4)
    clerk.always = False
    clerk.spoil = lambda _, reply: reply
    mended = sit(job, quality="drop", languages="de", redo="invalid")
    assert (mended.requests, mended.outcome.exit_status) == (1, 0)
    assert job.read("judgements.json") == expected(job)


def test_a_judgement_that_was_given_up_fails_the_run_not_the_pair(
    job: Any, clerk: Clerk, sit: Any
) -> None:
    """What the endpoint refuses for good: status 4, and the pairs stay."""
    fault = Fault("context_length", containing='annotation":"Photo number 5.')
    job.server.play(Script(answer=clerk, faults=[fault]))
    done = sit(job, quality="drop")
    assert done.outcome.exit_status == 4
    assert quality(job)["judge"]["unjudged"] == len(pairs_of(5))
    assert set(pairs_of(5)) <= set(written(job))
    job.server.play(Script(answer=clerk))
    mended = sit(job, quality="drop", redo="failed")
    assert (mended.requests, mended.outcome.exit_status) == (1, 0)


def test_an_endpoint_without_schemas_gets_the_shape_in_words(
    job: Any, clerk: Clerk, sit: Any
) -> None:
    """The format is left out once it was refused, and described."""
    clerk.spoil = lambda _, reply: without_last(reply)
    job.server.play(Script(answer=clerk, refuses={"response_format"}))
    assert sit(job).outcome.exit_status == 0
    assert clerk.formats == [None] * len(clerk.formats)
    assert job.read("judgements.json") == expected(job)
    again = [text for text in clerk.texts if '"rejected":' in text]
    assert len(again) == QUERIES
    assert all("of exactly this shape" in text for text in again)
