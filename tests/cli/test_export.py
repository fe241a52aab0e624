"""`syphus export RUN`: from a run to what other programs load."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from syphus.cli.app import run_app
from syphus.export.editions import Edition
from syphus.testing import Fault, Script, ScriptedServer

OUT = "output_Photos.photos_v1"
FORMATS = ("mimicit", "jsonl", "parquet", "llava", "sharegpt", "chatml", "hf")


def interrupt(*_: object) -> None:
    """What Ctrl-C does."""
    raise KeyboardInterrupt


@pytest.fixture
def finished(desk: Any, server: ScriptedServer) -> Callable[..., int]:
    """Runs the five photos to their end; gives the exit status."""

    def run(*arguments: object) -> int:
        words = ["run", "--name", "Photos.photos", "--base_url", server.base_url, "--no_progress"]
        model = [] if "--model" in arguments else ["--model", "m"]
        return run_app([*words, *model, *map(str, arguments)], root=desk.root)

    return run


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_is_exported(desk: Any, finished: Callable[..., int], form: str) -> None:
    """It says on stdout how many pairs each language has, and where they are."""
    assert finished("--languages", "ja,de") == 0
    done = desk.call("export", OUT, "--format", form)
    assert done.status == 0, done.err
    assert done.err == ""
    assert done.out.splitlines() == [
        f"format    {form}",
        "in en     15 pairs",
        "in ja     15 pairs",
        "in de     15 pairs",
        f"folder    {OUT}_{form}",
    ]


def test_the_rows_are_those_of_the_run(desk: Any, finished: Callable[..., int]) -> None:
    """Each pair of each language's file, in their order."""
    assert finished("--languages", "de") == 0
    assert desk.call("export", OUT, "--format", "jsonl", "--output-dir", "mine").status == 0
    lines = (desk.root / "mine/PH.jsonl").read_bytes().splitlines()
    expected = [
        {"id": name, "language": code, **entry}
        for code, file in (("en", "PH_instructions.json"), ("de", "PH_instructions_de.json"))
        for name, entry in desk.read(f"{OUT}/{file}")["data"].items()
    ]
    assert [orjson.loads(line) for line in lines] == expected


def test_a_run_is_the_same_after_an_export(desk: Any, finished: Callable[..., int]) -> None:
    """It can be gone on with, and asks nothing anew."""
    assert finished("--languages", "none") == 0
    assert desk.call("export", OUT, "--format", "hf", "--license", "cc-by-4.0").status == 0
    before = desk.read(f"{OUT}/PH_instructions.json")
    assert finished("--languages", "none") == 0
    assert desk.read(f"{OUT}/PH_instructions.json") == before
    assert (desk.root / f"{OUT}_hf/README.md").exists()


def test_a_stopped_run(desk: Any, finished: Callable[..., int], server: ScriptedServer) -> None:
    """What is there is exported, and one line says why it isn't all, and what is missing."""
    server.play(Script(faults=[Fault("insufficient_quota", after=2)]))
    assert finished("--languages", "none", "--num_threads", 1) == 3
    done = desk.call("export", OUT, "--format", "hf")
    assert done.status == 0
    assert "in en     6 pairs" in done.out
    assert done.err.count("\n") == 1
    assert "isn't finished, 3 queries have no answer yet" in done.err
    assert "429" in done.err
    assert "3 annotations weren't asked about yet" in card(desk)


def test_a_killed_run(desk: Any, finished: Callable[..., int]) -> None:
    """Its files may be older than its answers: one line tells of --reparse, which writes them."""
    assert finished("--languages", "none") == 0
    facts = desk.read(f"{OUT}/run.json")
    desk.write(f"{OUT}/run.json", facts | {"state": "running"})
    done = desk.call("export", OUT, "--format", "jsonl")
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert "--reparse" in done.err
    assert finished("--languages", "none", "--reparse") == 0
    assert desk.call("export", OUT, "--format", "jsonl").status == 0


def card(desk: Any) -> str:
    """The data card of the run."""
    text: str = (desk.root / f"{OUT}_hf/README.md").read_text()
    return text


def test_the_card_names_each_model_that_wrote(
    desk: Any, finished: Callable[..., int], server: ScriptedServer
) -> None:
    """Of all sittings, by whatever name each was asked, and none that wrote nothing here."""

    def translate(model: str, languages: str) -> None:
        words = ("--base_url", server.base_url, "--model", model, "--languages", languages)
        assert desk.call("translate", OUT, *words).status == 0

    assert finished("--languages", "none") == 0
    translate("second", "ja")
    translate("third", "ja,de")
    assert desk.call("export", OUT, "--format", "hf").status == 0
    assert "- model: `m`\n- translated by: `second`, `third`\n" in card(desk)
    assert finished("--languages", "none", "--model", "new") == 0
    assert desk.call("export", OUT, "--format", "hf").status == 0
    assert "- model: `new`\n" in card(desk)


def test_a_data_set_of_free_text(desk: Any, finished: Callable[..., int]) -> None:
    """Its run holds no pairs, and is told so."""
    plugin = (desk.root / "datasets/photos.py").read_text()
    desk.write("datasets/photos.py", plugin + "    free_text = True\n")
    assert finished() == 0
    done = desk.call("export", OUT, "--format", "llava")
    assert done.status == 2
    assert "free text" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("nowhere", "--format", "jsonl"),
        ("datasets", "--format", "jsonl"),
        ("photos.json", "--format", "jsonl"),
        (".", "--format", "csv"),
        (".",),
        ("--format", "jsonl"),
    ],
)
def test_what_cannot_be_exported(desk: Any, arguments: tuple[str, ...]) -> None:
    """No run, no such format, no format: one line and status 2."""
    done = desk.call("export", *arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith("syphus: ")


def test_an_interrupted_export(
    desk: Any, finished: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says that the earlier export stands, with status 3."""
    assert finished("--languages", "none") == 0
    assert desk.call("export", OUT, "--format", "jsonl").status == 0
    monkeypatch.setattr(Edition, "pairs", interrupt)
    done = desk.call("export", OUT, "--format", "jsonl")
    assert (done.status, done.out, done.err.count("\n")) == (3, "", 1)
    assert "stands" in done.err
    assert (desk.root / f"{OUT}_jsonl/PH.jsonl").exists()


def test_an_export_loads_only_what_its_format_needs() -> None:
    """Neither help nor the command's code imports pyarrow, datasets, pandas or ijson."""
    code = (
        "import sys, syphus, syphus.cli.app, syphus.cli.export, syphus.pipeline.exporting\n"
        "print({'pyarrow', 'datasets', 'pandas', 'ijson'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
