"""Any single damage to a folder that holds together is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syphus.validation.findings import Kind
from tests.validation.conftest import Album, check, kinds, make_album, pair_id

BOTH = st.sampled_from(["DC_instructions.json", "DC_instructions_zh.json"])
FIELDS = ("instruction", "answer", "image_ids", "rel_ins_ids")
IN_A_FOLDER = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
WRONG: tuple[Any, ...] = (None, 1, {}, [1], [None], [""], True)
Damage = Callable[[Album, st.DataObject], Kind]


def drawn_entry(album: Album, data: st.DataObject) -> tuple[str, str, dict[str, Any]]:
    """A file of instructions, an id in it and its entry."""
    file = data.draw(BOTH)
    name = data.draw(st.sampled_from(sorted(album.data(file))))
    return file, name, album.data(file)[name]


def lose_a_field(album: Album, data: st.DataObject) -> Kind:
    """An entry lacks a field."""
    _, _, entry = drawn_entry(album, data)
    del entry[data.draw(st.sampled_from(FIELDS))]
    return Kind.SHAPE


def break_a_field(album: Album, data: st.DataObject) -> Kind:
    """A field has another type."""
    _, _, entry = drawn_entry(album, data)
    entry[data.draw(st.sampled_from(FIELDS))] = data.draw(st.sampled_from(WRONG))
    return Kind.SHAPE


def empty_a_text(album: Album, data: st.DataObject) -> Kind:
    """A text says nothing."""
    _, _, entry = drawn_entry(album, data)
    entry[data.draw(st.sampled_from(FIELDS[:2]))] = data.draw(st.sampled_from(["", " \n"]))
    return Kind.SHAPE


def break_an_entry(album: Album, data: st.DataObject) -> Kind:
    """An entry is no object."""
    file, name, _ = drawn_entry(album, data)
    album.data(file)[name] = data.draw(st.sampled_from([None, [], "text"]))
    return Kind.SHAPE


def break_the_frame(album: Album, data: st.DataObject) -> Kind:
    """Head or data are missing or no object."""
    value = album.files[data.draw(BOTH)]
    name = data.draw(st.sampled_from(["meta", "data"]))
    if data.draw(st.booleans()):
        value[name] = data.draw(st.sampled_from([None, [], "text"]))
    else:
        value[name + "x"] = value.pop(name)
    return Kind.SHAPE


def relate_to_nobody(album: Album, data: st.DataObject) -> Kind:
    """A related id is no entry's."""
    _, _, entry = drawn_entry(album, data)
    entry["rel_ins_ids"].insert(0, data.draw(st.sampled_from([pair_id(10), "DC_INS_1", "x"])))
    return Kind.RELATED


def lose_an_image(album: Album, data: st.DataObject) -> Kind:
    """The image file lacks an image."""
    del album.files["DC.json"][data.draw(st.sampled_from(sorted(album.files["DC.json"])))]
    return Kind.IMAGE


def name_another_image(album: Album, data: st.DataObject) -> Kind:
    """An image id is in no image file."""
    _, _, entry = drawn_entry(album, data)
    entry["image_ids"].append(data.draw(st.sampled_from(["DC_IMG_2", "DC_IMG_01", "DC_INS_00001"])))
    return Kind.IMAGE


def break_an_image(album: Album, data: st.DataObject) -> Kind:
    """An image is no base64 text."""
    images = album.files["DC.json"]
    name = data.draw(st.sampled_from(sorted(images)))
    at = data.draw(st.integers(0, len(images[name])))
    broken = images[name][:at] + data.draw(st.sampled_from("*\n\u00e9")) + images[name][at:]
    images[name] = data.draw(st.sampled_from([broken, "", None, 3, [images[name]]]))
    return Kind.SHAPE


def lose_a_pair(album: Album, data: st.DataObject) -> Kind:
    """A language lacks a pair."""
    file, name, _ = drawn_entry(album, data)
    del album.data(file)[name]
    return Kind.LACKING if file.endswith("zh.json") else Kind.EXTRA


def rename_a_pair(album: Album, data: st.DataObject) -> Kind:
    """A pair has another id in one language."""
    file, name, entry = drawn_entry(album, data)
    del album.data(file)[name]
    album.data(file)["DC_INS_77777"] = entry
    return Kind.LACKING


def train_on_nobody(album: Album, data: st.DataObject) -> Kind:
    """The train file names an id that isn't there."""
    train = album.files["DC_train.json"]
    if data.draw(st.booleans()):
        train["DC_INS_77777"] = []
    else:
        train[data.draw(st.sampled_from(sorted(train)))].append("DC_INS_77777")
    return Kind.RELATED


def break_a_line_to_train_on(album: Album, data: st.DataObject) -> Kind:
    """The value of an id to train on is no list of ids."""
    train = album.files["DC_train.json"]
    train[data.draw(st.sampled_from(sorted(train)))] = data.draw(st.sampled_from(WRONG))
    return Kind.SHAPE


def repeat_a_key(album: Album, data: st.DataObject) -> Kind:
    """Any object has a key twice."""
    file = data.draw(st.sampled_from(sorted(album.files)))
    text = json.dumps(album.files[file])
    decoder = json.JSONDecoder()
    starts = [at for at, mark in enumerate(text) if mark == "{" and text[at + 1] != "}"]
    at = data.draw(st.sampled_from(starts)) + 1
    _, behind_key = decoder.raw_decode(text, at)
    _, behind = decoder.raw_decode(text, behind_key + 2)
    album.files[file] = f"{text[:at]}{text[at:behind]}, {text[at:]}"
    return Kind.REPEATED


def cut_off(album: Album, data: st.DataObject) -> Kind:
    """A file ends too early."""
    file = data.draw(st.sampled_from(sorted(album.files)))
    text = json.dumps(album.files[file])
    album.files[file] = text[: data.draw(st.integers(0, len(text) - 1))]
    return Kind.UNREADABLE


DAMAGES: list[Damage] = [
    break_a_field,
    break_a_line_to_train_on,
    break_an_entry,
    break_an_image,
    break_the_frame,
    cut_off,
    empty_a_text,
    lose_a_field,
    lose_a_pair,
    lose_an_image,
    name_another_image,
    relate_to_nobody,
    rename_a_pair,
    repeat_a_key,
    train_on_nobody,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@given(sources=st.integers(2, 3), each=st.integers(2, 3), data=st.data())
@IN_A_FOLDER
def test_any_single_damage_is_found(
    tmp_path: Path, damage: Damage, sources: int, each: int, data: st.DataObject
) -> None:
    """Whole folders give no finding; a damaged one gives one of the damage's own kind."""
    album = make_album(tmp_path, sources=sources, each=each)
    assert kinds(album.check()) == set()
    expected = damage(album, data)
    found = album.check()
    assert expected in kinds(found)
    assert all(line.startswith(str(tmp_path)) for line in found.lines())


@given(file=st.sampled_from(["DC.json", "DC_instructions.json"]), data=st.data())
@IN_A_FOLDER
def test_any_changed_byte_is_found_by_a_list_of_sums(
    tmp_path: Path, file: str, data: st.DataObject
) -> None:
    """Where the folder has a list of MD5 sums, a change of the contents can't hide."""
    album = make_album(tmp_path)
    album.write()
    names = sorted(album.files)
    sums = {name: hashlib.md5((tmp_path / name).read_bytes()).hexdigest() for name in names}  # noqa: S324 - the format's own
    (tmp_path / "MD5SUMS").write_text("".join(f"{sums[name]}  {name}\n" for name in names))
    assert kinds(check(tmp_path)) == set()
    content = bytearray((tmp_path / file).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (tmp_path / file).write_bytes(content)
    assert Kind.CHECKSUM in kinds(check(tmp_path))
