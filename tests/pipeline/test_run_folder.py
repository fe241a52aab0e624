"""A run's folder: what is removed there, and what can't stand there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syphus.core.durable import replacing
from syphus.core.errors import SettingsError
from syphus.pipeline.run_folder import make_folder, remove_leftovers


class Unkind:
    """Watches, and raises at every word."""

    def notice(self, text: str) -> None:
        raise RuntimeError(text)


def left_by_a_kill(path: Path) -> Path:
    """The part file of `path`, as a process leaves it that is killed while it writes."""
    with replacing(path):
        (part,) = path.parent.glob(f".{path.name}.*.part")
    part.write_bytes(b"[")
    path.unlink()
    return part


def test_the_parts_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    """Those of files that are replaced, and those that go by one name."""
    left_by_a_kill(tmp_path / "valid_output.json")
    for name in (".query_input.json.part", ".run.json.part", ".translations.part"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / ".meta.json.abcdefgh.part")
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".thesis.part", ".thesis.json.part", ".movie.mkv.12345678.part"])
def test_a_foreign_part_stays(tmp_path: Path, name: str) -> None:
    """A folder may hold the unfinished files of others."""
    (tmp_path / name).write_text("years of work")
    remove_leftovers(tmp_path)
    assert (tmp_path / name).read_text() == "years of work"


def test_a_folder_with_the_name_of_a_part(job: Any, photos: Callable[..., Any]) -> None:
    """Whatever stands in the run's folder, the run goes on."""
    (job.folder / ".valid_output.json.abcdefgh.part").mkdir(parents=True)
    assert job.run(photos(3)).counts == (3, 0, 0)


@pytest.mark.parametrize("name", ["generate.jsonl", "translate.jsonl", "lock"])
def test_a_pipe_in_a_journals_place(tmp_path: Path, name: str) -> None:
    """It is refused with its path: to open it would wait for ever."""
    (tmp_path / "journal").mkdir()
    os.mkfifo(tmp_path / "journal" / name)
    with pytest.raises(SettingsError, match=name):
        make_folder(tmp_path)


def test_a_watcher_that_raises(job: Any, photos: Callable[..., Any]) -> None:
    """It changes nothing: each query is asked and answered, and the notices stand in the log."""
    job.run(photos(2))
    job.notice = Unkind().notice
    assert job.run(photos(5)).counts == (5, 0, 0)
    assert "the journal holds 2 outcomes" in (job.folder / "run.log").read_text()
