"""What comes before every request to the judge: the rubric and one example.

It is the same in all requests, so that providers' prompt caches serve it. The words stand in
`prompt.json` beside this file.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import orjson

from syphus.core.records import Prefix, QuestionAnswer, Turn
from syphus.judging.request import write_request
from syphus.judging.values import CRITERIA, Graded, Scores

_FILE = "prompt.json"


def load_prefix() -> Prefix:
    """The rubric, and the example as a real request and its reply."""
    graded, scores = load_example()
    reply = {
        str(place): {name: getattr(each, name) for name in CRITERIA}
        for place, each in enumerate(scores, start=1)
    }
    return Prefix(
        system_message=_read()["system_message"],
        in_context=(
            Turn(role="user", content=write_request(graded)),
            Turn(role="assistant", content=orjson.dumps(reply).decode()),
        ),
    )


def load_example() -> tuple[Graded, tuple[Scores, ...]]:
    """What is graded in the example, and the scores of each pair."""
    example = _read()["example"]
    pairs = example["pairs"]
    graded = Graded(
        task=example["task"],
        annotation=example["annotation"],
        pairs=tuple(
            QuestionAnswer(question=each["question"], answer=each["answer"]) for each in pairs
        ),
    )
    scores = tuple(Scores(**{name: each[name] for name in CRITERIA}) for each in pairs)
    return graded, scores


def _read() -> dict[str, Any]:
    prompt: dict[str, Any] = orjson.loads(files("syphus.judging").joinpath(_FILE).read_bytes())
    return prompt
