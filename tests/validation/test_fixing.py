"""`--fix` drops what dangles."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syphus.core.durable import json_list
from syphus.core.errors import StoppedEarly
from syphus.export.instructions import read_instructions
from syphus.validation.check import check_set
from syphus.validation.findings import Findings, Kind
from syphus.validation.fixing import MENDED, Dropped, fix_set
from syphus.validation.kinds import file_sets
from tests.validation.conftest import Album, check, kinds, make_album, pair_id


def fix(folder: Path) -> dict[str, dict[str, int]]:
    """What was dropped from each file."""
    checked = [check_set(files, Findings()) for files in file_sets([folder])]
    dropped: list[Dropped] = [each for one in checked for each in fix_set(one)]
    return {each.path.name: dict(each.counts) for each in dropped}


def test_what_dangles_is_dropped_and_counted(album: Album) -> None:
    """Related ids alone; an instruction, in all languages, with an image that is nowhere."""
    album.data()[pair_id(1)]["rel_ins_ids"].append("DC_INS_77777")
    album.files["DC_train.json"][pair_id(9)] += ["DC_INS_77777", "DC_INS_88888"]
    album.files["DC_train.json"]["DC_INS_66666"] = []
    album.data("DC_instructions_zh.json")[pair_id(5)]["image_ids"] = ["DC_IMG_99"]
    album.write()
    assert fix(album.folder) == {
        "DC_instructions.json": {"related ids": 3, "instructions": 1},
        "DC_instructions_zh.json": {"related ids": 2, "instructions": 1},
        "DC_train.json": {"related ids": 4, "ids to train on": 2},
    }
    assert kinds(check(album.folder)) == set()
    english = list(read_instructions(album.folder / "DC_instructions.json"))
    assert [each.id for each in english] == [pair_id(n) for n in (1, 2, 3, 4, 6, 7, 8, 9)]
    assert english[0].related_ids == (pair_id(2), pair_id(3))


def test_the_file_as_it_was_is_kept(album: Album) -> None:
    """A second fix doesn't lose it; a file in which nothing dangles isn't touched."""
    album.files["DC_train.json"]["DC_INS_66666"] = []
    album.write()
    original = (album.folder / "DC_train.json").read_bytes()
    before = (album.folder / "DC_instructions.json").stat()
    fix(album.folder)
    fixed = json.loads((album.folder / "DC_train.json").read_bytes())
    fixed["DC_INS_55555"] = []
    (album.folder / "DC_train.json").write_text(json.dumps(fixed))
    assert fix(album.folder) == {"DC_train.json": {"ids to train on": 1}}
    assert (album.folder / "DC_train.json.bak").read_bytes() == original
    after = (album.folder / "DC_instructions.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [each.name for each in album.folder.glob("*.bak")] == ["DC_train.json.bak"]
    assert not list(album.folder.glob(".*"))


def test_a_train_file_of_a_language_is_fixed(album: Album) -> None:
    """By what its language has."""
    album.files["DC_train_zh.json"] = json.loads(json.dumps(album.files["DC_train.json"]))
    del album.data("DC_instructions_zh.json")[pair_id(1)]
    album.write()
    assert fix(album.folder) == {
        "DC_instructions_zh.json": {"related ids": 2},
        "DC_train_zh.json": {"ids to train on": 1, "related ids": 2},
    }
    assert kinds(check(album.folder)) == {Kind.LACKING}


def test_without_english_no_translation_is_dropped(album: Album) -> None:
    """Each of two languages may lack what the other has, as after a run that only translates."""
    album.files["DC_instructions_ja.json"] = json.loads(
        json.dumps(album.files.pop("DC_instructions.json"))
    )
    for language, number in (("ja", 1), ("zh", 4)):
        data = album.data(f"DC_instructions_{language}.json")
        for name in data.pop(pair_id(number))["rel_ins_ids"]:
            data[name]["rel_ins_ids"].remove(pair_id(number))
    del album.files["DC_train.json"]
    album.write()
    found = check(album.folder)
    assert found.by_kind() == {Kind.LACKING: 2}
    assert [line.split(": ")[1] for line in found.lines()] == [pair_id(4), pair_id(1)]
    assert fix(album.folder) == {}
    with json_list(album.folder / "translation_errors.json") as errors:
        errors.add({"id": pair_id(1), "language": "ja", "text": "", "error_message": "e"})
        errors.add({"id": pair_id(4), "language": "zh", "text": "", "error_message": "e"})
    assert kinds(check(album.folder)) == set()


def test_without_links_the_original_is_copied(
    album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, or not at all: half a copy would be taken for the original by the next fix."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    album.files["DC_train.json"]["DC_INS_66666"] = []
    album.write()
    original = (album.folder / "DC_train.json").read_bytes()
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with monkeypatch.context() as patch:

        def half(source: IO[bytes], target: IO[bytes]) -> None:
            target.write(source.read(9))
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(shutil, "copyfileobj", half)
        with pytest.raises(StoppedEarly, match=r"DC_train.json can't be fixed .* No space left"):
            fix(album.folder)
    assert {each.name for each in album.folder.iterdir()} == album.files.keys()
    assert (album.folder / "DC_train.json").read_bytes() == original
    fix(album.folder)
    assert (album.folder / "DC_train.json.bak").read_bytes() == original
    assert kinds(check(album.folder)) == set()


def test_all_else_stays_as_it_is(album: Album) -> None:
    """Fields and members of somebody's own, integers of any size and an order of any kind."""
    data = album.data()
    data[pair_id(1)] |= {"score": 0.25, "seed": 2**63 - 1, "more": {"\u00e9": [None]}}
    album.files["DC_instructions.json"] = {"licence": "mine", **album.files["DC_instructions.json"]}
    album.files["DC_instructions.json"]["behind"] = [1]
    data[pair_id(2)]["rel_ins_ids"].append("DC_INS_77777")
    album.write()
    assert set(fix(album.folder)) == {"DC_instructions.json"}
    data[pair_id(2)]["rel_ins_ids"].pop()
    found = json.loads((album.folder / "DC_instructions.json").read_bytes())
    assert json.dumps(found) == json.dumps(album.files["DC_instructions.json"])


@given(data=st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_afterwards_nothing_dangles(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever images, pairs of any language and relations are lost or invented."""
    for old in tmp_path.glob("*"):
        old.unlink()
    album = make_album(tmp_path, sources=data.draw(st.integers(1, 3)), each=2)
    names = sorted(album.data())
    invented = st.lists(st.sampled_from([*names, "DC_INS_77777", "x"]), max_size=3)
    for file in ("DC_instructions.json", "DC_instructions_zh.json"):
        for name in data.draw(st.lists(st.sampled_from(names), unique=True)):
            if data.draw(st.booleans()):
                del album.data(file)[name]
            else:
                album.data(file)[name]["rel_ins_ids"] = data.draw(invented)
    for name in data.draw(st.lists(st.sampled_from(sorted(album.files["DC.json"])), unique=True)):
        del album.files["DC.json"][name]
    album.files["DC_train.json"] = {name: data.draw(invented) for name in data.draw(invented)}
    album.write()
    fix(tmp_path)
    assert not set(MENDED) & kinds(check(tmp_path))
    assert fix(tmp_path) == {}


def test_a_second_process_keeps_the_original_of_the_first(
    album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another keeps it between our look and our link, it isn't replaced by a fixed file."""
    album.files["DC_train.json"]["DC_INS_66666"] = []
    album.write()
    backup = album.folder / "DC_train.json.bak"
    link = Path.hardlink_to

    def come_second(self: Path, target: Path) -> None:
        self.write_bytes(b"kept by the other")
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", come_second)
    fix(album.folder)
    assert backup.read_bytes() == b"kept by the other"
