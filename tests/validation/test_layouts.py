"""Folders as people have them."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from syphus.core.durable import json_list
from syphus.core.errors import AnnotationError
from syphus.validation.check import check_set
from syphus.validation.findings import MOST_SHOWN, Findings, Kind
from syphus.validation.kinds import file_sets
from tests.validation.conftest import Album, check, entry, kinds, make_album, pair_id


def test_each_folder_of_a_tree_is_a_set(tmp_path: Path) -> None:
    """The same ids in two folders are two releases; within one folder they are a fault."""
    for name in ("old", "new"):
        make_album(tmp_path / name).write()
    assert kinds(check(tmp_path)) == set()
    (tmp_path / "old/DC_instructions.json").rename(tmp_path / "new/SN_instructions.json")
    assert Kind.REPEATED in kinds(check(tmp_path / "new"))


def test_images_may_stand_in_a_folder_of_their_own(album: Album) -> None:
    """Under any name: they are known by what they hold."""
    album.files["images/shard_7.json"] = album.files.pop("DC.json")
    assert kinds(album.check()) == set()
    del album.files["images/shard_7.json"]["DC_IMG_1"]
    found = album.check()
    assert found.by_kind() == {Kind.IMAGE: 6}


def test_without_images_their_ids_are_not_checked(album: Album) -> None:
    """Most people have the instructions alone."""
    del album.files["DC.json"]
    assert kinds(album.check()) == set()


def test_several_image_files_are_one(album: Album) -> None:
    """Shards share the ids, and no id may be in two."""
    first, *others = album.files["DC.json"].items()
    album.files["DC.json"] = dict(others)
    album.files["DC_01.json"] = dict([first])
    assert kinds(album.check()) == set()
    album.files["DC_01.json"] |= dict(others)
    assert album.check().by_kind() == {Kind.REPEATED: len(others)}


def test_parquet_shards_hold_images_too(album: Album) -> None:
    """With pandas' name of an index, or a column of ids; a table of pairs is something else."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    album.write()
    images = album.files.pop("DC.json")
    (album.folder / "DC.json").unlink()
    for column in ("id", "__index_level_0__"):
        table = pa.table({"base64": list(images.values()), column: list(images)})
        parquet.write_table(table, album.folder / "DC.parquet")
        assert kinds(check(album.folder)) == set()
        parquet.write_table(table.slice(1), album.folder / "DC.parquet")
        assert kinds(check(album.folder)) == {Kind.IMAGE}
    broken = pa.table({"base64": ["?" for _ in images], "id": list(images)})
    parquet.write_table(broken, album.folder / "DC.parquet")
    assert kinds(check(album.folder)) == {Kind.SHAPE}
    pairs = pa.table({"id": ["DC_INS_00001"], "instruction": ["q"], "answer": ["a"]})
    parquet.write_table(pairs, album.folder / "DC.parquet")
    assert kinds(check(album.folder)) == set()
    (album.folder / "DC.parquet").write_bytes(b"PAR1")
    assert kinds(check(album.folder)) == {Kind.UNREADABLE}


def test_a_language_may_lack_what_its_run_lists(album: Album) -> None:
    """`translation_errors.json` says what could not be translated; the rest is a fault."""
    gone = album.data("DC_instructions_zh.json").pop(pair_id(2))
    for name in gone["rel_ins_ids"]:
        album.data("DC_instructions_zh.json")[name]["rel_ins_ids"].remove(pair_id(2))
    assert album.check().by_kind() == {Kind.LACKING: 1}
    with json_list(album.folder / "translation_errors.json") as errors:
        errors.add({"id": pair_id(2), "language": "zh", "text": "", "error_message": "e"})
    assert kinds(check(album.folder)) == set()


def test_a_train_file_may_name_a_part(album: Album) -> None:
    """People train on a part of a data set."""
    del album.files["DC_train.json"][pair_id(1)]
    assert kinds(album.check()) == set()


def test_files_named_singly_are_one_set(album: Album) -> None:
    """Whatever folders they come from; what is known by its contents needs no name."""
    album.write()
    elsewhere = album.folder / "elsewhere"
    elsewhere.mkdir()
    whole = (album.folder / "DC_instructions.json").rename(elsewhere / "mine.json")
    train = (album.folder / "DC_train.json").rename(elsewhere / "mine_train.json")
    assert kinds(check(whole, train, album.folder / "DC.json")) == set()
    album.files["DC.json"].popitem()
    (album.folder / "DC.json").write_text(json.dumps(album.files["DC.json"]))
    assert kinds(check(whole, train, album.folder / "DC.json")) == {Kind.IMAGE}


def test_other_files_are_left_alone(album: Album) -> None:
    """What a run or somebody else keeps beside them is no finding."""
    for name in ("meta.json", "run.json", "notes.json"):
        album.files[name] = {"prompt_hash": "0" * 64, "time": 1}
    album.files["list.json"] = [1, 2]
    album.files["README.md"] = "hello"
    assert kinds(album.check()) == set()
    assert [each.name for files in file_sets([album.folder]) for each in files.left_alone] == [
        "list.json",
        "notes.json",
    ]


def test_a_place_without_such_files_is_refused(tmp_path: Path) -> None:
    """So that a wrong path isn't taken for a clean folder."""
    with pytest.raises(AnnotationError, match="no such file"):
        file_sets([tmp_path / "nowhere"])
    (tmp_path / "notes.json").write_text("{}")
    with pytest.raises(AnnotationError, match=f"^{tmp_path}: no file of MIMIC-IT is there"):
        file_sets([tmp_path])


def test_places_are_shown_for_the_first_of_many(album: Album) -> None:
    """Each is an id with the byte at which its entry begins; the others are counted."""
    data = album.data()
    for number in range(100, 200):
        data[pair_id(number)] = entry(number, "DC_IMG_1", [pair_id(number + 5000)])
    found = album.check()
    english = album.folder / "DC_instructions.json"
    lines = [line for line in found.lines() if line.startswith(f"{english}: ")]
    assert len(lines) == MOST_SHOWN + 1
    assert lines[-1].startswith(f"{english}: {100 - MOST_SHOWN} more")
    content = english.read_bytes()
    for number, line in enumerate(lines[:-1], 100):
        assert pair_id(number + 5000) in line
        at = int(line.split("byte ")[1].split(":")[0])
        assert content[at:].startswith(f'"{pair_id(number)}":'.encode())


def test_a_list_of_sums_is_read_as_both_programs_write_it(album: Album) -> None:
    """md5sum's lines and BSD's; a missing file and a line of something else are said."""
    album.write()
    (album.folder / "empty").touch()
    nothing = "d41d8cd98f00b204e9800998ecf8427e"
    album.files["MD5SUMS"] = f"# a remark\n{nothing} *empty\nMD5 (empty) = {nothing.upper()}\n\n"
    assert kinds(album.check()) == set()
    album.files["MD5SUMS"] += f"{nothing}  gone\n{nothing}\n"
    lines = list(album.check().lines())
    assert [("line 5" in lines[0]), ("line 6" in lines[1])] == [True, True]
    assert "No such file" in lines[0]


def test_a_train_file_may_be_of_a_language(album: Album) -> None:
    """As an export has them: it is held against the instructions of its language."""
    album.files["DC_train_zh.json"] = json.loads(json.dumps(album.files["DC_train.json"]))
    assert kinds(album.check()) == set()
    del album.data("DC_instructions_zh.json")[pair_id(1)]
    for name in (pair_id(2), pair_id(3)):
        album.data("DC_instructions_zh.json")[name]["rel_ins_ids"].remove(pair_id(1))
    assert album.check().by_kind() == {Kind.LACKING: 1, Kind.RELATED: 3}


def test_a_train_file_of_no_language(album: Album) -> None:
    """A word behind `train` that is no language of the set is a part of the name."""
    album.files["DC_train_old.json"] = {"DC_INS_77777": []}
    album.write()
    (files,) = file_sets([album.folder])
    lines = check_set(files, Findings()).lines
    assert any("DC_train_old.json: ids unchecked, its instructions are not" in at for at in lines)
    assert kinds(check(album.folder)) == set()


def test_a_compressed_file_is_told(album: Album) -> None:
    """Left alone beside others; alone, or under a name of MIMIC-IT's, it can't be checked."""
    album.write()
    packed = album.folder / "DC_instructions_ja.json.gz"
    packed.write_bytes(gzip.compress(b"{}"))
    for places in ([album.folder], [album.folder / "DC_instructions.json", packed]):
        (files,) = file_sets(places)
        assert f"{packed}: left alone, compressed: unpack it to have it checked" in (
            check_set(files, Findings()).lines
        )
    with pytest.raises(AnnotationError, match=r"json\.gz is compressed: unpack it first"):
        file_sets([packed])
    renamed = packed.rename(packed.with_suffix(""))
    lines = list(check(renamed).lines())
    assert lines == [f"{renamed}: byte 0: it is compressed: unpack it first"]


def test_two_releases_are_not_compared_as_languages(tmp_path: Path) -> None:
    """Of files that are named singly, what one lacks would be dropped from the other."""
    for name in ("old", "new"):
        make_album(tmp_path / name).write()
    places = [tmp_path / name / "DC_instructions.json" for name in ("old", "new")]
    with pytest.raises(AnnotationError, match=r"old/.* and .*new/.* check them singly"):
        file_sets(places)
    assert kinds(check(places[0], places[0])) == set()


@pytest.mark.parametrize("name", ["DC_instructions_zh.json", "DC.json", "DC_train.json", "MD5SUMS"])
def test_what_can_not_be_opened_is_a_finding(
    album: Album, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other files are checked all the same."""
    album.files["MD5SUMS"] = ""
    album.data()[pair_id(4)]["answer"] = ""
    album.write()
    opened = Path.open

    def refuse(self: Path, *arguments: Any, **more: Any) -> Any:
        if self.name == name:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **more)

    monkeypatch.setattr(Path, "open", refuse)
    found = check(album.folder)
    assert found.by_kind() == {Kind.UNREADABLE: 1, Kind.SHAPE: 1}
    assert any("Permission denied" in line for line in found.lines())


def test_a_folder_is_checked_once_however_it_is_reached(album: Album) -> None:
    """Links to folders of the tree, and in circles, don't have ids there twice."""
    album.files["images/DC.json"] = album.files.pop("DC.json")
    album.write()
    (album.folder / "again").symlink_to(album.folder / "images")
    (album.folder / "images/up").symlink_to(album.folder)
    (album.folder / "self").symlink_to(".")
    assert kinds(check(album.folder)) == set()
    assert len(file_sets([album.folder])) == 1


def test_a_list_of_sums_that_names_a_pipe(album: Album) -> None:
    """Nobody waits for whoever writes to it."""
    os.mkfifo(album.folder / "pipe")
    album.files["MD5SUMS"] = f"{'0' * 32}  pipe\n"
    (found,) = album.check().lines()
    assert "pipe: line 1: it is no regular file" in found
