"""Asking again never takes away what was there: an earlier outcome stands until a new reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from syphus.testing import Fault, FaultKind, Script, draw_answer
from syphus.testing.translating import read_translation_request

FIRST: dict[str, FaultKind] = {
    "truncated": "finish_length",
    "failed": "bad_request",
    "invalid": "no_pairs",
}


def spoil(job: Any, photos: Callable[..., Any], redo: str, *, of: int, all_of: bool) -> Any:
    """A first sitting that leaves one query, or all but the first twenty, as `redo` wants them."""
    fault = Fault(FIRST[redo], after=20) if all_of else Fault(FIRST[redo], containing="number 3.")
    job.server.play(Script(faults=[fault]))
    return job.run(photos(of), max_reasks=0, num_threads=1)


@pytest.mark.parametrize("redo", ["truncated", "invalid"])
def test_a_reply_outlives_a_redo_that_fails(
    job: Any, photos: Callable[..., Any], redo: str
) -> None:
    """In this sitting's files and in those of later ones; the failure is journalled and told."""
    first = spoil(job, photos, redo, of=8, all_of=False)
    files = job.outputs()
    job.server.play(Script(faults=[Fault("content_filter")]))
    sitting = job.run(photos(8), redo=redo, max_reasks=0)
    assert (sitting.requests, sitting.counts) == (1, first.counts)
    assert sitting.outcome.exit_status == first.outcome.exit_status
    assert job.outputs() == files
    assert "1 queries were asked again in vain" in sitting.said
    assert job.read("meta.json")["redone_in_vain"] == 1
    last = orjson.loads(job.journal.read_bytes().splitlines()[-1])
    assert (last["kind"], last["query"]) == ("failed", "p3")
    job.server.play(Script())
    for settings in ({}, {"reparse": True}, {"redo": "failed"}):
        later = job.run(photos(8), max_reasks=0, **settings)
        assert (later.requests, later.counts) == (0, first.counts)
        assert job.outputs() == files
    assert job.run(photos(8), redo=redo, max_reasks=0).counts == (8, 0, 0)
    assert len(job.pairs_of("p3")) == 3


def test_what_fails_again_stays_failed(job: Any, photos: Callable[..., Any]) -> None:
    """It is listed once, with the last reason."""
    spoil(job, photos, "failed", of=8, all_of=False)
    job.server.play(Script(faults=[Fault("content_filter")]))
    for settings in ({"redo": "failed"}, {}):
        sitting = job.run(photos(8), max_reasks=0, **settings)
        assert sitting.counts == (7, 0, 1)
        assert sitting.outcome.exit_status == 4
        (listed,) = job.read("error_messages.json")
        assert (listed["id"], listed["kind"]) == ("p3", "content_filtered")


@pytest.mark.parametrize("redo", ["truncated", "failed", "invalid"])
def test_a_stop_in_mid_redo_leaves_the_earlier_outcomes(
    job: Any, photos: Callable[..., Any], redo: str
) -> None:
    """Every query is counted once and listed as it was; the same command goes on."""
    first = spoil(job, photos, redo, of=220, all_of=True)
    assert first.counts != (220, 0, 0) or redo == "truncated"
    files = job.outputs()
    job.server.play(Script(faults=[Fault("invalid_api_key")]))
    sitting = job.run(photos(220), redo=redo, max_reasks=0, num_threads=4)
    assert sitting.outcome.exit_status == 3
    assert sitting.counts == first.counts
    assert job.read("meta.json")["queries_unanswered"] == 0
    assert job.read("run.json")["state"] == "stopped"
    assert job.outputs() == files
    job.server.play(Script(faults=[Fault("invalid_api_key", after=50)]))
    sitting = job.run(photos(220), redo=redo, max_reasks=0, num_threads=4)
    assert (sitting.outcome.exit_status, sum(sitting.counts)) == (3, 220)
    job.server.play(Script())
    last = job.run(photos(220), redo=redo, max_reasks=0)
    assert (last.requests, last.counts) == (150, (220, 0, 0))
    assert last.outcome.exit_status == 0


def test_a_reply_cut_off_and_then_corrected_is_not_redone(
    job: Any, photos: Callable[..., Any], by_text: Callable[..., Script]
) -> None:
    """What a correcting turn made good was paid for; only what ends cut off is asked again."""
    cut_off = Fault("finish_length", at=(1,))
    prose = "I would rather tell a story about the sea, and a long one."
    answers = by_text({"number 0": [prose, "Question: Who?\nAnswer: A dog."]})
    job.server.play(Script(answer=answers.answer, faults=[cut_off]))
    assert job.run(photos(1)).counts == (1, 0, 0)
    assert job.run(photos(1), redo="truncated").requests == 0
    assert job.pairs_of("p0") == [("Who?", "A dog.")]


def forget_german(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
    """Leaves one German text out of every translation that isn't asked for again."""
    text = draw_answer(messages, body)
    request = read_translation_request(messages[-1]["content"])
    if request is None or "rejected" in request:
        return text
    reply = orjson.loads(text)
    reply["2"]["answer"]["de"] = ""
    return orjson.dumps(reply).decode()


def test_translations_that_were_given_outlive_a_redo(job: Any, photos: Callable[..., Any]) -> None:
    """Only what failed is asked for again; in vain, the other translations are what they were."""
    again = Fault("content_filter", containing='"rejected"')
    job.server.play(Script(answer=forget_german, faults=[again]))
    first = job.run(photos(2), languages="de,ja")
    assert first.outcome.snapshot.translated == {"de": 4, "ja": 6}
    names = ("PH_instructions_de.json", "PH_instructions_ja.json")
    files = [(job.folder / name).read_bytes() for name in names]
    for settings in ({"redo": "failed"}, {}):
        sitting = job.run(photos(2), languages="de,ja", **settings)
        assert sitting.requests == 2 * bool(settings)
        assert [(job.folder / name).read_bytes() for name in names] == files
        assert sitting.outcome.exit_status == 4
    job.server.play(Script(answer=forget_german))
    last = job.run(photos(2), languages="de,ja", redo="failed")
    assert last.requests == 2
    assert last.outcome.snapshot.translated == {"de": 6, "ja": 6}


def test_a_translation_that_was_cut_off_is_asked_for_again_for_what_it_lacks(
    job: Any, photos: Callable[..., Any]
) -> None:
    """With `--redo truncated`, whether or not its tries are used up."""
    job.server.play(Script(faults=[Fault("finish_length", containing='"languages"')]))
    first = job.run(photos(1), languages="de,ja", max_reasks=0)
    given = sum(first.outcome.snapshot.translated.values())
    assert given < 6
    assert job.run(photos(1), languages="de,ja", max_reasks=0).requests == 0
    job.server.play(Script(faults=[Fault("content_filter")]))
    vain = job.run(photos(1), languages="de,ja", max_reasks=0, redo="truncated")
    assert (vain.requests, sum(vain.outcome.snapshot.translated.values())) == (1, given)
    job.server.play(Script())
    last = job.run(photos(1), languages="de,ja", max_reasks=1, redo="truncated")
    assert last.outcome.snapshot.translated == {"de": 3, "ja": 3}
