"""Folders that are either whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from syphus.core.durable_folder import replacing_folder
from syphus.core.errors import SettingsError

MARK = ".mark.json"


def fill(path: Path, **files: str) -> None:
    """Puts a folder with these files in place."""
    with replacing_folder(path, mark=MARK, facts={}) as folder:
        for name, text in files.items():
            (folder / name).write_text(text)


def names(folder: Path) -> list[str]:
    """What stands in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_second_folder_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """Nothing of the first is left in it, and nothing beside it."""
    path = tmp_path / "deep" / "out"
    fill(path, a="1", b="1")
    fill(path, b="2", c="2")
    assert names(path) == [MARK, "b", "c"]
    assert (path / "b").read_text() == "2"
    assert names(path.parent) == ["out"]


def test_the_old_folder_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """Meanwhile, and also where filling the new one fails."""
    path = tmp_path / "out"
    fill(path, a="old")

    def fail() -> None:
        with replacing_folder(path, mark=MARK, facts={}) as folder:
            (folder / "a").write_text("new")
            assert (path / "a").read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (path / "a").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_the_old_folder_comes_back_where_the_new_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename that fails between the two leaves what was there."""
    path = tmp_path / "out"
    fill(path, a="old")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if target == path and (self / "b").exists():
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="No space"):
        fill(path, b="new")
    assert names(path) == [MARK, "a"]
    assert names(tmp_path) == ["out"]


def test_the_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    """Those of this folder, and of no other."""
    others = [".other.abcdefgh.part", ".out.more.abcdefgh.part", ".out.part"]
    for name in (".out.abcd_123.part", *others):
        (tmp_path / name / "out").mkdir(parents=True)
    fill(tmp_path / "out", a="1")
    assert names(tmp_path) == [*others, "out"]


def test_a_second_call_leaves_alone_what_the_first_is_filling(tmp_path: Path) -> None:
    """Both end; the one that ends last has its files at the place."""
    path = tmp_path / "out"
    with replacing_folder(path, mark=MARK, facts={}) as folder:
        (folder / "a").write_text("first")
        fill(path, b="second")
        assert (path / "b").read_text() == "second"
        assert (folder / "a").read_text() == "first"
    assert names(path) == [MARK, "a"]
    assert names(tmp_path) == ["out"]


def test_the_files_of_somebody_else_are_not_replaced(tmp_path: Path) -> None:
    """A folder without the mark, or a file, stays; an empty folder may be filled."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_text("dear")
    (tmp_path / "file").write_text("dear")
    (tmp_path / "empty").mkdir()
    for name in ("photos", "file"):
        with pytest.raises(SettingsError, match=name):
            fill(tmp_path / name, a="1")
    assert (tmp_path / "photos" / "a.png").read_text() == "dear"
    assert (tmp_path / "file").read_text() == "dear"
    fill(tmp_path / "empty", a="1")
    assert names(tmp_path / "empty") == [MARK, "a"]


def test_the_old_folder_comes_back_where_ctrl_c_comes_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also right behind the rename that took it away."""
    path = tmp_path / "out"
    fill(path, a="old")
    rename = Path.rename

    def interrupt(self: Path, target: Path) -> Path:
        moved = rename(self, target)
        if self == path:
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fill(path, b="new")
    assert names(path) == [MARK, "a"]
    assert names(tmp_path) == ["out"]
