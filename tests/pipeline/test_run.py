"""What a run makes of the replies that come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from syphus.testing import Fault, Script, ScriptedServer

PROSE = "I would rather tell a story about the sea."
GOOD = "Question: Where is it?\nAnswer: At sea."


def test_a_run_leaves_each_query_with_its_pairs(job: Any, photos: Callable[..., Any]) -> None:
    """Each query is asked once and its pairs stand in the order of the queries."""
    sitting = job.run(photos(20))
    assert sitting.outcome.exit_status == 0
    assert sitting.requests == 20
    assert sitting.counts == (20, 0, 0)
    ids = [record["id"] for record in job.read("valid_output.json")]
    assert ids == [f"p{number}" for number in range(20) for _ in range(3)]


def test_a_reply_without_a_pair_is_asked_again_once(
    job: Any, photos: Callable[..., Any], by_text: Callable[..., Script]
) -> None:
    """The model sees its reply and what was wrong with it, and its second reply counts."""
    asked: list[list[dict[str, Any]]] = []
    script = by_text({"sea": [PROSE, GOOD]})

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        asked.append(messages)
        return script.answer(messages, body)

    job.server.play(Script(answer=answer))
    sitting = job.run(photos({"a": "A ship at sea."}))
    assert sitting.outcome.exit_status == 0
    assert sitting.counts == (1, 0, 0)
    assert job.pairs_of("a") == [("Where is it?", "At sea.")]
    first, second = asked
    assert second[: len(first)] == first
    reply, correction = second[len(first) :]
    assert reply == {"role": "assistant", "content": PROSE}
    assert correction["role"] == "user"
    assert "Question:" in correction["content"]


def test_a_second_reply_without_a_pair_is_final(job: Any, photos: Callable[..., Any]) -> None:
    """A query is asked twice at most, and is then listed as invalid with its reply and a reason."""
    job.server.play(Script(answer=PROSE))
    sitting = job.run(photos(1))
    assert sitting.requests == 2
    assert sitting.counts == (0, 1, 0)
    (record,) = job.read("invalid_output.json")
    assert record.keys() == {"id", "response", "error_message"}
    assert (record["id"], record["response"]) == ("p0", PROSE)
    assert record["error_message"]
    assert job.read("valid_output.json") == []


@pytest.mark.parametrize("most", [0, 3])
def test_max_reasks_bounds_the_correcting_turns(
    job: Any, photos: Callable[..., Any], most: int
) -> None:
    """With `--max_reasks N` a query is asked N times more at most, with 0 never."""
    job.server.play(Script(answer=PROSE))
    assert job.run(photos(2), max_reasks=most).requests == 2 * (1 + most)


def test_a_correcting_turn_is_asked_in_the_next_sitting(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A run that ended before its correcting turn makes up for it, from the first reply kept."""
    job.server.play(Script(answer=PROSE))
    job.run(photos(3), max_reasks=0)
    job.server.play(Script())
    sitting = job.run(photos(3))
    assert sitting.requests == 3
    assert sitting.counts == (3, 0, 0)
    assert [job.server.log.query(f"Photo number {at}.").seen for at in range(3)] == [1, 1, 1]


def test_a_query_without_a_text_is_not_asked(job: Any, photos: Callable[..., Any]) -> None:
    """Empty and blank texts are listed as such and don't change the exit status."""
    sitting = job.run(photos({"a": "A dog.", "b": "", "c": " \n"}))
    assert sitting.outcome.exit_status == 0
    assert sitting.requests == 1
    assert sitting.outcome.snapshot.empty == 2
    assert [record["id"] for record in job.read("error_messages.json")] == ["b", "c"]
    assert job.read("meta.json")["queries_empty"] == 2


def test_the_same_id_with_the_same_text_is_one_query(job: Any, photos: Callable[..., Any]) -> None:
    """A repeated record is asked once, and said once with its count."""
    items = [{"id": "a", "sentences": "A dog."}] * 3
    sitting = job.run(photos(items))
    assert sitting.requests == 1
    assert job.read("meta.json")["repeated_queries"] == 2
    assert [query["id"] for query in job.read("query_input.json")] == ["a"]
    assert sum("there twice" in notice or "repeated" in notice for notice in sitting.notices) == 1


def test_the_same_id_with_another_text_is_another_query(
    job: Any, photos: Callable[..., Any]
) -> None:
    """Such queries are named id#2, id#3, belong to the same image, and are related."""
    items = [{"id": "a", "sentences": text} for text in ("A dog.", "A cat.", "A cow.")]
    sitting = job.run(photos(items))
    assert sitting.requests == 3
    assert [query["id"] for query in job.read("query_input.json")] == ["a", "a#2", "a#3"]
    data = job.read("PH_instructions.json")["data"]
    assert {tuple(entry["image_ids"]) for entry in data.values()} == {("PH_IMG_a",)}
    for name, entry in data.items():
        assert {name, *entry["rel_ins_ids"]} == data.keys()


def test_two_ids_with_the_same_text_are_two_requests(job: Any, photos: Callable[..., Any]) -> None:
    """A second image with the same caption gets pairs of its own, also after a resume."""
    dataset = photos({"a": "A dog.", "b": "A dog."})
    assert job.run(dataset).requests == 2
    assert len(job.pairs_of("a")) == len(job.pairs_of("b")) == 3
    assert job.run(dataset).requests == 0


def test_a_finished_run_sends_nothing_and_changes_nothing(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The same command run again asks nobody, not even what failed, and leaves the same files."""
    job.server.play(Script(faults=[Fault("bad_request", containing="number 3")]))
    first = job.run(photos(8))
    files = job.outputs()
    again = job.run(photos(8))
    assert (first.outcome.exit_status, again.outcome.exit_status) == (4, 4)
    assert again.requests == 0
    assert again.counts == first.counts
    assert job.outputs() == files


def test_ids_with_odd_characters_come_back_whole(job: Any, photos: Callable[..., Any]) -> None:
    """Line breaks, U+2028, NUL and surrogates in ids and texts break no file and no resume."""
    names = ["a\nb", "c\u2028d", "e\0f", 'g"h', "k" * 5000]
    dataset = photos({name: f"Photo of {name}" for name in names} | {"z": "A \ud800 sign."})
    assert job.run(dataset).counts == (6, 0, 0)
    assert [query["id"] for query in job.read("query_input.json")] == [*names, "z"]
    assert job.run(dataset).requests == 0


def test_odd_replies_end_as_results(job: Any, photos: Callable[..., Any]) -> None:
    """Lone surrogates, U+2028, NUL, deep nesting and huge numbers end no run."""
    kinds = ["lone_surrogate", "u2028", "nul", "deep_nesting", "huge_number"]
    job.server.play(
        Script(faults=[Fault(kind, containing=f"number {at}.") for at, kind in enumerate(kinds)])
    )
    sitting = job.run(photos(len(kinds)), timeout=10)
    assert sitting.outcome.exit_status == 0
    valid, invalid, failed = sitting.counts
    assert (valid + invalid, failed) == (len(kinds), 0)


def test_faults_that_pass_cost_no_query(job: Any, photos: Callable[..., Any]) -> None:
    """Rate limits, server errors, resets and broken bodies are tried again to the end."""
    kinds = ["rate_limited", "server_error", "bad_gateway", "unavailable", "request_timeout"]
    kinds += ["reset", "close_after_post", "truncated_body", "html_200", "truncated_json"]
    faults = [
        Fault(kind, rate=0.05, per_query_at_most=1, retry_after=0.01, retry_after_as="ms")
        for kind in kinds
    ]
    job.server.play(Script(faults=faults))
    sitting = job.run(photos(60), num_threads=16)
    assert sum(job.server.log.faults.values()) >= 10
    assert sitting.counts == (60, 0, 0)
    assert sum(query.answered for query in job.server.log.queries()) == 60
    assert sitting.requests == 60 + sum(job.server.log.faults.values())


def test_num_threads_is_the_most_in_flight(job: Any, photos: Callable[..., Any]) -> None:
    """No more requests than that are at the server at once, and no fewer while there is work."""
    job.server.play(Script(latency=0.05))
    job.run(photos(30), num_threads=6)
    assert job.server.log.most_in_flight == 6


def test_num_threads_counts_all_deployments_together(
    job: Any, photos: Callable[..., Any], server: ScriptedServer
) -> None:
    """Two deployments share the requests in flight that the user allowed."""
    server.play(Script(latency=0.05))
    entries = [
        {"name": name, "base_url": server.base_url, "model": name} for name in ("one", "two")
    ]
    job.run(photos(30), num_threads=6, base_url=None, deployments=entries)
    assert server.log.most_in_flight == 6


def test_the_journal_holds_the_reply_before_it_is_judged(
    job: Any, photos: Callable[..., Any]
) -> None:
    """When a plugin's parse sees a reply, the reply is in the journal already."""
    missing: list[str] = []

    def parse(_: object, reply: str) -> None:
        lines = job.journal.read_bytes().splitlines()
        texts = [orjson.loads(line).get("text") for line in lines]
        missing.extend([] if reply in texts else [reply])

    job.run(photos(5, parse=parse))
    assert missing == []
