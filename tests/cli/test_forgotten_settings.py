"""A key, an address or a model that was forgotten lets nobody else write over a finished run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syphus.cli.app import run_app
from syphus.testing import Fault, Script, ScriptedServer

TRANSLATE = Path(__file__).parents[2] / "datasets/translate.py"
NAME = ("--name", "Photos.photos", "--output_dir", "out")


def reach(server: ScriptedServer) -> tuple[object, ...]:
    """The flags that lead to the server."""
    return ("--base_url", server.base_url, "--model", "m")


def contents(desk: Any) -> dict[str, bytes]:
    """Every file of the run."""
    folder = desk.root / "out"
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refuse(desk: Any, *arguments: object) -> str:
    """Runs a command that must change nothing; gives the one line that says why."""
    before = contents(desk)
    done = desk.call(*arguments)
    assert done.status == 2, done.err
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert contents(desk) == before
    line: str = done.err
    return line


@pytest.mark.parametrize(
    "command",
    [("run", *NAME), ("run", *NAME, "--dry_run"), ("translate", "out", "--languages", "de")],
    ids=["run", "dry_run", "translate"],
)
def test_the_embedded_model_takes_over_no_run_of_an_endpoint(
    desk: Any, server: ScriptedServer, command: tuple[str, ...]
) -> None:
    """Without the address the command is refused, and the line names each way to go on."""
    assert desk.call("run", *NAME, *reach(server)).status == 0
    line = refuse(desk, *command)
    assert server.base_url.split("/")[2] in line
    for way in ("--base_url", "--backend local"):
        assert way in line
    assert ("--output_dir" in line) == (command[0] == "run")  # the others have no such flag


def test_a_run_that_has_only_translations_is_an_endpoints_too(
    desk: Any, server: ScriptedServer
) -> None:
    """A data set that brings its pairs has no other replies."""
    text = {"instruction": "What stands on the old red table?", "answer": "A cup of green tea."}
    desk.write("pairs.jsonl", json.dumps(text))
    (desk.root / "datasets/translate.py").write_bytes(TRANSLATE.read_bytes())
    name = ("--name", "Translation.translate", "-in", "pairs.jsonl", "--output_dir", "out")
    words = ["run", *name, "--languages", "de"]
    assert run_app([*words, *map(str, reach(server))], root=desk.root) == 0
    assert "--backend local" in refuse(desk, "run", *name)


def test_a_folder_that_no_endpoint_has_answered_in_is_free(
    desk: Any, server: ScriptedServer
) -> None:
    """A wrong key left no reply: trying the embedded model there is shown, not refused."""
    server.play(Script(faults=[Fault("invalid_api_key")]))
    assert desk.call("run", *NAME, *reach(server)).status == 3
    assert desk.call("run", *NAME, "--dry_run").status == 0


def test_whoever_names_the_embedded_model_may_go_on(desk: Any, server: ScriptedServer) -> None:
    """It is the user's wish, and no trap."""
    assert desk.call("run", *NAME, *reach(server)).status == 0
    assert desk.call("run", *NAME, "--backend", "local", "--dry_run").status == 0


def test_reparse_needs_no_endpoint(desk: Any, server: ScriptedServer) -> None:
    """It asks nobody, and the run's file still says who answered."""
    assert desk.call("run", *NAME, *reach(server)).status == 0
    before = desk.read("out/run.json")["deployments"]
    assert desk.call("run", *NAME, "--reparse").status == 0
    assert desk.read("out/run.json")["deployments"] == before != []


def test_the_default_model_takes_over_no_run_of_another(
    desk: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgotten --model would pay for all once more; named, it is the user's wish."""
    assert desk.call("run", *NAME, *reach(server)).status == 0
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-4f9vQ0aZ7wLkP2sT")
    line = refuse(desk, "run", *NAME)
    for way in ("--model m ", "--model gpt-4o-mini ", "--output_dir"):
        assert way in line
    assert desk.call("run", *NAME, "--model", "gpt-4o-mini", "--dry_run").status == 0
    assert desk.call("run", *NAME, "--output_dir", "other", "--dry_run").status == 0


def test_the_default_model_takes_over_no_judgements(
    desk: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its marks would hold in place of those of the run's own judge."""
    assert desk.call("run", *NAME, *reach(server)).status == 0
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-4f9vQ0aZ7wLkP2sT")
    line = refuse(desk, "judge", "out")
    assert "--model m " in line
    assert "--model gpt-4o-mini " in line
    monkeypatch.delenv("OPENAI_API_KEY")
    assert desk.call("judge", "out", "--base_url", server.base_url, "--model", "big").status == 0
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-4f9vQ0aZ7wLkP2sT")
    assert "--model big " in refuse(desk, "judge", "out")


def test_other_queries_in_the_same_folder_are_told(desk: Any, server: ScriptedServer) -> None:
    """Their files hold them alone, which isn't what one who adds a slice expects."""
    told = "the files will hold these queries alone"
    command = ("run", *NAME, *reach(server))
    assert told not in desk.call(*command).err
    assert told not in desk.call(*command, "--slice_end", -1, "--seed", 4).err
    assert told not in desk.call(*command, "-in", "./photos.json").err
    desk.write("others.json", [{"id": "o", "sentences": "Another photo."}])
    for more in (("--slice_start", 2), ("--random_sample",), ("-in", "others.json")):
        assert told in desk.call(*command, *more).err
        assert told not in desk.call(*command, *more).err
        assert desk.call("translate", "out", *reach(server), "--languages", "none").status == 0
    asked = server.log.requests
    assert told in desk.call(*command).err
    assert server.log.requests == asked
    assert len(desk.read("out/query_input.json")) == 5


@pytest.mark.parametrize("flags", [("--redo", "failed"), ("--reparse",)], ids=["redo", "reparse"])
def test_no_folder_is_made_for_a_run_that_is_not_there(
    desk: Any, server: ScriptedServer, flags: tuple[str, ...]
) -> None:
    """A folder that was mistyped stays away, and can't be taken for a run's."""
    line = refuse(desk, "run", *NAME, *reach(server), *flags)
    assert "there is no run in out" in line
    assert not (desk.root / "out").exists()
