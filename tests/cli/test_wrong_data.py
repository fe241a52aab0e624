"""Wrong plugins, annotations and prompts are told in one line, and nothing has been sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

MORE = """
    from syphus import AbstractDataset

    class Wrong(AbstractDataset):
        def _load_prefix(self):
            return {"system_message": "Write pairs."}
"""


# Plugins


def test_a_plugin_that_raises_at_import(desk: Any, refuse: Callable[..., str]) -> None:
    """The line names the file, the error, and the line of the file."""
    desk.write("datasets/wrong.py", "import json\n\nraise RuntimeError('no weights')\n")
    line = refuse(name="Wrong.wrong")
    assert "wrong.py" in line
    assert "RuntimeError: no weights" in line
    assert "line 3" in line


def test_a_plugin_that_is_no_python(desk: Any, refuse: Callable[..., str]) -> None:
    """A syntax error is told by its file and line."""
    desk.write("datasets/wrong.py", "class Wrong:\n    pass pass\n")
    line = refuse(name="Wrong.wrong")
    assert "wrong.py" in line
    assert "line 2" in line


def test_a_plugin_that_raises_at_construction(desk: Any, refuse: Callable[..., str]) -> None:
    """The line names the plugin and the error."""
    source = MORE + (
        "\n        def __init__(self, name):\n            raise OSError('no disk')\n"
        "\n        def _load_query_inputs(self):\n            return []\n"
    )
    desk.write("datasets/wrong.py", source)
    line = refuse(name="Wrong.wrong")
    assert "Wrong" in line
    assert "no disk" in line


def test_a_generator_that_raises_at_item_seven(desk: Any, refuse: Callable[..., str]) -> None:
    """The line names the plugin, the item's position and the error."""
    source = MORE + (
        "\n        def _load_query_inputs(self):\n"
        "            for number in range(50):\n"
        "                if number == 6:\n"
        "                    raise KeyError('caption')\n"
        "                yield {'id': number, 'sentences': 'A dog.'}\n"
    )
    desk.write("datasets/wrong.py", source)
    line = refuse(name="Wrong.wrong")
    assert "Wrong" in line
    assert "item 7" in line
    assert "KeyError: 'caption'" in line


@pytest.mark.parametrize("method", ["user_message", "image_ids"])
def test_a_method_that_raises(desk: Any, refuse: Callable[..., str], method: str) -> None:
    """A plugin's further methods are tried before the first request, too."""
    source = MORE + (
        "\n        def _load_query_inputs(self):\n"
        "            return [{'id': 1, 'sentences': 'A dog.'}]\n"
        f"\n        def {method}(self, query):\n"
        "            return query.caption\n"
    )
    desk.write("datasets/wrong.py", source)
    line = refuse(name="Wrong.wrong")
    assert method in line
    assert "caption" in line


# Annotations


def test_a_missing_annotation_file(desk: Any, refuse: Callable[..., str]) -> None:
    """The line names the file and the flag that sets it."""
    (desk.root / "photos.json").unlink()
    line = refuse()
    assert "photos.json" in line
    assert "--query_inputs_path" in line
    assert "nowhere.json" in refuse("-in", "nowhere.json")


def test_a_broken_annotation_file(desk: Any, refuse: Callable[..., str]) -> None:
    """The line has the line number of the mistake."""
    desk.write("photos.json", '[\n{"id": 1, "sentences": "a"},\n{"id": 2 "sentences": "b"}\n]')
    line = refuse()
    assert "photos.json" in line
    assert "line 3" in line


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"sentences": "A dog."}, "id"),
        ({"id": "p1"}, "sentences"),
        ({"id": "", "sentences": "A dog."}, "id"),
        ({"id": "p1", "sentences": {"a": 1}}, "sentences"),
        ("A dog.", "dict"),
        (None, "dict"),
    ],
)
def test_an_item_of_the_wrong_shape(
    desk: Any, refuse: Callable[..., str], item: object, expected: str
) -> None:
    """The line has the item's position and the key that is wrong."""
    desk.write("photos.json", [{"id": "p0", "sentences": "A cat."}, item])
    line = refuse()
    assert "item 2" in line
    assert expected in line


@pytest.mark.parametrize("empty", [[], {}, None, "nothing"])
def test_no_items(desk: Any, refuse: Callable[..., str], empty: object) -> None:
    """An empty data set, or a file of something else than items, is told at once."""
    desk.write("photos.json", empty if empty != "nothing" else '"nothing"')
    assert "Photos" in refuse()


@pytest.mark.parametrize(
    "flags",
    [
        ("--slice_start", 5),
        ("--slice_start", 3, "--slice_end", 3),
        ("--slice_start", -1),
        ("--slice_end", 0),
        ("--slice_end", -2),
        ("--slice_start", 7, "--random_sample"),
    ],
)
def test_a_slice_out_of_range(refuse: Callable[..., str], flags: tuple[object, ...]) -> None:
    """A slice that holds no query is told with its numbers, also where they are shuffled."""
    assert "--slice_start" in refuse(*flags)
    assert "--slice_start" in refuse(*flags, "--dry_run")


# Prompts


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ({"system_message": "Look.", "in_context": [{"role": "bot", "content": "a"}]}, "bot"),
        ({"in_context": []}, "system_message"),
        ({"system_message": " "}, "system_message"),
        ({"system_message": "Look.", "in_context": [{"role": "user", "content": "a"}]}, "turn 1"),
        ('{"system_message": "Look.",\n "in_context": [,]}', "line 2"),
    ],
)
def test_a_wrong_prompt(
    desk: Any, refuse: Callable[..., str], prompt: object, expected: str
) -> None:
    """The line says what is wrong and where in the prompt it stands."""
    desk.write("prompts/photos.json", prompt)
    assert expected in refuse()


def test_a_missing_prompt(refuse: Callable[..., str]) -> None:
    """The line names the file and the flag that sets it."""
    line = refuse("--prompt_path", "nowhere.json")
    assert "nowhere.json" in line
    assert "--prompt_path" in line
