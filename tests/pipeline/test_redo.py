"""What is asked again in a later sitting, and what isn't."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from syphus.core.errors import SettingsError
from syphus.testing import Fault, Script

PROSE = "I would rather tell a story about the sea."


def read_bars(_: object, reply: str) -> list[dict[str, str]]:
    """A plugin's parse for replies of the form question|answer."""
    question, answer = reply.split("|")
    return [{"question": question, "answer": answer}]


def test_reparse_picks_up_a_mended_parser(job: Any, photos: Callable[..., Any]) -> None:
    """Files are written anew from the replies that are there, and nothing is sent."""
    job.server.play(Script(answer="Who?|A dog."))
    assert job.run(photos(4)).counts == (0, 4, 0)
    sitting = job.run(photos(4, parse=read_bars), reparse=True)
    assert sitting.requests == 0
    assert sitting.counts == (4, 0, 0)
    assert sitting.outcome.exit_status == 0
    assert job.pairs_of("p3") == [("Who?", "A dog.")]
    assert job.read("invalid_output.json") == []


def test_reparse_counts_the_last_reply(
    job: Any, photos: Callable[..., Any], by_text: Callable[..., Script]
) -> None:
    """Of a query that was asked twice, the second reply is the one that is parsed again."""
    job.server.play(by_text({"number 1": [PROSE, "Question: Who?\nAnswer: A dog."]}))
    job.run(photos(3))
    files = job.outputs()
    assert job.run(photos(3), reparse=True).requests == 0
    assert job.outputs() == files


def test_reparse_needs_no_endpoint_and_no_key(
    job: Any, photos: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What sends nothing asks for no credentials: they may have expired by then."""
    job.run(photos(3))
    monkeypatch.setenv("OPENAI_API_TYPE", "open_ai")
    assert job.run(photos(3), reparse=True, base_url=None).counts == (3, 0, 0)


def test_reparse_leaves_the_cost_as_it_was(job: Any, photos: Callable[..., Any]) -> None:
    """The summary still says what the replies cost."""
    entry = {
        "base_url": job.server.base_url,
        "model": "m",
        "price": {"prompt": 1.0, "completion": 2.0},
    }
    job.run(photos(3), base_url=None, deployments=[entry])
    paid = job.read("meta.json")["cost"]
    assert paid > 0
    job.run(photos(3), base_url=None, deployments=[entry], reparse=True)
    assert job.read("meta.json")["cost"] == pytest.approx(paid)


def test_reparse_of_half_a_run_is_not_the_end_of_it(job: Any, photos: Callable[..., Any]) -> None:
    """Queries that have no reply are still to be asked: no file or status says otherwise."""
    job.run(photos(10), slice_end=4)
    sitting = job.run(photos(10), reparse=True)
    assert sitting.requests == 0
    assert sitting.outcome.exit_status == 3
    assert job.read("run.json")["state"] != "finished"
    assert job.read("meta.json")["queries_unanswered"] == 6
    assert job.run(photos(10)).requests == 6


def test_reparse_without_a_run_is_wrong_input(job: Any, photos: Callable[..., Any]) -> None:
    """Where nothing was asked there is nothing to parse."""
    with pytest.raises(SettingsError, match="--reparse"):
        job.run(photos(3), reparse=True)
    assert job.server.log.requests == 0


def test_redo_failed_asks_the_failed_alone(job: Any, photos: Callable[..., Any]) -> None:
    """What was answered, well or not, stays; failures are asked once more."""
    faults = [Fault("bad_request", containing="number 3"), Fault("no_pairs", containing="number 4")]
    job.server.play(Script(faults=faults))
    assert job.run(photos(8), max_reasks=0).counts == (6, 1, 1)
    job.server.play(Script())
    sitting = job.run(photos(8), redo="failed", max_reasks=0)
    assert sitting.requests == 1
    assert sitting.counts == (7, 1, 0)
    assert job.server.log.query("Photo number 3.").seen == 2
    assert job.read("error_messages.json") == []


def test_redo_invalid_asks_the_invalid_alone(job: Any, photos: Callable[..., Any]) -> None:
    """Queries whose replies gave no pair begin anew; failures stay failures."""
    faults = [Fault("bad_request", containing="number 3"), Fault("no_pairs", containing="number 4")]
    job.server.play(Script(faults=faults))
    assert job.run(photos(8), max_reasks=0).counts == (6, 1, 1)
    job.server.play(Script())
    sitting = job.run(photos(8), redo="invalid", max_reasks=0)
    assert sitting.requests == 1
    assert sitting.counts == (7, 0, 1)
    assert job.server.log.query("Photo number 4.").seen == 2


def test_redo_of_what_is_invalid_again_leaves_a_result(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A query that stays invalid is asked once more, corrected once more, and listed once."""
    job.server.play(Script(answer=PROSE))
    job.run(photos(1))
    sitting = job.run(photos(1), redo="invalid")
    assert sitting.counts == (0, 1, 0)
    assert 1 <= sitting.requests <= 2
    assert [record["id"] for record in job.read("invalid_output.json")] == ["p0"]


@pytest.mark.parametrize("what", ["failed", "truncated", "invalid"])
def test_redo_of_nothing_sends_nothing(job: Any, photos: Callable[..., Any], what: str) -> None:
    """Where nothing of the kind is there, all stays as it is."""
    job.run(photos(5))
    files = job.outputs()
    assert job.run(photos(5), redo=what).requests == 0
    assert job.outputs() == files


def test_a_changed_prompt_is_asked_anew(job: Any, photos: Callable[..., Any]) -> None:
    """Answers to another prompt don't count, and that is said before it costs anything."""
    job.run(photos(4))
    other = {"system_message": "Write other pairs.", "in_context": []}
    sitting = job.run(photos(4, _load_prefix=lambda _: other))
    assert sitting.requests == 4
    assert "prompt has changed" in sitting.said
    assert job.run(photos(4, _load_prefix=lambda _: other)).requests == 0


def test_a_prompt_with_its_keys_in_another_order_is_the_same_prompt(
    job: Any, photos: Callable[..., Any]
) -> None:
    """Only what is sent decides: reformatting a prompt file costs nothing."""
    dataset = photos(4)
    job.run(dataset)
    shuffled = {
        "in_context": [dict(reversed(turn.items())) for turn in dataset.prompt["in_context"]],
        "system_message": dataset.prompt["system_message"],
    }
    sitting = job.run(photos(4, _load_prefix=lambda _: shuffled))
    assert sitting.requests == 0
    assert "changed" not in sitting.said


def test_a_changed_model_is_asked_anew(job: Any, photos: Callable[..., Any]) -> None:
    """Another model's answers don't count either, and that is said too."""
    job.run(photos(4))
    sitting = job.run(photos(4), model="n")
    assert sitting.requests == 4
    assert "model has changed" in sitting.said
    assert job.run(photos(4)).requests == 0


def test_a_changed_text_is_asked_anew_alone(job: Any, photos: Callable[..., Any]) -> None:
    """A mended annotation costs one request, and the file has its new pairs only."""
    job.run(photos({"a": "A dog.", "b": "A cta."}))
    sitting = job.run(photos({"a": "A dog.", "b": "A cat."}))
    assert sitting.requests == 1
    assert len(job.read("valid_output.json")) == 6


def test_a_changed_response_model_is_asked_anew(job: Any, photos: Callable[..., Any]) -> None:
    """What replies must look like is part of what is asked."""

    class One(BaseModel):
        question: str
        answer: str

    class Two(One):
        reason: str

    assert job.run(photos(2, response_model=One)).counts == (2, 0, 0)
    assert job.run(photos(2, response_model=Two)).requests == 2


@pytest.mark.parametrize("settings", [{"max_tokens": 8000}, {"temperature": 0.0}, {"rpm": 60000}])
def test_raising_a_limit_asks_nothing_anew(
    job: Any, photos: Callable[..., Any], settings: dict[str, Any]
) -> None:
    """Good answers aren't thrown away for a setting that bounds or shapes new ones."""
    job.run(photos(4))
    assert job.run(photos(4), **settings).requests == 0


def test_a_larger_slice_asks_only_what_is_new(job: Any, photos: Callable[..., Any]) -> None:
    """The first ten queries tried out in the evening are not paid for again at night."""
    job.run(photos(30), slice_end=10)
    assert len(job.read("query_input.json")) == 10
    assert job.run(photos(30)).requests == 20


def test_the_folder_of_another_data_set_is_refused(job: Any, photos: Callable[..., Any]) -> None:
    """Two data sets in one folder would mix their ids; nothing is sent and nothing changed."""
    job.run(photos(2))
    before = (job.folder / "run.json").read_bytes()
    with pytest.raises(SettingsError, match="--output_dir"):
        job.run(photos(3), name="Other.photos")
    assert job.server.log.requests == 2
    assert (job.folder / "run.json").read_bytes() == before


def test_the_run_file_says_what_the_run_was_told(job: Any, photos: Callable[..., Any]) -> None:
    """Settings, versions, the prompt's hash and counts stand in run.json."""
    job.run(photos(2), seed=7, max_tokens=99)
    facts = json.loads((job.folder / "run.json").read_text())
    assert facts["settings"]["seed"] == 7
    assert facts["settings"]["max_tokens"] == 99
    assert facts["state"] == "finished"
    assert facts["counts"]["valid"] == 2
    assert len(facts["prompt_hash"]) == 64
