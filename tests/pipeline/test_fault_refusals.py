"""Refusals: of one query, which fails alone, and of all, which stop the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syphus.testing import Fault, Script

STOPPING = ["insufficient_quota", "invalid_api_key", "forbidden", "not_found"]


def azure(job: Any) -> dict[str, Any]:
    """Settings of a run at Azure's addresses."""
    entry = {
        "api_type": "azure",
        "base_url": job.server.azure_endpoint,
        "api_version": "2024-10-21",
        "model": "m",
        "api_key": "0123456789abcdef",
    }
    return {"base_url": None, "model": None, "deployments": [entry]}


@pytest.mark.parametrize("fault", STOPPING)
@pytest.mark.parametrize("on_azure", [False, True])
def test_what_no_query_can_get_past_stops_the_run(
    job: Any, photos: Callable[..., Any], fault: Any, *, on_azure: bool
) -> None:
    """Used-up credit, a wrong key, a 403 and an unknown deployment stop it at once; nothing fails.

    Afterwards the same command asks everything.
    """
    where = azure(job) if on_azure else {}
    job.server.play(Script(faults=[Fault(fault)]))
    sitting = job.run(photos(50), num_threads=4, **where)
    assert sitting.outcome.exit_status == 3
    assert 1 <= sitting.requests <= 4
    assert sitting.counts == (0, 0, 0)
    assert job.read("error_messages.json") == []
    job.server.play(Script())
    assert job.run(photos(50), **where).counts == (50, 0, 0)


@pytest.mark.parametrize("fault", STOPPING)
def test_in_mid_run_no_more_is_sent_than_was_in_flight(
    job: Any, photos: Callable[..., Any], fault: Any
) -> None:
    """What was answered stays and isn't asked again, and what was refused fails no query."""
    job.server.play(Script(latency=0.02, faults=[Fault(fault, after=40)]))
    sitting = job.run(photos(500), num_threads=8)
    assert sitting.outcome.exit_status == 3
    assert sitting.requests <= 40 + 8
    assert sitting.counts == (40, 0, 0)
    assert job.read("error_messages.json") == []
    job.server.play(Script())
    again = job.run(photos(500), num_threads=64)
    assert again.requests == 460
    assert again.counts == (500, 0, 0)


@pytest.mark.parametrize("on_azure", [False, True])
def test_a_prompt_that_the_filter_refuses_fails_alone(
    job: Any, photos: Callable[..., Any], *, on_azure: bool
) -> None:
    """The content filter's status 400 fails the item, isn't retried, and the others go on."""
    job.server.play(Script(faults=[Fault("content_filter", containing="number 2")]))
    sitting = job.run(photos(5), **(azure(job) if on_azure else {}))
    assert sitting.outcome.exit_status == 4
    assert sitting.requests == 5
    assert sitting.counts == (4, 0, 1)
    (record,) = job.read("error_messages.json")
    assert record["id"] == "p2"
    assert record["kind"] == "content_filtered"
    assert record["status"] == 400
    assert record["maybe_billed"]


@pytest.mark.parametrize("on_azure", [False, True])
def test_a_reply_that_the_filter_withheld_is_no_success(
    job: Any, photos: Callable[..., Any], *, on_azure: bool
) -> None:
    """Finish reason content_filter gives no pair, even where half an answer came along."""
    job.server.play(Script(faults=[Fault("finish_content_filter")], pairs=8))
    sitting = job.run(photos(1), **(azure(job) if on_azure else {}))
    assert sitting.counts == (0, 1, 0)
    assert "filter" in job.read("invalid_output.json")[0]["error_message"]
    assert job.read("valid_output.json") == []


def test_null_content_is_no_success(job: Any, photos: Callable[..., Any]) -> None:
    """A reply of null is asked again; where null comes again the query is invalid."""
    job.server.play(Script(faults=[Fault("null_content", containing="number 1")]))
    sitting = job.run(photos(2))
    assert sitting.requests == 3
    assert sitting.counts == (2, 0, 0)
    job.server.play(Script(faults=[Fault("null_content")]))
    sitting = job.run(photos({"x": "Something else."}))
    assert sitting.counts == (0, 1, 0)
    assert job.read("invalid_output.json")[0]["response"] == ""


def test_a_refusal_of_the_model_is_no_success(job: Any, photos: Callable[..., Any]) -> None:
    """The query is invalid, with the model's words and the reason; the others are answered."""
    job.server.play(Script(faults=[Fault("refusal", containing="number 1", per_query_at_most=9)]))
    sitting = job.run(photos(3), max_reasks=0)
    assert sitting.outcome.exit_status == 0
    assert sitting.requests == 3
    assert sitting.counts == (2, 1, 0)
    (record,) = job.read("invalid_output.json")
    assert record["id"] == "p1"
    assert "refused" in record["error_message"]
    assert {each["id"] for each in job.read("valid_output.json")} == {"p0", "p2"}


def test_pairs_before_the_cut_of_a_truncated_reply_are_kept(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A reply that the token limit cut off gives its whole pairs, and is counted as truncated."""
    job.server.play(Script(honours_max_tokens=True, pairs=8))
    sitting = job.run(photos(1), max_tokens=60)
    assert sitting.counts == (1, 0, 0)
    assert job.read("meta.json")["truncated"] == 1
    reasons = [record["error_message"] for record in job.read("invalid_output.json")]
    assert any("token limit" in reason for reason in reasons)


def test_redo_truncated_asks_the_truncated_alone(job: Any, photos: Callable[..., Any]) -> None:
    """Replies that were cut off are asked again, also those that gave some pairs."""
    job.server.play(Script(faults=[Fault("finish_length", containing="number 3")]))
    job.run(photos(8))
    before = job.pairs_of("p3")
    assert job.read("meta.json")["truncated"] == 1
    job.server.play(Script())
    sitting = job.run(photos(8), redo="truncated", max_tokens=4096)
    assert sitting.requests == 1
    assert sitting.counts == (8, 0, 0)
    assert job.server.log.query("Photo number 3.").seen == 2
    assert len(before) < len(job.pairs_of("p3")) == 3
    assert job.read("meta.json")["truncated"] == 0


def test_what_is_too_long_is_asked_once(job: Any, photos: Callable[..., Any]) -> None:
    """A query beyond the context window fails alone, without a second try."""
    job.server.play(Script(faults=[Fault("context_length", containing="number 1")]))
    sitting = job.run(photos(4))
    assert sitting.outcome.exit_status == 4
    assert sitting.requests == 4
    assert sitting.counts == (3, 0, 1)
    (record,) = job.read("error_messages.json")
    assert (record["id"], record["kind"]) == ("p1", "context_too_long")


@pytest.mark.parametrize("fault", ["bad_request", "content_filter", "context_length"])
def test_refusals_of_all_from_the_start_stop_the_run(
    job: Any, photos: Callable[..., Any], fault: Any
) -> None:
    """After twenty alike, and those in flight, a million queries aren't sent, nor read."""
    read = 0

    def a_million() -> Iterator[dict[str, str]]:
        nonlocal read
        for read in range(1_000_000):
            yield {"id": f"p{read}", "sentences": f"Photo number {read}."}

    job.server.play(Script(latency=0.01, faults=[Fault(fault)]))
    sitting = job.run(photos(a_million), num_threads=8)
    assert sitting.outcome.exit_status == 3
    assert "refused the first 20" in str(sitting.outcome.stopped_by)
    assert 20 <= sitting.requests < 20 + 8
    assert read < 5000


def test_refusals_behind_one_answer_are_the_queries_own(
    job: Any, photos: Callable[..., Any]
) -> None:
    """Once something was answered, refusals stop nothing: each query fails alone."""
    job.server.play(Script(faults=[Fault("bad_request", after=1)]))
    sitting = job.run(photos(60), num_threads=1)
    assert sitting.outcome.exit_status == 4
    assert sitting.counts == (1, 0, 59)
