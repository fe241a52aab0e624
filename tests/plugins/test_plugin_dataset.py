from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from syphus.core.errors import AnnotationError, PromptError
from syphus.core.records import Query
from syphus.plugins import AbstractDataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ITEMS = [{"id": "a", "sentences": "x"}]
PROMPT = {"system_message": "Look.", "in_context": []}


class Plain(AbstractDataset):
    """A dataset that counts how often it is read."""

    reads = 0

    def _load_query_inputs(self, path: Any) -> list[dict[str, str]]:
        self.reads += 1
        return [{"id": "a", "sentences": str(path)}]


def with_prompt(**methods: Any) -> AbstractDataset:
    """A dataset whose class has these methods."""
    return type("Made", (Plain,), methods)("Made", "prompts.some", None)


def test_constructor_reads_nothing(tmp_path: Path) -> None:
    """The constructor only stores: paths that lead nowhere raise when they are read."""
    made = Plain("n", str(tmp_path / "no.json"), "nowhere")
    assert (made.name, made.query_inputs_path, made.reads) == ("n", "nowhere", 0)
    with pytest.raises(PromptError, match=r"no\.json"):
        _ = made.prompt


def test_query_inputs_are_read_once() -> None:
    """A list is read when it is first asked for, and once."""
    made = Plain("n", None, "p")
    assert made.query_inputs is made.query_inputs
    assert made.reads == 1


def test_generators_are_made_anew() -> None:
    """Reading a generator's items twice gives them twice."""

    class Lazy(AbstractDataset):
        def _load_query_inputs(self) -> Iterator[dict[str, str]]:
            yield from ITEMS

    made = Lazy("n")
    assert [list(made.query_inputs), list(made.query_inputs)] == [ITEMS, ITEMS]


def test_assigned_items_are_used() -> None:
    """A plugin may assign its items and its prompt instead of returning them."""
    made = Plain("n")
    made.query_inputs = ITEMS
    made.prompt = PROMPT
    assert (made.query_inputs, made.prompt, made.reads) == (ITEMS, PROMPT, 0)


def test_class_attributes_are_defaults() -> None:
    """Paths may stand in the class; a constructor argument overrules them."""

    class Placed(Plain):
        prompt_path = "p.json"
        query_inputs_path = "q.json"

    assert Placed("n").query_inputs_path == "q.json"
    assert Placed("n", None, "other.json").query_inputs_path == "other.json"
    assert Placed("n").prompt_path == "p.json"


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (lambda _self, path: {"given": path}, "prompts.some"),
        (lambda _self: {"given": None}, None),
        (lambda _self, path="own": {"given": path}, "prompts.some"),
        (lambda *everything: {"given": everything[-1]}, "prompts.some"),
        (staticmethod(lambda path: {"given": path}), "prompts.some"),
        (staticmethod(lambda: {"given": None}), None),
        (classmethod(lambda _cls, path: {"given": path}), "prompts.some"),
    ],
)
@pytest.mark.parametrize("name", ["_load_prefix", "_load_prompt"])
def test_methods_with_and_without_path(name: str, method: Any, expected: str | None) -> None:
    """Either spelling may take the path or not, as any kind of method."""
    assert with_prompt(**{name: method}).prompt == {"given": expected}


def test_newer_spelling_comes_first() -> None:
    """Where a class has both spellings, `_load_prefix` is used; a subclass's own method wins."""
    both = {"_load_prefix": lambda _self: "new", "_load_prompt": lambda _self: "old"}
    assert with_prompt(**both).prompt == "new"
    newer = type("Newer", (Plain,), {"_load_prefix": lambda _self: "new"})
    mended = type("Mended", (newer,), {"_load_prompt": lambda _self: "mended"})
    assert mended("n").prompt == "mended"


def test_older_spelling_can_extend_the_reader(tmp_path: Path) -> None:
    """An older plugin may add to what `super()._load_prompt` reads."""

    class Adding(Plain):
        def _load_prompt(self, path: Any) -> Any:
            read = dict(super()._load_prompt(path))
            return {**read, "system_message": read["system_message"] + " Answer."}

    path = tmp_path / "p.json"
    path.write_text('{"system_message": "Look.", "in_context": []}')
    assert Adding("n", str(path)).prompt["system_message"] == "Look. Answer."


def test_prompt_without_a_path() -> None:
    """A dataset without a prompt says which flag sets one."""
    with pytest.raises(PromptError, match="--prompt_path"):
        _ = Plain("n").prompt


def test_paths_in_the_working_folder_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is tried in the working folder, then under the root, else handed over unchanged."""

    class Rooted(Plain):
        root_folder = tmp_path / "root"

    (tmp_path / "root").mkdir()
    (tmp_path / "root/q.json").touch()
    monkeypatch.chdir(tmp_path)

    def received(path: str) -> str:
        return str(Rooted("n", None, path).query_inputs[0]["sentences"])

    assert received("q.json") == str(tmp_path / "root/q.json")
    (tmp_path / "q.json").touch()
    assert received("q.json") == "q.json"
    assert received("prompts.module") == "prompts.module"


@pytest.mark.parametrize("path", ["", ["a.json", "b.json"], 7, "~no_such_user/q.json", "[1]" * 999])
def test_what_is_no_path_is_handed_over(path: Any) -> None:
    """A plugin that names its annotations in a way of its own gets what it named."""
    assert Plain("n", None, path).query_inputs[0]["sentences"] == str(path)


def test_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that begins with ~ is found: the shell leaves it alone in --flag=~/file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "q.json").touch()
    assert Plain("n", None, "~/q.json").query_inputs[0]["sentences"] == str(tmp_path / "q.json")


def test_missing_annotations_name_the_flag() -> None:
    """A missing annotation file is named with the flag that sets it."""

    class Opening(Plain):
        def _load_query_inputs(self, path: Any) -> Any:
            with open(path) as file:  # noqa: PTH123 - as plugins do it
                return file.read()

    with pytest.raises(AnnotationError, match=r"absent\.json.*--query_inputs_path"):
        _ = Opening("n", None, "absent.json").query_inputs


@pytest.mark.parametrize(
    ("name", "short"),
    [("DenseCaptions", "DC"), ("TVCaptions", "TVC"), ("EGO4D", "EGO4D"), ("photos", "PHOTOS")],
)
def test_short_comes_from_the_capitals(name: str, short: str) -> None:
    """Without a `short`, ids begin with the capitals and digits of the class's name."""
    assert type(name, (Plain,), {}).short == short


def test_short_of_a_subclass() -> None:
    """A subclass keeps a `short` that was written down, but not one that was derived."""

    class Named(Plain):
        short = "XY"

    assert type("OtherPhotos", (Named,), {}).short == "XY"
    assert type("OtherPhotos", (Plain,), {}).short == "OP"


def test_defaults_of_the_optional_methods() -> None:
    """Without methods of its own a dataset sends the text, and has one image a source id."""
    query = Query(id="7#2", text="a boat", source_id="7")
    made = Plain("n")
    assert made.user_message(query) == "a boat"
    assert list(made.image_ids(query)) == ["P_IMG_7"]
    assert made.parse("Question: x") is None
    assert (made.free_text, made.response_model) == (False, None)
