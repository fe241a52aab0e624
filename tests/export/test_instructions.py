"""Reading and writing the instruction file of MIMIC-IT."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syphus.core.errors import AnnotationError
from syphus.core.records import Pair
from syphus.export.instructions import InstructionsMeta, instructions_file, read_instructions
from tests.export.any_pairs import PAIRS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

META = InstructionsMeta(version="v1", time="now", author="}}\n\u2028")
ENTRY = {"instruction": "q", "answer": "a", "image_ids": ["i"], "rel_ins_ids": ["B"]}
PAIR = Pair(id="A", query_id="", instruction="q", answer="a", image_ids=("i",), related_ids=("B",))


def write(path: Path, pairs: Iterable[Pair]) -> None:
    """Writes an instruction file of `pairs`."""
    with instructions_file(path, META) as file:
        for pair in pairs:
            file.add(pair)


def as_mimicit(pairs: Iterable[Pair]) -> dict[str, Any]:
    """The JSON value of a MIMIC-IT file by others."""
    return {
        "meta": {"version": "0.0.1", "time": "2023-06", "author": "someone"},
        "data": {
            pair.id: {
                "instruction": pair.instruction,
                "answer": pair.answer,
                "image_ids": list(pair.image_ids),
                "rel_ins_ids": list(pair.related_ids),
            }
            for pair in pairs
        },
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=PAIRS)
def test_what_is_written_reads_back_equal(tmp_path: Path, pairs: list[Pair]) -> None:
    """Any text survives, each entry has one line, and other readers see the same."""
    path = tmp_path / "own.json"
    write(path, pairs)
    assert list(read_instructions(path)) == pairs
    assert path.read_bytes().count(b"\n") == len(pairs) + 3
    assert json.loads(path.read_bytes())["data"] == as_mimicit(pairs)["data"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=PAIRS, indent=st.sampled_from([None, 0, 1, 4]), ascii_only=st.booleans())
def test_any_layout_reads_the_same(
    tmp_path: Path,
    pairs: list[Pair],
    indent: int | None,
    ascii_only: bool,  # noqa: FBT001 - hypothesis passes it by name
) -> None:
    """Files by others are read whatever their line breaks and escapes."""
    path = tmp_path / "foreign.json"
    text = json.dumps(as_mimicit(pairs), indent=indent, ensure_ascii=ascii_only)
    path.write_bytes(text.encode())
    assert list(read_instructions(path)) == pairs


def test_own_layout_broken_in_the_middle_is_read_once(tmp_path: Path) -> None:
    """After somebody reformatted one entry of our file, each pair still comes exactly once."""
    path = tmp_path / "edited.json"
    pairs = [replace(PAIR, id=name) for name in "ABCD"]
    write(path, pairs)
    path.write_bytes(path.read_bytes().replace(b'"C":{', b'"C":\n{'))
    assert list(read_instructions(path)) == pairs


@pytest.mark.parametrize(
    "tail",
    [
        b'"data":{\n"A":%s\n}\n}\n',
        b'"data":{\n"A":%s\n},"data2":{\n"B":{}\n}}\n',
        b'"data":{\n"A":%s\n},\n"images":{}}\n',
        b'"data":{"A":%s}}',
        b'"data":{\r\n"A":%s\r\n}}\r\n',
        b'"data":{\n\n"A":%s\n\n}}\n\n',
    ],
)
def test_layouts_near_our_own_are_told_apart(tmp_path: Path, tail: bytes) -> None:
    """A file that starts as ours does is still read as the JSON that it is."""
    path = tmp_path / "near.json"
    path.write_bytes(b'{"meta":{},\n' + tail % json.dumps(ENTRY).encode())
    assert list(read_instructions(path)) == [PAIR]


@pytest.mark.parametrize(
    "around",
    [
        b'{"meta":{\n"data":{\n"X":%s\n}}\n,"data":{"A":%s}}',
        b'{"other":{\n"data":{\n"X":%s\n}}\n,"data":{"A":%s}}',
    ],
)
def test_data_inside_another_object_is_not_the_data(tmp_path: Path, around: bytes) -> None:
    """Lines that look like ours at another depth are no entries."""
    path = tmp_path / "nested.json"
    entry = json.dumps(ENTRY).encode()
    path.write_bytes(around % (entry, entry))
    assert list(read_instructions(path)) == [PAIR]


def test_a_file_with_something_after_its_end_is_refused(tmp_path: Path) -> None:
    """Two files in one are no JSON."""
    path = tmp_path / "twice.json"
    write(path, [PAIR])
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(AnnotationError, match=r"twice\.json"):
        list(read_instructions(path))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda entry: entry.pop("rel_ins_ids"), replace(PAIR, related_ids=())),
        (lambda entry: entry.update(image_ids=None), replace(PAIR, image_ids=())),
        (lambda entry: entry.update(answer="\ud800"), replace(PAIR, answer="\ud800")),
        (lambda entry: entry.update(score=float("nan")), PAIR),
    ],
    ids=["no relations", "null images", "lone surrogate", "NaN"],
)
def test_foreign_liberties_are_accepted(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], expected: Pair
) -> None:
    """Missing lists are empty; what Python's json writes, it can be read from."""
    entry: dict[str, Any] = dict(ENTRY)
    change(entry)
    path = tmp_path / "foreign.json"
    path.write_text("\ufeff" + json.dumps({"data": {"A": entry}}), encoding="utf-8")
    assert list(read_instructions(path)) == [expected]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"data":[]}',
        b'{"meta":{}}',
        b'{"data":{"A":null}}',
        b'{"data":{"A":{"instruction":"q"}}}',
        b'{"data":{"A":{"instruction":"q","answer":3}}}',
        b'{"data":{"A":{"instruction":"q","answer":"a","image_ids":"i"}}}',
        b'{"meta":{},\n"data":{\n"A":[]\n}}\n',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """What isn't an instruction file is an error that names the file."""
    path = tmp_path / "wrong.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=r"wrong\.json") as caught:
        list(read_instructions(path))
    assert caught.value.path == path


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    """A torn file never passes for a shorter one."""
    path = tmp_path / "torn.json"
    write(path, [replace(PAIR, id=name) for name in "ABC"])
    content = path.read_bytes()
    for size in range(len(content) - 2):
        path.write_bytes(content[:size])
        with pytest.raises(AnnotationError):
            list(read_instructions(path))


def test_a_writer_that_fails_leaves_the_earlier_file(tmp_path: Path) -> None:
    """A fault in the middle changes nothing and leaves no part of a file."""
    path = tmp_path / "own.json"
    write(path, [PAIR])
    before = path.read_bytes()

    def breaking() -> Iterator[Pair]:
        yield PAIR
        raise RuntimeError("translations")

    with pytest.raises(RuntimeError, match="translations"):
        write(path, breaking())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_lone_surrogates_are_replaced_when_written(tmp_path: Path) -> None:
    """The file is valid UTF-8 that every reader accepts."""
    path = tmp_path / "own.json"
    write(path, [replace(PAIR, answer="\udfffx")])
    assert list(read_instructions(path)) == [replace(PAIR, answer="\ufffdx")]


def test_own_files_are_read_in_constant_memory(tmp_path: Path) -> None:
    """Reading 30 MB of our own takes less than one."""
    path = tmp_path / "own.json"
    write(path, (replace(PAIR, id=str(number), answer="x" * 1000) for number in range(30_000)))
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_instructions(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 30_000
    assert peak < 1_000_000
