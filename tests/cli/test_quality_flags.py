"""`--quality` on the command line, and in what comes after the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syphus.testing import Script, ScriptedServer, draw_answer
from syphus.testing.translating import read_translation_request

OUT = "output_Photos.photos_v1"
PLACES = ("bench by the lake", "red barn", "bus stop", "school yard", "market hall")


def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
    """A good pair, and one that gives the annotation away."""
    text = messages[-1]["content"]
    if read_translation_request(text) is not None:
        return draw_answer(messages, body)
    place = PLACES[int(text.split()[-1][:-1])]
    return (
        f"Question: What stands in front of the {place}?\nAnswer: A man with a {place[:3]} hat.\n\n"
        f"Question: What does the caption say about the {place}?\nAnswer: That it is quiet there."
    )


@pytest.fixture
def run(desk: Any, server: ScriptedServer) -> Callable[..., Any]:
    """Runs the five photos."""
    server.play(Script(answer=answer))
    reach = ("--base_url", server.base_url, "--model", "m", "--no_progress")
    return lambda *arguments: desk.call("run", "--name", "Photos.photos", *reach, *arguments)


def test_counts_are_told_and_written(desk: Any, run: Callable[..., Any]) -> None:
    """One line on stderr, counts in meta.json; the status says that every query was answered."""
    done = run("--quality", "report")
    assert done.status == 0
    assert "quality: 5 of 10 pairs have faults (giveaway 5); kept" in done.err
    assert desk.read(f"{OUT}/meta.json")["quality"]["checks"]["giveaway"] == 5
    assert len(desk.read(f"{OUT}/valid_output.json")) == 10


def test_that_nothing_is_wrong_is_told(desk: Any, server: ScriptedServer) -> None:
    """Silence would look as if nothing had been checked."""
    flags = ("--base_url", server.base_url, "--model", "m", "--quality", "report")
    done = desk.call("run", "--name", "Photos.photos", *flags)
    assert done.status == 0, done.err
    assert "quality: none of 15 pairs has a fault\n" in done.err


def test_a_dropped_pair_is_not_translated_later(
    desk: Any, server: ScriptedServer, run: Callable[..., Any]
) -> None:
    """`syphus translate` keeps to what the run dropped."""
    assert run("--quality", "drop").status == 0
    done = desk.call(
        "translate", OUT, "--languages", "de", "--base_url", server.base_url, "--model", "m"
    )
    assert done.status == 0, done.err
    english = desk.read(f"{OUT}/PH_instructions.json")["data"]
    german = desk.read(f"{OUT}/PH_instructions_de.json")["data"]
    assert len(english) == 5
    assert german.keys() == english.keys()
    assert len(desk.read(f"{OUT}/invalid_output.json")) == 5
    asked = [query.text for query in server.log.queries()]
    translated = [text for text in asked if read_translation_request(text)]
    assert translated
    assert not any("caption" in text for text in translated)


def test_wrong_flags_are_refused(refuse: Callable[..., str]) -> None:
    """In one line, before anything is sent."""
    assert "--personal_data" in refuse("--personal_data")
