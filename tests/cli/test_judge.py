"""`--judge` and `syphus judge RUN` on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from syphus.testing import Script, ScriptedServer, draw_answer
from syphus.testing.judging import read_judge_request
from syphus.testing.translating import read_translation_request

OUT = "output_Photos.photos_v1"
PHOTOS = 5
PLACES = ("bench by the lake", "red barn", "bus stop", "school yard", "market hall")
MARKS = {"m": 4, "big": 2}


def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
    """One pair a photo; each model gives all pairs its own marks."""
    text = messages[-1]["content"]
    if read_translation_request(text) is not None:
        return draw_answer(messages, body)
    if read_judge_request(text) is not None:
        marks = {"relevance": 5, "grounding": MARKS[body["model"]], "clarity": 5}
        return json.dumps({"1": marks})
    place = PLACES[int(text.split()[-1][:-1])]
    return f"Question: What stands in front of the {place}?\nAnswer: A man with a {place[:3]} hat."


@pytest.fixture
def call(desk: Any, server: ScriptedServer) -> Callable[..., Any]:
    """A command that must end well, and how many requests it sent."""
    server.play(Script(answer=answer))

    def run(command: str, *arguments: str, model: str = "m") -> tuple[Any, int]:
        before = server.log.requests
        reach = ("--base_url", server.base_url, "--model", model, "--no_progress")
        done = desk.call(command, *arguments, *reach)
        assert done.status == 0, done.err
        return done, server.log.requests - before

    return run


def marks(desk: Any) -> set[int]:
    """The marks for grounding that the files have."""
    return {one["grounding"] for one in desk.read(f"{OUT}/judgements.json")}


NAME = ("--name", "Photos.photos")


def test_marks_are_told_and_written(desk: Any, call: Callable[..., Any]) -> None:
    """One line on stderr, the count on stdout, and the state afterwards."""
    done, requests = call("run", *NAME, "--judge", "--languages", "none")
    assert requests == 2 * PHOTOS
    assert "judge: 5 pairs judged, on average relevance 5.0, grounding 4.0, clarity 5.0" in done.err
    assert "judged    5 pairs" in done.out
    assert marks(desk) == {4}
    assert "judged    5 pairs" in desk.call("status", OUT).out


def test_another_model_judges_a_finished_run(desk: Any, call: Callable[..., Any]) -> None:
    """Only judgements are asked for, the pairs stay; its marks decide from then on, at no cost."""
    call("run", *NAME, "--judge", "--languages", "none")
    pairs = desk.read(f"{OUT}/valid_output.json")
    done, requests = call("judge", OUT, model="big")
    assert requests == PHOTOS
    assert "big judges now, not m" in done.err
    assert desk.read(f"{OUT}/valid_output.json") == pairs
    assert marks(desk) == {2}
    facts = desk.read(f"{OUT}/run.json")
    assert (facts["model"], facts["judge_model"]) == ("m", "big")
    assert call("judge", OUT, model="big")[1] == 0
    _, requests = call("run", *NAME, "--reparse", "--judge", "--quality", "drop")
    assert requests == 0
    assert desk.read(f"{OUT}/valid_output.json") == []
    assert desk.read(f"{OUT}/meta.json")["quality"]["judge"]["model"] == "big"
    assert call("judge", OUT, "--quality", "drop", "--judge_least", "2", model="big")[1] == 0
    assert desk.read(f"{OUT}/valid_output.json") == pairs
    assert call("judge", OUT, model="m")[1] == 0
    assert marks(desk) == {4}


def test_a_run_is_judged_and_then_translated(desk: Any, call: Callable[..., Any]) -> None:
    """Each command asks for its own stage; what was dropped isn't translated."""
    call("run", *NAME, "--languages", "none")
    assert call("judge", OUT, "--quality", "drop", model="big")[1] == PHOTOS
    assert call("translate", OUT, "--languages", "de")[1] == 0
    assert desk.read(f"{OUT}/PH_instructions_de.json")["data"] == {}
    assert call("judge", OUT, "--judge_least", "1", model="big")[1] == 0
    assert call("translate", OUT, "--languages", "de")[1] == PHOTOS
    assert len(desk.read(f"{OUT}/PH_instructions_de.json")["data"]) == PHOTOS


def test_there_must_be_a_run(desk: Any) -> None:
    """One line, and no folder is made."""
    done = desk.call("judge", "nothing")
    assert (done.status, done.out) == (2, "")
    assert "nothing is no run's folder" in done.err


def test_the_judge_is_in_the_estimate(
    desk: Any, server: ScriptedServer, call: Callable[..., Any]
) -> None:
    """Requests and tokens, near those that are then billed, and part of the cost."""
    done, requests = call("run", *NAME, "--judge", "--languages", "none", "--dry_run")
    assert requests == 0
    lines = [line.strip() for line in done.out.splitlines()]
    at = lines.index("judging     5 requests")
    prompt, completion = map(int, re.findall(r"\d+", lines[at + 1])[:2])
    most_prompt, most_completion = map(int, re.findall(r"\d+", lines[at + 2]))
    assert (most_prompt > prompt, most_completion > completion) == (True, True)
    without, _ = call("run", *NAME, "--languages", "none", "--dry_run")
    assert "judging" not in without.out
    call("run", *NAME, "--judge", "--languages", "none")
    billed = [
        json.loads(line)["usage"]
        for line in (desk.root / OUT / "journal" / "judge.jsonl").read_text().splitlines()
        if '"kind":"reply"' in line
    ]
    assert prompt == pytest.approx(sum(usage[0] for usage in billed), rel=0.15)
    assert completion == pytest.approx(sum(usage[1] for usage in billed), rel=0.3)
    assert server.log.requests == 2 * PHOTOS
