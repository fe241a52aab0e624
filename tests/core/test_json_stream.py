from __future__ import annotations

import gzip
import json
import tracemalloc
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syphus.core import json_stream
from syphus.core.errors import AnnotationError
from syphus.core.json_stream import stream_json, stream_members, stream_pairs

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
LAYOUTS = [{}, {"indent": 2}, {"ensure_ascii": False}, {"separators": (",", ":")}]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is read three bytes at a time, so that every value is cut somewhere."""
    monkeypatch.setattr(json_stream, "_PIECE", 3)


def read(path: Path, content: str | bytes, key: str | None = None) -> list[Any]:
    """What a file with this content holds."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(stream_json(path, key))


def refused(path: Path, content: str | bytes, key: str | None = None) -> str:
    """The one line that a file with this content is refused with, without the path."""
    with pytest.raises(AnnotationError) as caught:
        read(path, content, key)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@settings(max_examples=80, deadline=None)
@given(value=st.lists(VALUES), layout=st.sampled_from(LAYOUTS))
def test_lists_round_trip(
    tmp_path_factory: pytest.TempPathFactory, value: list[Any], layout: dict[str, Any]
) -> None:
    """Any list in any layout gives its elements, wherever the pieces of the file end."""
    path = tmp_path_factory.mktemp("list") / "a.json"
    assert read(path, json.dumps(value, **layout)) == value


@settings(max_examples=40, deadline=None)
@given(before=st.dictionaries(st.text(), VALUES), value=st.dictionaries(st.text(), VALUES))
def test_members_are_found_behind_others(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, Any], value: dict[str, Any]
) -> None:
    """What stands before the wanted member is passed over, whatever it is."""
    path = tmp_path_factory.mktemp("member") / "a.json"
    before.pop("wanted", None)
    content = json.dumps({**before, "wanted": value, "behind": [1]})
    assert read(path, content, "wanted") == list(value.items())


def test_a_name_that_comes_twice_gives_both(tmp_path: Path) -> None:
    """A parser of the whole file would drop the first of them unseen."""
    assert read(tmp_path / "a.json", '{"a": 1, "b": 2, "a": 3}') == [("a", 1), ("b", 2), ("a", 3)]


@settings(max_examples=40, deadline=None)
@given(
    before=st.dictionaries(st.text(), VALUES), value=st.dictionaries(st.text(), VALUES, min_size=1)
)
def test_pairs_are_found_bare_and_in_an_envelope(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, Any], value: dict[str, Any]
) -> None:
    """The members of the file, or from the envelope on those of the envelope."""
    path = tmp_path_factory.mktemp("pairs") / "a.json"
    before.pop("videos", None)
    value.pop("videos", None)
    path.write_text(json.dumps(value))
    assert list(stream_pairs(path, within="videos")) == list(value.items())
    path.write_text(json.dumps({**before, "videos": value, "behind": 1}))
    assert list(stream_pairs(path, within="videos")) == [*before.items(), *value.items()]


@pytest.mark.parametrize(
    ("content", "said"),
    [("[1]", "no object"), ('{"a": 1} 2', "Extra data"), ('{"videos": {"a": 1', "Expecting ','")],
)
def test_broken_files_of_pairs_are_refused(tmp_path: Path, content: str, said: str) -> None:
    """Another kind of file, one that goes on, and one that ends in its envelope."""
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(AnnotationError, match=said):
        list(stream_pairs(path, within="videos"))


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    """As some editors write it."""
    assert read(tmp_path / "a.json", b'\xef\xbb\xbf["caf\xc3\xa9"]') == ["café"]


def test_elements_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    """What stands behind isn't looked at."""
    path = tmp_path / "a.json"
    path.write_text('[{"a": 1}, {"a": 2}, broken')
    assert list(islice(stream_json(path), 2)) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("content", "key", "said"),
    [
        ('[\n {"a": 1},\n {"a" 2}\n]', None, "line 3, column 7: broken JSON: "),
        ('[1\n, "abc', None, "line 2, column 3: broken JSON: Unterminated string"),
        ('[1, {"a": [2, 3', None, "line 1, column 16: broken JSON: "),
        ("[1 2]", None, "line 1, column 4: broken JSON: Expecting ',' or ']'"),
        ("[1, 2", None, "line 1, column 6: broken JSON: Expecting ',' or ']'"),
        ("[1, 2] 3", None, "line 1, column 8: broken JSON: Extra data"),
        ("", None, "the file is empty"),
        (" \n", "a", "the file is empty"),
        ('"text"', None, "line 1, column 1: a list or an object must stand here"),
        ('{"a": 1}\n{"a": 2}', None, "line 2, column 1: broken JSON: Extra data: one value a file"),
        (gzip.compress(b"[1]"), None, "is packed by gzip; unpack it first"),
        (b"PK\x03\x04 and more", "a", "is packed by zip; unpack it first"),
        ("{1: 2}", None, "line 1, column 2: broken JSON: Expecting property name"),
        ('{"a": 1,\n"b": 2', "c", "line 2, column 7: broken JSON: Expecting ',' or '}'"),
        ('{"a": [1, x]}', "b", "line 1, column 11: broken JSON: Expecting value"),
        ('{"a": 3}', "a", "line 1, column 7: a list or an object must stand here"),
        (b'["ok",\n "caf\xe9s"]', None, "line 2, column 6: byte 0xe9 is not UTF-8"),
        (b'["caf\xc3', None, "line 1, column 6: byte 0xc3 is not UTF-8"),
        ("[" + "9" * 5000 + "]", None, "line 1, column 2: unusable JSON"),
        ("[" * 200_000, None, "line 1, column 2: unusable JSON"),
    ],
)
def test_broken_files_are_located(
    tmp_path: Path, content: str | bytes, key: str | None, said: str
) -> None:
    """One line with the line and the column, also where pieces of the file end before it."""
    assert refused(tmp_path / "a.json", content, key).startswith(said)


@pytest.mark.parametrize(("content", "said"), [("[1]", "no object"), ('{"b": 1}', "has no 'a'")])
def test_a_missing_key_is_named(tmp_path: Path, content: str, said: str) -> None:
    """The line names the file and the key."""
    with pytest.raises(AnnotationError, match=said):
        read(tmp_path / "a.json", content, "a")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """As by the other readers."""
    with pytest.raises(AnnotationError, match=r"a\.json: no such file"):
        list(stream_json(tmp_path / "a.json"))


def test_memory_is_that_of_a_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of 20 MB in one line is read in less than a third of that."""
    monkeypatch.setattr(json_stream, "_PIECE", 1 << 20)
    path = tmp_path / "a.json"
    element = json.dumps({"caption": "boat " * 250, "bbox": [1.5, 2, 3, 4]})
    with path.open("w") as file:
        file.write('{"annotations": [')
        file.write(",".join([element] * 15_000))
        file.write("]}")
    assert path.stat().st_size > 18_000_000
    tracemalloc.start()
    count = sum(1 for _ in stream_json(path, "annotations"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 15_000
    assert peak < 7_000_000


def test_several_members_in_one_reading(tmp_path: Path) -> None:
    """Elements come in the order of the file, each with the key that it stands under."""
    path = tmp_path / "a.json"
    path.write_text('{"b": [1, 2], "x": {"a": [9]}, "a": {"n": 3}, "c": broken')
    found = [("b", 1), ("b", 2), ("a", ("n", 3))]
    assert list(stream_members(path, ("a", "b"))) == found
    path.write_text('{"b": [1]}')
    with pytest.raises(AnnotationError, match="has no 'a'"):
        list(stream_members(path, ("a", "b")))
