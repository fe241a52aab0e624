"""Annotation files as people have them: each data set reads them, or says what is wrong."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syphus.core.errors import InputError
from syphus.plugins import load_dataset

ROOT = Path(__file__).parents[2]
NAMES = (
    "DenseCaptions.video",
    "TVCaptions.video",
    "VisualStoryTelling.video",
    "SpotTheDifference.change",
    "CocoSpotTheDifference.change",
    "LACONV.2d",
    "LADD.2d",
    "SceneNavigation.3d",
    "EGO4D.fpv",
    "FunQATranslation.funqa",
    "FunQAMultipleChoice.funqa",
    "FunQADialogue.funqa",
)


def in_other_lines(content: bytes) -> bytes:
    """JSON as JSON lines, and the other way round."""
    try:
        value = json.loads(content)
    except json.JSONDecodeError:
        return json.dumps([json.loads(line) for line in content.splitlines()], indent=1).encode()
    parts = [{name: part} for name, part in value.items()] if isinstance(value, dict) else value
    return b"\n".join(json.dumps(part).encode() for part in parts)


READ = {
    "a byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "lines of Windows": lambda content: content.replace(b"\n", b"\r\n"),
}
REFUSED = {
    "UTF-16": (lambda content: content.decode().encode("utf-16"), "save the file as UTF-8"),
    "gzip": (gzip.compress, "is packed by gzip"),
    "zip": (lambda content: b"PK\x03\x04" + content, "is packed by zip"),
    "nothing": (lambda _: b"", "is empty|there is no query"),
    "an empty list": (lambda _: b"[]", "no query|no object"),
    "an empty object": (lambda _: b"{}", "no query|has no '"),
    "a number": (lambda _: b"7", "must stand here|no object|no vid_name"),
    "a text": (lambda _: b'"x"', "must stand here|no object|no vid_name"),
    "null": (lambda _: b"null", "must stand here|no object|no vid_name"),
    "numbers": (lambda _: b"[1, 2]", "no object|no query is left"),
    "an object of numbers": (lambda _: b'{"a": 1}', "has no '|no query"),
    "other lines": (in_other_lines, "one value a|has no '"),
    "half of it": (lambda content: content[: len(content) // 2], "broken JSON"),
}


def place(name: str, folder: Path, change: Callable[[bytes], bytes]) -> tuple[Path, Path]:
    """The sample of a data set, and a changed copy; COCO's boxes are beside it, unchanged."""
    made = load_dataset(name, root=ROOT, prompt_path=None, query_inputs_path=None)
    sample = ROOT / str(made.query_inputs_path)
    copy = folder / sample.name
    copy.write_bytes(change(sample.read_bytes()))
    boxes = sample.with_name("coco_instances.json")
    (folder / boxes.name).write_bytes(boxes.read_bytes())
    return sample, copy


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("name", NAMES)
def test_what_editors_add_does_no_harm(
    name: str, kind: str, tmp_path: Path, read_dataset: Callable[..., Any]
) -> None:
    """The queries are those of the sample."""
    sample, copy = place(name, tmp_path, READ[kind])
    assert read_dataset(name, copy).queries == read_dataset(name, sample).queries


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_kind_is_told(
    name: str, kind: str, tmp_path: Path, read_dataset: Callable[..., Any]
) -> None:
    """One line names the file and what is wrong with it; no line of the plugin's code."""
    change, said = REFUSED[kind]
    _, copy = place(name, tmp_path, change)
    with pytest.raises(InputError) as caught:
        read_dataset(name, copy)
    line = str(caught.value)
    assert str(copy) in line
    assert re.search(said, line), line
    assert "\n" not in line
    assert "Error" not in line
    assert ".py" not in line
