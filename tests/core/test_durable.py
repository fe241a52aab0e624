"""Files that are either whole or not there."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syphus.core.durable import (
    dump,
    json_list,
    open_to_write,
    read_json_list,
    remove_leftovers,
    replacing,
    without_surrogates,
    write_json,
)

ANY_TEXT = st.text(st.characters() | st.sampled_from("\ud800\udbff\udc00\udfff\u2028\ufeff\n\r"))
VALID_TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\u2028\n\r[],"))
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | VALID_TEXT
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(VALID_TEXT, inner, max_size=4),
    max_leaves=12,
)
SHARED_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)


def fill_the_disk(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever is written in the place of the file `name` meets a full disk."""
    real = tempfile.mkstemp

    def mkstemp(**settings: Any) -> tuple[int, str]:
        handle, place = real(**settings)
        if settings["prefix"] == f".{name}.":
            os.close(handle)
            handle = os.open("/dev/full", os.O_WRONLY)
        return handle, place

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)


def test_a_full_disk_is_told_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel doesn't say which file it was; of two that are written at once it is the one."""
    fill_the_disk(monkeypatch, "b.json")

    def write() -> None:
        with json_list(tmp_path / "a.json") as first, json_list(tmp_path / "b.json") as second:
            first.add(1)
            second.add(2)

    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path}/b.json'"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_grows_is_told_with_its_name() -> None:
    """Also where its last bytes are written only when it is closed."""
    with (
        pytest.raises(OSError, match="No space left on device: '/dev/full'"),
        open_to_write(Path("/dev/full")) as file,
    ):
        file.write(b"1")


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """A reader sees the old content throughout the block and the new content after it."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_fault_leaves_what_was_there(
    tmp_path: Path,
    fault: type[BaseException],
    existing: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    """An error or interrupt in the block changes nothing and leaves no part of a file."""
    path = tmp_path / "file"
    if existing:
        path.write_bytes(b"old")

    def write() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise fault

    with pytest.raises(fault):
        write()
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"] * existing


def test_bytes_are_synced_before_the_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that survives a power cut: sync the file, rename it, sync the folder."""
    path = tmp_path / "file"
    synced: list[tuple[bool, bool]] = []

    def record(handle: int) -> None:
        is_folder = os.fstat(handle).st_ino == tmp_path.stat().st_ino
        synced.append((is_folder, path.exists()))

    monkeypatch.setattr(os, "fsync", record)
    with replacing(path) as file:
        file.write(b"x")
    assert synced == [(False, False), (True, True)]


def test_a_failed_sync_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that may not be on the disk never take the place of those that are."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(handle: int) -> None:
        raise OSError(5, f"no sync of {handle}")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no sync"):
        write_json(path, {"new": True})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_one_value_is_written_as_indented_json(tmp_path: Path) -> None:
    """Small files are for people too."""
    write_json(tmp_path / "meta.json", {"a": ["é", None]})
    assert (tmp_path / "meta.json").read_text("utf-8") == (
        '{\n  "a": [\n    "é",\n    null\n  ]\n}\n'
    )


@given(VALUES)
def test_dump_is_json_of_the_value(value: object) -> None:
    """Another reader gets back exactly what was dumped, from a single line."""
    written = dump(value)
    assert b"\n" not in written
    assert json.loads(written) == value


@given(ANY_TEXT)
def test_lone_surrogates_alone_are_replaced(text: str) -> None:
    """Each lone half becomes U+FFFD, two that belong together their character, the rest stays."""
    pairs = re.compile("([\ud800-\udbff])([\udc00-\udfff])")
    joined = pairs.sub(
        lambda m: chr(0x10000 + (ord(m[1]) - 0xD800) * 0x400 + ord(m[2]) - 0xDC00), text
    )
    expected = re.sub("[\ud800-\udfff]", "\ufffd", joined)
    assert without_surrogates(text) == expected
    if text.isascii() or any("\ud800" <= letter <= "\udfff" for letter in text):
        assert json.loads(dump(text)) == expected


def test_surrogates_are_replaced_at_any_depth() -> None:
    """Keys, lists, tuples and objects are gone through; other values are left as they are."""
    value = {"k\ud800": ["\udfff", ("a\ud800", 1)], "n": {"x": None, "y": 1.5, "z": True}}
    assert json.loads(dump(value)) == {
        "k\ufffd": ["\ufffd", ["a\ufffd", 1]],
        "n": {"x": None, "y": 1.5, "z": True},
    }


def test_what_json_has_no_word_for_is_refused() -> None:
    """A value of a foreign kind is an error, not a guess."""
    with pytest.raises(TypeError):
        dump({"a": {1, 2}})


@SHARED_FOLDER
@given(values=st.lists(VALUES, max_size=6))
def test_a_list_streams_back_equal(tmp_path: Path, values: list[Any]) -> None:
    """Any elements survive, each on its own line, and the file is one JSON array."""
    path = tmp_path / "list.json"
    with json_list(path) as file:
        for value in values:
            file.add(value)
        assert file.count == len(values)
    assert list(read_json_list(path)) == values
    assert json.loads(path.read_bytes()) == values
    assert path.read_bytes().count(b"\n") == len(values) + 2


def test_a_list_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    """A fault between two elements doesn't publish the first."""
    path = tmp_path / "list.json"

    def write(*values: object) -> None:
        with json_list(path) as file:
            for value in values:
                file.add(value)

    write("old")
    with pytest.raises(TypeError):
        write("new", {1, 2})
    assert list(read_json_list(path)) == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_lists_are_written_and_read_in_constant_memory(tmp_path: Path) -> None:
    """Twenty megabytes take less than one to write and to read."""
    path = tmp_path / "list.json"
    tracemalloc.start()
    try:
        with json_list(path) as file:
            for number in range(20_000):
                file.add({"id": number, "text": "x" * 1000})
        count = sum(1 for _ in read_json_list(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert path.stat().st_size > 20_000_000
    assert peak < 1_000_000


@pytest.mark.parametrize("number", [2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**40])
def test_whole_numbers_of_any_size_are_written(number: int) -> None:
    """Also beside a text that UTF-8 can't hold, and with an indent."""
    assert json.loads(dump({"a": [number], "b": (number, True)})) == {
        "a": [number],
        "b": [number, True],
    }
    assert json.loads(dump({"a": number, "b": "\ud800"}, indent=True)) == {
        "a": number,
        "b": "\ufffd",
    }


def test_the_leftovers_of_the_dead_are_removed(tmp_path: Path) -> None:
    """Those of this file; neither what a living process writes, nor other files."""
    others = [".a.json.part", ".b.json.abcdefgh.part", "a.json"]
    for name in (".a.json.abcd_123.part", *others):
        (tmp_path / name).write_text("{")
    with replacing(tmp_path / "a.json") as file:
        remove_leftovers(tmp_path / "a.json")
        file.write(b"{}")
    assert (tmp_path / "a.json").read_text() == "{}"
    assert sorted(path.name for path in tmp_path.iterdir()) == others
