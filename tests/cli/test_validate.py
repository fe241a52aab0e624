"""`syphus validate`, on what a run leaves and on what somebody broke."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syphus.testing import Fault, Script, ScriptedServer


def run(desk: Any, server: ScriptedServer) -> Path:
    """The folder of a run in English and Chinese."""
    where = ("--base_url", server.base_url, "--model", "m", "--output_dir", "out")
    desk.call("run", "--name", "Photos.photos", *where)
    desk.call("translate", "out", *where[:2], "--languages", "zh")
    return Path(desk.root) / "out"


def test_what_a_run_leaves_is_valid(desk: Any, server: ScriptedServer) -> None:
    """Every file counted, also where a query failed and where translations are missing."""
    server.play(Script(faults=[Fault("bad_request", containing="number 2")]))
    run(desk, server)
    done = desk.call("validate", "out")
    assert (done.status, done.err) == (0, "")
    assert "PH_instructions_zh.json: 12 instructions, zh" in done.out
    assert "PH_train.json: 12 ids" in done.out
    assert "image ids unchecked: no image file" in done.out
    assert done.out.endswith("nothing is wrong\n")


def test_what_a_stopped_run_leaves_is_valid(desk: Any, server: ScriptedServer) -> None:
    """Its files are of what it has; so is what it is exported to."""
    server.play(Script(faults=[Fault("insufficient_quota", after=2)]))
    where = ("--base_url", server.base_url, "--model", "m", "--output_dir", "out")
    assert desk.call("run", "--name", "Photos.photos", *where, "--num_threads", 1).status == 3
    assert desk.call("export", "out", "--format", "mimicit").status == 0
    for place in ("out", "out_mimicit"):
        done = desk.call("validate", place)
        assert (done.status, done.err) == (0, "")
        assert "PH_instructions.json: 6 instructions, en" in done.out


def test_an_export_that_lacks_translations_is_valid(desk: Any, server: ScriptedServer) -> None:
    """It says itself which ones are missing, as the run does."""
    folder = run(desk, server)
    path = folder / "PH_instructions_zh.json"
    chinese = json.loads(path.read_bytes())
    del chinese["data"]["PH_INS_00001"]
    for entry in chinese["data"].values():
        entry["rel_ins_ids"] = [each for each in entry["rel_ins_ids"] if each != "PH_INS_00001"]
    path.write_text(json.dumps(chinese))
    errors = [{"id": "PH_INS_00001", "language": "zh", "text": "", "error_message": "e"}]
    (folder / "translation_errors.json").write_text("[\n" + json.dumps(errors[0]) + "\n]\n")
    assert desk.call("export", "out", "--format", "mimicit").status == 0
    done = desk.call("validate", "out_mimicit")
    assert (done.status, done.err) == (0, "")
    assert "PH_instructions_zh.json: 1 lacking, as translation_errors.json says" in done.out
    assert "PH_train_zh.json: 14 ids to train on" in done.out
    assert "unchecked, its instructions" not in done.out


def test_what_dangles_is_said_and_dropped(desk: Any, server: ScriptedServer) -> None:
    """Status 4 with the place and the mend; --fix drops it, after which all is well."""
    folder = run(desk, server)
    train = json.loads((folder / "PH_train.json").read_bytes())
    train["PH_INS_00001"].append("PH_INS_00099")
    (folder / "PH_train.json").write_text(json.dumps(train))
    done = desk.call("validate", "out/PH_train.json", "out/PH_instructions.json")
    assert done.status == 4
    assert "PH_train.json: PH_INS_00001, byte 1: related id 'PH_INS_00099'" in done.out
    done = desk.call("validate", "out", "--fix")
    assert done.status == 0
    assert "PH_train.json: dropped 1 related ids" in done.out
    assert desk.call("validate", "out").out.endswith("nothing is wrong\n")


@pytest.mark.parametrize("place", ["images", "images/PH.json"])
def test_images_that_lie_elsewhere_are_those_of_the_run(
    desk: Any, server: ScriptedServer, place: str
) -> None:
    """`convert` writes into a folder of its own, so a run and its images are two places."""
    folder = run(desk, server)
    instructions = json.loads((folder / "PH_instructions.json").read_bytes())["data"]
    ids = {name for each in instructions.values() for name in each["image_ids"]}
    image = "iVBORw0KGgo" + "A" * 100
    desk.write("images/PH.json", dict.fromkeys(sorted(ids), image + "="))
    done = desk.call("validate", "out", place)
    assert (done.status, done.err) == (0, ""), done.out
    assert f"PH.json: {len(ids)} images" in done.out
    assert "unchecked" not in done.out
    missing = min(ids)
    desk.write("images/PH.json", dict.fromkeys(sorted(ids - {missing}), image + "="))
    done = desk.call("validate", "out", place)
    assert done.status == 4
    assert f"image '{missing}' is in no image file" in done.out


def test_an_image_file_that_is_named_twice_is_read_once(desk: Any, server: ScriptedServer) -> None:
    """By the run's folder and singly: its ids aren't taken for repeated ones."""
    folder = run(desk, server)
    desk.write("out/PH.json", dict.fromkeys([f"PH_IMG_p{at}" for at in range(5)], "A" * 112))
    done = desk.call("validate", "out", folder / "PH.json")
    assert done.status == 0, done.out
    assert done.out.count("PH.json: 5 images") == 1


def test_what_can_not_be_read_is_not_fixed(desk: Any, server: ScriptedServer) -> None:
    """A file that was cut off would make half of the ids look as if they dangled."""
    folder = run(desk, server)
    path = folder / "PH_instructions.json"
    path.write_bytes(path.read_bytes()[:-40])
    before = {each.name: each.read_bytes() for each in folder.glob("*.json")}
    done = desk.call("validate", "out", "--fix")
    assert done.status == 4
    assert "premature EOF" in done.out
    assert "not fixed" in done.out
    assert {each.name: each.read_bytes() for each in folder.glob("*.json")} == before


def test_sums_may_stand_elsewhere(desk: Any, server: ScriptedServer) -> None:
    """--md5 names a list; one that isn't there is wrong input."""
    folder = run(desk, server)
    (folder / "sums").write_text("0" * 32 + "  PH_train.json\n")
    done = desk.call("validate", "out", "--md5", "out/sums")
    assert done.status == 4
    assert "PH_train.json: line 1: the file's MD5 is" in done.out
    done = desk.call("validate", "out", "--md5", "nowhere")
    assert (done.status, done.err) == (2, "syphus: --md5: nowhere is no file\n")


@pytest.mark.parametrize("form", ["mimicit", "parquet"])
def test_what_an_export_writes(desk: Any, server: ScriptedServer, form: str) -> None:
    """MIMIC-IT's files hold together; tables of pairs are no such files, nor called clean."""
    run(desk, server)
    assert desk.call("export", "out", "--format", form).status == 0
    done = desk.call("validate", f"out_{form}")
    if form == "mimicit":
        assert (done.status, done.err) == (0, "")
        assert "unchecked, its instructions" not in done.out
    else:
        assert done.status == 2
        assert (
            done.err
            == "syphus: out_parquet: no file of MIMIC-IT is there: no instructions, no images\n"
        )


@pytest.mark.parametrize("place", ["nowhere", "."])
def test_a_place_without_files_is_wrong_input(desk: Any, place: str) -> None:
    """One line, status 2."""
    done = desk.call("validate", place)
    assert done.status == 2
    assert len(done.err.splitlines()) == 1


def test_what_a_killed_fix_left_is_removed(desk: Any, server: ScriptedServer) -> None:
    """By the next one, also where nothing is left to fix; a check alone removes nothing."""
    folder = run(desk, server)
    names = (".PH_instructions.json.abcd_123.part", ".PH_train.json.bak.abcd_123.part")
    for name in names:
        (folder / name).touch()
    assert desk.call("validate", "out").status == 0
    assert all((folder / name).exists() for name in names)
    assert desk.call("validate", "out", "--fix").status == 0
    assert not any((folder / name).exists() for name in names)


def test_a_name_with_a_line_s_end_breaks_no_line(desk: Any) -> None:
    """It is shown escaped, wherever a line names the file."""
    folder = Path(desk.root) / "odd"
    folder.mkdir()
    entry = {"instruction": "Q", "answer": "A", "image_ids": [], "rel_ins_ids": ["gone"]}
    file = {"meta": {"version": "v1", "time": "now", "author": "me"}, "data": {"PH_INS_1": entry}}
    (folder / "P\nH_instructions.json").write_text(json.dumps(file))
    done = desk.call("validate", "odd")
    assert done.status == 4
    lines = done.out.splitlines()
    assert all("odd/P\\nH_instructions.json" in line for line in lines if "odd" in line)
    assert not [line for line in lines if line.startswith("H_instructions")]
    assert not [line for line in lines if line.endswith("odd/P")]
    fixed = desk.call("validate", "odd", "--fix").out
    assert "odd/P\\nH_instructions.json" in fixed.splitlines()[-1]


def test_a_list_of_sums_that_names_no_file_is_told(desk: Any) -> None:
    """Zeros in it, as a file that was never written whole has them, are a finding."""
    folder = Path(desk.root) / "sums"
    folder.mkdir()
    (folder / "images.md5").write_bytes(b"0" * 32 + b"  a\0b\n")
    done = desk.call("validate", "sums", "--md5", "sums/images.md5")
    assert (done.status, done.err) == (4, "")
    assert "line 1: " in done.out
