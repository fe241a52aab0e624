"""What is said when a plugin raises: one line with the plugin, the place and the mend."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from syphus.core.errors import AnnotationError, InputError, PluginError, PromptError
from syphus.plugins import QuerySource

if TYPE_CHECKING:
    from conftest import Workshop

HEAD = """
import json
from pathlib import Path
from syphus import AbstractDataset, read_json, read_json_lines

class Photos(AbstractDataset):
"""
READING = HEAD + "    def _load_query_inputs(self, path):\n"


def read_all(workshop: Workshop, **paths: str) -> None:
    """Loads the plugin and reads ahead, as a run does before it sends anything."""
    QuerySource(workshop.load("Photos.harbour", **paths)).check_ahead(100)


def check_raises(workshop: Workshop, source: str, **paths: str) -> InputError:
    """The error of reading a plugin with this source, checked to be one line."""
    workshop.write("datasets/harbour.py", source)
    with pytest.raises(InputError) as caught:
        read_all(workshop, **paths)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "statement",
    ["raise ValueError('no boats')", "raise SystemExit('no boats')", "exec('1 = no boats')"],
)
def test_raising_at_import(workshop: Workshop, statement: str) -> None:
    """A file that raises is named with the error, its message and the line."""
    error = check_raises(workshop, f"import sys\n\n{statement}\n")
    assert isinstance(error, PluginError)
    assert error.__cause__ is not None
    assert f"datasets/harbour.py: {type(error.__cause__).__name__}: " in str(error)
    assert str(workshop.root / "datasets/harbour.py") + ", line 3" in str(error)


def test_syntax_error(workshop: Workshop) -> None:
    """A syntax error is located in the plugin's file."""
    error = check_raises(workshop, "x = 1\nclass Photos(:\n")
    assert "SyntaxError: invalid syntax (" in str(error)
    assert "harbour.py, line 2)" in str(error)


def test_ctrl_c_is_not_a_fault(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a plugin loads ends the program instead of blaming the plugin."""
    # Shells start what runs in the background with SIGINT ignored.
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.default_int_handler)
    workshop.write("datasets/harbour.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        workshop.find("Photos.harbour")


def test_raising_at_construction(workshop: Workshop) -> None:
    """A constructor that raises is located by its own line, not a library's."""
    source = READING + (
        "        return []\n"
        "    def __init__(self, name='x'):\n"
        "        self.scenes = json.loads('{}')['scenes']\n"
    )
    error = check_raises(workshop, source)
    assert isinstance(error, PluginError)
    assert str(error).startswith("Photos.harbour: KeyError: 'scenes' (")
    assert "harbour.py, line 10)" in str(error)
    assert isinstance(error.__cause__, KeyError)


def test_raising_at_item_seven_of_a_generator(workshop: Workshop) -> None:
    """A generator that raises is located by item and line before anything is sent."""
    source = READING + (
        "        for n in range(1, 100):\n"
        "            if n == 7:\n"
        "                {}['caption']\n"
        "            yield {'id': n, 'sentences': 'a boat'}\n"
    )
    error = check_raises(workshop, source)
    assert isinstance(error, PluginError)
    assert error.position == 7
    assert str(error).startswith("Photos.harbour: item 7: KeyError: 'caption' (")
    assert "harbour.py, line 10)" in str(error)


def test_raising_at_item_seven_of_a_list(workshop: Workshop) -> None:
    """A plugin that fails while it builds its list is located by line."""
    source = READING + (
        "        photos = [{'caption': 'a boat'}] * 6 + [{}]\n"
        "        return [\n"
        "            {'id': n, 'sentences': photo['caption']}\n"
        "            for n, photo in enumerate(photos)\n"
        "        ]\n"
    )
    error = check_raises(workshop, source)
    assert isinstance(error, PluginError)
    assert str(error).startswith("Photos.harbour: KeyError: 'caption' (")
    assert "harbour.py, line 10)" in str(error)


def test_wrong_item_late_in_a_list(workshop: Workshop) -> None:
    """A list is checked whole, however long it is, before its first query is handed out."""
    items = "[{'id': n, 'sentences': 'x'} for n in range(999)] + [{'sentences': 'x'}]"
    error = check_raises(workshop, READING + f"        return {items}\n")
    assert isinstance(error, PluginError)
    assert error.position == 1000
    assert str(error) == "Photos.harbour: item 1000 has no 'id'; its keys: 'sentences'"


@pytest.mark.parametrize(
    "body",
    [
        "with open(path) as file: return json.load(file)",
        "return json.loads(Path(path).read_text())",
        "return read_json(path)",
        "yield from json.loads(Path(path).read_text())",
        "yield from read_json_lines(path)",
    ],
)
def test_missing_annotations(workshop: Workshop, body: str) -> None:
    """A missing annotation file is named, with the flag that names another."""
    error = check_raises(workshop, READING + f"        {body}\n", query_inputs_path="no/such.json")
    assert isinstance(error, AnnotationError)
    assert str(error) == ("Photos.harbour: no/such.json: no such file; --query_inputs_path sets it")


def test_missing_file_that_no_flag_sets(workshop: Workshop) -> None:
    """A missing file that the plugin names itself is located in the plugin."""
    error = check_raises(workshop, READING + "        return Path('candidates.txt').read_text()\n")
    assert "candidates.txt" in str(error)
    assert "harbour.py, line 8)" in str(error)
    assert "--query_inputs_path" not in str(error)


@pytest.mark.parametrize(
    "body",
    [
        "with open(path) as file: return json.load(file)",
        "return json.loads(Path(path).read_text())",
        "return read_json(path)",
        "yield from json.loads(Path(path).read_text())",
    ],
)
def test_broken_annotations(workshop: Workshop, body: str) -> None:
    """Broken JSON is located in the annotation file, whoever parses it."""
    file = workshop.write("q.json", '[\n  {"id": 1},\n  {"id" 2}\n]')
    error = check_raises(workshop, READING + f"        {body}\n", query_inputs_path="q.json")
    assert isinstance(error, AnnotationError)
    assert str(error).startswith(f"Photos.harbour: {file}: line 3, column 9: broken JSON: ")
    assert (error.path, error.line) == (file, 3)


@pytest.mark.parametrize(
    "body",
    [
        "with open(path) as file: return [json.loads(line) for line in file]",
        "yield from map(json.loads, Path(path).read_text().splitlines())",
        "yield from read_json_lines(path)",
    ],
)
def test_broken_json_lines(workshop: Workshop, body: str) -> None:
    """A broken line is located by its number in the file, though it was parsed alone."""
    good = '{"id": 1, "sentences": "x"}'
    file = workshop.write("q.jsonl", f'{good}\n{good}\n{{"id" 2}}\n{good}\n')
    error = check_raises(workshop, READING + f"        {body}\n", query_inputs_path="q.jsonl")
    assert isinstance(error, AnnotationError)
    assert f"{file}: line 3, column 7: broken JSON" in str(error)
    assert error.line == 3


def test_broken_json_inside_an_annotation(workshop: Workshop) -> None:
    """Broken JSON that isn't the file's own is located in the plugin, not in the file."""
    file = workshop.write("q.json", '[{"id": 1, "boxes": "{1}"}]')
    body = "        for photo in read_json(path):\n            yield json.loads(photo['boxes'])\n"
    error = check_raises(workshop, READING + body, query_inputs_path=str(file))
    assert isinstance(error, PluginError)
    assert error.position == 1
    assert "harbour.py, line 9)" in str(error)


@pytest.mark.parametrize("content", [b"", b"[1,\r\n2,,]", b"\xef\xbb\xbf[1,\n2,,]"])
def test_broken_annotations_of_every_editor(workshop: Workshop, content: bytes) -> None:
    """Empty files, Windows line ends and byte order marks don't hide the file."""
    file = workshop.write("q.json", "")
    file.write_bytes(content)
    body = "        return json.loads(Path(path).read_bytes())\n"
    error = check_raises(workshop, READING + body, query_inputs_path=str(file))
    assert f"{file}: line {content.count(10) + 1}, column" in str(error)


def test_broken_annotations_in_the_constructor(workshop: Workshop) -> None:
    """A constructor that reads the file itself has its faults located as well."""
    source = READING + (
        "        return self.data\n"
        "    def __init__(self, name='x', annotation_path='q.json'):\n"
        "        with open(annotation_path) as file:\n"
        "            self.data = json.load(file)\n"
    )
    file = workshop.write("q.json", "[1,\n2,,]")
    error = check_raises(workshop, source, query_inputs_path=str(file))
    assert f"{file}: line 2, column 3" in str(error)
    assert "--query_inputs_path sets it" in str(check_raises(workshop, source))


def test_no_path_at_all(workshop: Workshop) -> None:
    """A plugin that opens a path that nobody named says which flag names it."""
    error = check_raises(workshop, READING + "        return open(path).read()\n")
    assert "no path was given: --query_inputs_path sets it" in str(error)


@pytest.mark.parametrize("content", [None, '{\n"system_message": "x",,}'])
def test_prompt_file(workshop: Workshop, content: str | None) -> None:
    """A missing or broken prompt file is a prompt error that names the file."""
    workshop.write("datasets/harbour.py", READING + "        return []\n")
    if content is not None:
        workshop.write("p.json", content)
    made = workshop.load("Photos.harbour", prompt_path="p.json")
    with pytest.raises(PromptError) as caught:
        _ = made.prompt
    expected = "p.json: no such file; --prompt_path sets it" if content is None else "line 2"
    assert expected in str(caught.value)


def test_long_messages_are_cut(workshop: Workshop) -> None:
    """A message of many lines and pages becomes one line that fits a terminal."""
    error = check_raises(workshop, "raise ValueError('no\\nboats ' * 10_000)")
    assert "no boats no boats" in str(error)
    assert len(str(error)) < 600


def test_plugin_error_of_a_plugin(workshop: Workshop) -> None:
    """A PluginError that a plugin raises says what its author wrote."""
    source = "from syphus.core.errors import PluginError\n" + READING
    error = check_raises(
        workshop,
        source + "        yield 1 / 0 if path else self.leave()\n"
        "    def leave(self):\n        raise PluginError('buy boats first')\n",
    )
    assert str(error) == "buy boats first"


def test_fault_in_an_inherited_method(workshop: Workshop) -> None:
    """A fault in a neighbouring file's class is located in that file."""
    workshop.write("datasets/lake.py", READING + "        return [1 / 0]\n")
    error = check_raises(workshop, "from lake import Photos as Lake\nclass Photos(Lake): pass\n")
    assert "ZeroDivisionError" in str(error)
    assert "lake.py, line 8)" in str(error)
