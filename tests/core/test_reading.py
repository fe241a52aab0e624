from __future__ import annotations

import gzip
import json
import math
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syphus.core.errors import AnnotationError
from syphus.core.reading import read_json, read_json_lines

if TYPE_CHECKING:
    from pathlib import Path

    from syphus.core.errors import InputError

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def refused(path: Path) -> AnnotationError:
    """The error of `read_json`, checked to be one line that begins with the path."""
    with pytest.raises(AnnotationError) as caught:
        read_json(path)
    check_line(caught.value, path)
    return caught.value


def check_line(error: InputError, path: Path) -> None:
    """Holds if the message is a single line that begins with the path."""
    assert str(error).startswith(f"{path}: ")
    assert "\n" not in str(error)


def test_value_of_a_file(tmp_path: Path) -> None:
    """A file's value is what was written, integers of any size included."""
    path = tmp_path / "a.json"
    path.write_text('{"id": 123456789012345678901234567890, "text": "caf\\u00e9"}')
    assert read_json(str(path)) == {"id": 123456789012345678901234567890, "text": "café"}


@pytest.mark.parametrize("read", [read_json, lambda path: next(read_json_lines(path))])
def test_byte_order_mark(tmp_path: Path, read: object) -> None:
    """A UTF-8 byte order mark, as some editors write it, is skipped."""
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert callable(read)
    assert read(path) == {"a": 1}


def test_nan_is_accepted(tmp_path: Path) -> None:
    """NaN, which Python programs write for a missing number, can be read."""
    path = tmp_path / "a.json"
    path.write_text("[NaN]")
    assert math.isnan(read_json(path)[0])


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is named."""
    error = refused(tmp_path / "absent.json")
    assert "no such file" in str(error)
    assert error.path == tmp_path / "absent.json"


def test_folder(tmp_path: Path) -> None:
    """A folder in the place of a file is called one."""
    assert "folder" in str(refused(tmp_path))


def test_not_utf8(tmp_path: Path) -> None:
    """Bytes that aren't UTF-8 are located by line and column."""
    path = tmp_path / "a.json"
    path.write_bytes(b'["ok",\n "caf\xe9"]')
    error = refused(path)
    assert error.line == 2
    assert "line 2, column 6" in str(error)
    assert "0xe9" in str(error)


def test_broken_json(tmp_path: Path) -> None:
    """Broken JSON is located by line and column."""
    path = tmp_path / "a.json"
    path.write_text('[\n  {"a": 1},\n  {"a" 2}\n]')
    error = refused(path)
    assert error.line == 3
    assert "line 3, column 8" in str(error)


@pytest.mark.parametrize("content", ["9" * 5000, "[" * 200_000])
def test_unusable_json(tmp_path: Path, content: str) -> None:
    """A number with thousands of digits or bottomless nesting is an error of the file."""
    path = tmp_path / "a.json"
    path.write_text(content)
    refused(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(b"{}"), "is packed by gzip; unpack it first"),
        (b"PK\x03\x04 and more", "is packed by zip; unpack it first"),
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf \n", "the file is empty"),
        (b'{"a": 1}\n{"a": 2}\n', "line 2, column 1: broken JSON: Extra data: one value a file"),
    ],
)
def test_files_of_another_kind(tmp_path: Path, content: bytes, said: str) -> None:
    """Packed ones, empty ones and JSON lines are called what they are."""
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert said in str(refused(path))


def test_a_whole_value_in_the_place_of_lines(tmp_path: Path) -> None:
    """The line says that each line is a value; a packed file is called one here, too."""
    path = tmp_path / "a.jsonl"
    path.write_text('[\n{"a": 1}\n]')
    with pytest.raises(AnnotationError, match=r"line 1, column 1.*one value a line is read"):
        list(read_json_lines(path))
    path.write_bytes(gzip.compress(b"{}"))
    with pytest.raises(AnnotationError, match="packed by gzip"):
        list(read_json_lines(path))


def test_lines_count_as_in_an_editor(tmp_path: Path) -> None:
    """Blank lines are skipped but counted, and U+2028 ends no line."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "x\u2028y"}\r\n\n   \n{"a": 2}\n{"a" 3}\n', encoding="utf-8")
    values = read_json_lines(path)
    assert list(islice(values, 2)) == [{"a": "x\u2028y"}, {"a": 2}]
    with pytest.raises(AnnotationError) as caught:
        next(values)
    assert caught.value.line == 5
    assert "line 5, column 6" in str(caught.value)
    check_line(caught.value, path)


def test_lines_are_read_lazily(tmp_path: Path) -> None:
    """What stands after the lines that were asked for isn't looked at."""
    path = tmp_path / "a.jsonl"
    path.write_text('1\n2\nbroken"\n')
    assert list(islice(read_json_lines(path), 2)) == [1, 2]


def test_lines_of_a_missing_file(tmp_path: Path) -> None:
    """A missing file of JSON lines is named when the first line is asked for."""
    path = tmp_path / "absent.jsonl"
    with pytest.raises(AnnotationError, match="no such file") as caught:
        next(read_json_lines(path))
    check_line(caught.value, path)


@settings(max_examples=50)
@given(values=st.lists(JSON_VALUES))
def test_lines_round_trip(tmp_path_factory: pytest.TempPathFactory, values: list[object]) -> None:
    """Every value written as a line is read back, in order."""
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    assert list(read_json_lines(path)) == values
