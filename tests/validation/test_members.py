from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ijson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syphus.validation import members
from syphus.validation.findings import find_key
from syphus.validation.members import CHUNK, OPENED, Broken, read_members

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
IN_A_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(value=st.dictionaries(st.text(max_size=3), JSON))
@IN_A_FOLDER
def test_members_are_what_a_parser_reads(tmp_path: Path, value: dict[str, Any]) -> None:
    """Every member comes, in order, with the value that Python's own parser gives."""
    path = tmp_path / "file.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    found = list(read_members(path))
    assert [(each.key, each.value) for each in found] == list(value.items())
    assert not any(each.inside or each.repeated for each in found)


@given(data=st.dictionaries(st.text(max_size=3), JSON), behind=st.booleans())
@IN_A_FOLDER
def test_the_opened_object_comes_member_by_member(
    tmp_path: Path, *, data: dict[str, Any], behind: bool
) -> None:
    """Its members are told from those beside it, wherever it stands; one within isn't opened."""
    path = tmp_path / "file.json"
    whole = {"meta": {"data": 1}, "data": data} | ({"more": {"data": {}}} if behind else {})
    path.write_text(json.dumps(whole), encoding="utf-8")
    found = list(read_members(path, "data"))
    inside = {each.key: each.value for each in found if each.inside}
    assert inside == data
    outside = [(each.key, each.value) for each in found if not each.inside]
    assert outside == [(key, OPENED if key == "data" else value) for key, value in whole.items()]


@pytest.mark.parametrize(
    ("content", "at", "says"),
    [
        (b"", 0, "premature EOF"),
        (b"[1]", 0, "no JSON object"),
        (b"12", 0, "no JSON object"),
        (b'{"a":1', 6, "premature EOF"),
        (b'{"a":nan}', 6, "invalid"),
        (b'{"a":1} x', 8, "trailing garbage"),
        (b'{"a":"\xff"}', 6, "UTF8"),
        (b'\xef\xbb\xbf{"a":1}', 0, "byte order mark"),
        (b'{"a":"' + b"x" * CHUNK + b'", ]', 6 + CHUNK + 3, "invalid object key"),
    ],
)
def test_a_file_that_breaks_says_at_which_byte(
    tmp_path: Path, content: bytes, at: int, says: str
) -> None:
    """The reason, in one line, and the byte at which the parser gives up."""
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(Broken) as caught:
        list(read_members(path))
    assert says in caught.value.reason
    assert "\n" not in caught.value.reason
    assert caught.value.offset == at


def test_repeated_keys_within_a_value_are_named(tmp_path: Path) -> None:
    """At any depth, which an ordinary parser hides."""
    path = tmp_path / "file.json"
    path.write_text('{"a": {"x": 1, "y": [{"z": 1, "z": 2}], "x": 3}, "b": {"x": 1}}')
    assert [each.repeated for each in read_members(path)] == [("z", "x"), ()]


@pytest.mark.parametrize("content", ['{"a": "%s"}', '{"a": [%s1]}', '{"%s": 1}'])
def test_a_value_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """One text, list or key beyond the bound ends the reading of its file."""
    monkeypatch.setattr(members, "LARGEST", 4 * CHUNK)
    path = tmp_path / "file.json"
    path.write_text(content % ("1," * 4 * CHUNK))
    with pytest.raises(Broken, match="MiB"):
        list(read_members(path))


@given(gaps=st.lists(st.integers(CHUNK - 60, CHUNK + 60), min_size=1, max_size=3))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_byte_of_a_key_is_found(tmp_path: Path, gaps: list[int]) -> None:
    """Also where key, colon or value stand on both sides of the border of a chunk."""
    path = tmp_path / "file.json"
    keys = [f"k\u00e4y_{number}" for number in range(len(gaps) * 2)]
    parts = [
        f'"{keys[2 * n]}" : "{"x" * gap}\\"{keys[2 * n]}\\":", "{keys[2 * n + 1]}": ["{keys[0]}"]'
        for n, gap in enumerate(gaps)
    ]
    content = ("{" + ", ".join(parts) + "}").encode()
    path.write_bytes(content)
    found = list(read_members(path))
    assert [each.key for each in found] == keys
    for each in found:
        at = find_key(path, each)
        assert at is not None
        assert content[at:].startswith(f'"{each.key}"'.encode())
        assert content[at:].split(b'"', 2)[2].lstrip()[:1] == b":"


def count_sends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the pieces that parsers get from now on."""
    sizes: list[int] = []
    make = ijson.basic_parse_coro

    class Counting:
        def __init__(self, *args: Any, **options: Any) -> None:
            self._parser = make(*args, **options)

        def send(self, piece: bytes) -> None:
            sizes.append(len(piece))
            self._parser.send(piece)

        def close(self) -> None:
            self._parser.close()

    monkeypatch.setattr(ijson, "basic_parse_coro", Counting)
    return sizes


def test_a_long_text_is_read_in_few_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser begins an unfinished text anew with each; the byte of the next key is known."""
    sizes = count_sends(monkeypatch)
    path = tmp_path / "file.json"
    path.write_bytes(b'{"a":"' + b"x" * (128 * CHUNK) + b'","b":1}')
    members_read = list(read_members(path))
    assert [len(each.value) for each in members_read[:1]] == [128 * CHUNK]
    assert find_key(path, members_read[1]) == 128 * CHUNK + 8
    assert len(sizes) < 16
    assert sum(sizes) == path.stat().st_size


def test_a_break_in_a_long_text_is_found_in_few_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is doesn't take a piece for every byte."""
    sizes = count_sends(monkeypatch)
    path = tmp_path / "file.json"
    at = 64 * CHUNK - 5
    path.write_bytes(b'{"a":"' + b"x" * (at - 6) + b"\x01" + b"x" * (8 * CHUNK) + b'"}')
    with pytest.raises(Broken, match="invalid character inside string") as caught:
        list(read_members(path))
    assert caught.value.offset == at
    assert len(sizes) < 1000


@pytest.mark.parametrize("unit", [("[", "]"), ('{"a":', "}")])
def test_a_value_that_is_nested_too_deep_is_refused(tmp_path: Path, unit: tuple[str, str]) -> None:
    """No writer of JSON would take it; a few levels are fine."""
    path = tmp_path / "file.json"
    for depth in (200, 2_000):
        path.write_text(f'{{"b":{unit[0] * depth}1{unit[1] * depth}}}')
        if depth == 200:
            assert [each.key for each in read_members(path)] == ["b"]
    with pytest.raises(Broken, match="nested more than 250 deep"):
        list(read_members(path))
