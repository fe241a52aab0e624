"""Instruction files are read as a stream, in any layout, or refused with the place."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from syphus.core.errors import AnnotationError
from syphus.core.records import Pair
from syphus.export.editions import Edition
from syphus.export.instructions import InstructionsMeta, instructions_file
from tests.export.any_pairs import PAIRS

META = InstructionsMeta(version="v1", time="now", author="Ada")
GOOD: dict[str, Any] = {"instruction": "What?", "answer": "That."}
SHARED_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80
)


def read(path: Path) -> list[Pair]:
    """All pairs of a file."""
    return list(Edition(language="en", path=path).pairs())


def entries(pairs: list[Pair]) -> dict[str, Any]:
    """What an instruction file says of pairs."""
    return {
        pair.id: {
            "rel_ins_ids": pair.related_ids,
            "answer": pair.answer,
            "more": {"data": {"a": [1.5, None]}},
            "instruction": pair.instruction,
            "image_ids": pair.image_ids,
        }
        for pair in pairs
    }


@SHARED_FOLDER
@given(pairs=PAIRS)
def test_pairs_come_back_as_they_were_written(tmp_path: Path, pairs: list[Pair]) -> None:
    """Whatever texts and ids there are, in our layout and in another with more in it."""
    path = tmp_path / "a.json"
    with instructions_file(path, META) as file:
        for pair in pairs:
            file.add(pair)
    assert read(path) == pairs
    other = {"data": entries(pairs), "meta": {"data": {"x": GOOD}}, "more": []}
    for indent in (None, 2):
        path.write_text(json.dumps(other, indent=indent), encoding="utf-8")
        assert read(path) == pairs


def test_a_file_in_one_line_takes_little_memory(tmp_path: Path) -> None:
    """10 MB that another program wrote are read a piece at a time."""
    path = tmp_path / "a.json"
    data = {f"n{at}": {**GOOD, "answer": "x" * 1000} for at in range(10_000)}
    path.write_text(json.dumps({"meta": {}, "data": data}))
    del data
    tracemalloc.start()
    try:
        assert sum(1 for _ in Edition(language="en", path=path).pairs()) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "before its first pair"),
        (b"not JSON", "before its first pair"),
        (b'{"data":{"a":{"instruction":"x","answer":"y"},"b":{"instr', "after a"),
        (b'{"data":{"a":{"instruction":"x","answer":"y"}}} more', "after a"),
        (b'{"data":{"a":{"instruction":"\xff","answer":"y"}}}', "before its first pair"),
        (b'{"data":{"a":{"instruction":NaN,"answer":"y"}}}', "before its first pair"),
        (b'{"data":{"a":{"instruction":"x"}}}', "a isn't an instruction"),
        (b'{"data":{"a":{"instruction":"x","answer":["y"]}}}', "a isn't an instruction"),
        (b'{"data":{"a":{"instruction":"x","answer":"y","image_ids":[1]}}}', "a isn't an"),
        (b'{"data":{"a":{"instruction":"x","answer":"y","rel_ins_ids":"b"}}}', "a isn't an"),
        (b'{"data":{"a":7}}', "a isn't an instruction"),
    ],
)
def test_a_broken_file(tmp_path: Path, content: bytes, place: str) -> None:
    """One line names the file and the place."""
    path = tmp_path / "PH_instructions.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=place) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    """A folder or nothing in the file's place is told by its name."""
    for path in (tmp_path, tmp_path / "nothing.json"):
        with pytest.raises(AnnotationError, match="can't be read"):
            read(path)


def test_a_file_without_data_has_no_pairs(tmp_path: Path) -> None:
    """Other JSON isn't taken for pairs."""
    path = tmp_path / "a.json"
    for content in ('{"data":{}}', '{"data":[1]}', "[]", '[{"data":{"a":1}}]', '{"a":{"data":{}}}'):
        path.write_text(content)
        assert read(path) == []
