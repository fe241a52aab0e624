"""`syphus report RUN`: from a run to a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syphus.cli.app import run_app
from syphus.testing import Fault, Script, ScriptedServer

OUT = "output_Photos.photos_v1"


@pytest.fixture
def photos(desk: Any, server: ScriptedServer) -> Callable[..., int]:
    """Runs the five photos; gives the exit status."""

    def run(*arguments: object) -> int:
        words = ["run", "--name", "Photos.photos", "--base_url", server.base_url, "--model", "m"]
        return run_app([*words, "--no_progress", *map(str, arguments)], root=desk.root)

    return run


def test_the_report_of_a_run(desk: Any, photos: Callable[..., int]) -> None:
    """It stands beside the run's folder, and stdout says where and of how many pairs."""
    assert photos("--languages", "de") == 0
    done = desk.call("report", OUT)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        "run       finished",
        "in en     15 pairs",
        "in de     15 pairs",
        f"report    {OUT}_report.html",
    ]
    page = (desk.root / f"{OUT}_report.html").read_text(encoding="utf-8")
    assert "5 queries read" in page
    assert "5 sources, 3.0 pairs each" in page


def test_a_stopped_run(desk: Any, photos: Callable[..., int], server: ScriptedServer) -> None:
    """What is there is shown, and why it stopped."""
    server.play(Script(faults=[Fault("insufficient_quota", after=2)]))
    assert photos("--languages", "none", "--num_threads", 1) == 3
    done = desk.call("report", OUT, "--output", "mine.html")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("run       not finished: ")
    assert "in en     6 pairs" in done.out
    assert "429" in (desk.root / "mine.html").read_text(encoding="utf-8")


def test_a_data_set_of_free_text(desk: Any, photos: Callable[..., int]) -> None:
    """The lengths of its replies are shown."""
    plugin = (desk.root / "datasets/photos.py").read_text()
    desk.write("datasets/photos.py", plugin + "    free_text = True\n")
    assert photos() == 0
    assert desk.call("report", OUT).status == 0
    page = (desk.root / f"{OUT}_report.html").read_text(encoding="utf-8")
    assert "5 replies, kept whole" in page


@pytest.mark.parametrize(
    "arguments", [("nowhere",), ("datasets",), ("photos.json",), (), (OUT, "--output", "datasets")]
)
def test_what_has_no_report(
    desk: Any, photos: Callable[..., int], arguments: tuple[str, ...]
) -> None:
    """No run, or no place for the page: one line and status 2."""
    if OUT in arguments:
        assert photos("--languages", "none") == 0
    done = desk.call("report", *arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith("syphus: ")


def test_a_place_that_cannot_be_written(desk: Any, photos: Callable[..., int]) -> None:
    """One line names it, with status 3, for the same command may do it later."""
    assert photos("--languages", "none") == 0
    done = desk.call("report", OUT, "--output", "nowhere/page.html")
    assert done.status == 3
    assert "nowhere/page.html can't be written" in done.err


def test_what_a_killed_report_left_is_removed(desk: Any, photos: Callable[..., int]) -> None:
    """By the next one."""
    assert photos() == 0
    left = desk.root / f".{OUT}_report.html.abcd_123.part"
    left.touch()
    assert desk.call("report", OUT).status == 0
    assert not left.exists()
