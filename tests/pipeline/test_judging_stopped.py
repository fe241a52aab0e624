"""A judge's stage that is stopped in the middle of a query goes on where it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from syphus import AbstractDataset
from syphus.testing import Script, draw_answer
from syphus.testing.judging import read_judge_request
from tests.pipeline.eight_photos import lines_of

MANY = range(50)


def test_a_plugin_that_raises_while_a_query_is_judged_stops_the_sending(
    job: Any, photos: Callable[..., AbstractDataset]
) -> None:
    """Judgements of the same query that come afterwards are kept, and the same command goes on."""
    told: Counter[str] = Counter()

    def user_message(_: Any, query: Any) -> str:
        told[query.id] += 1
        if told[query.id] == 4:  # asked, judged by, asked about, asked about again
            raise ValueError("read once too often")
        return str(query.text)

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        request = read_judge_request(messages[-1]["content"])
        if request is None:
            return "\n\n".join(f"Question: What is {n} in it?\nAnswer: A thing {n}." for n in MANY)
        reply = orjson.loads(draw_answer(messages, body))
        if "rejected" not in request:
            del reply["1"]
        return orjson.dumps(reply).decode()

    job.server.play(Script(answer=answer))
    rules = {"quality_skips": {"near_in_source", "near_in_set"}}
    dataset = photos(1, user_message=user_message, **rules)
    broken = job.run(dataset, judge=True)
    assert broken.outcome.exit_status == 3
    assert "read once too often" in str(broken.outcome.stopped_by)
    done = job.run(dataset, judge=True)
    assert done.outcome.exit_status == 0
    assert done.outcome.snapshot.judged == len(MANY)
    kinds = [line["kind"] for line in lines_of(job.folder, "judge")]
    assert kinds.count("reply") == 3 + 1
