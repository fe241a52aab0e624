from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Workshop

SHOWING = """
    from syphus import AbstractDataset

    class Photos(AbstractDataset):
        def __init__({parameters}):
            {body}

        def _load_query_inputs(self, path):
            return [{{"id": 1, "sentences": f"{{self.prompt_path}} {{path}} {{self.name}}"}}]
"""


def write_photos(workshop: Workshop, parameters: str, body: str) -> None:
    """Writes a plugin with this constructor, whose query tells what reached the base class."""
    workshop.write(
        "datasets/harbour.py", SHOWING.format(parameters=f"self, {parameters}", body=body)
    )


@pytest.mark.parametrize("prompt_name", ["prompt_path", "in_context_path", "prefix_path"])
@pytest.mark.parametrize(
    "input_name",
    ["query_inputs_path", "annotation_path", "annotations_path", "query_input_path"],
)
def test_flags_reach_every_spelling(workshop: Workshop, prompt_name: str, input_name: str) -> None:
    """The two flags are passed under whatever name the constructor has for them."""
    write_photos(
        workshop,
        f"name='Harbour', {prompt_name}='p', {input_name}='q'",
        f"super().__init__(name, {prompt_name}, {input_name})",
    )
    assert workshop.texts("Photos.harbour") == {"1": "p q Harbour"}
    given = workshop.texts("Photos.harbour", prompt_path="P", query_inputs_path="Q")
    assert given == {"1": "P Q Harbour"}


def test_inherited_constructor(workshop: Workshop) -> None:
    """A class without a constructor is named after itself and gets both flags."""
    source = """
        from syphus import AbstractDataset

        class Photos(AbstractDataset):
            def _load_query_inputs(self, path):
                return [{"id": 1, "sentences": f"{self.name} {self.prompt_path} {path}"}]
    """
    workshop.write("datasets/harbour.py", source)
    given = workshop.texts("Photos.harbour", prompt_path="P", query_inputs_path="Q")
    assert given == {"1": "Photos P Q"}


def test_constructor_without_parameters(workshop: Workshop, refusal: Callable[..., str]) -> None:
    """A constructor without parameters is fine, until a flag is given that it can't take."""
    workshop.write(
        "datasets/harbour.py",
        """
        from syphus import AbstractDataset

        class Photos(AbstractDataset):
            def __init__(self):
                super().__init__("Harbour")

            def _load_query_inputs(self):
                return [{"id": 1, "sentences": "a boat"}]
        """,
    )
    assert workshop.texts("Photos.harbour") == {"1": "a boat"}
    message = refusal(workshop.load, "Photos.harbour", query_inputs_path="Q")
    assert "--query_inputs_path was given" in message
    assert "annotation_path" in message
    assert "--prompt_path" in refusal(workshop.load, "Photos.harbour", prompt_path="P")


def test_constructor_with_keywords(workshop: Workshop) -> None:
    """A constructor that takes any keyword gets the names of today."""
    write_photos(workshop, "**paths", "super().__init__('Harbour', **paths)")
    given = workshop.texts("Photos.harbour", prompt_path="P", query_inputs_path="Q")
    assert given == {"1": "P Q Harbour"}


def test_constructor_that_forgets_super(workshop: Workshop) -> None:
    """A constructor that doesn't call its base class's leaves a dataset that can be read."""
    write_photos(workshop, "annotation_path='q'", "pass")
    assert workshop.texts("Photos.harbour") == {"1": "None None "}


@pytest.mark.parametrize(
    ("parameter", "mend"),
    [
        ("annotation_path", "--query_inputs_path sets it"),
        ("prefix_path", "--prompt_path sets it"),
        ("split", "give it a default"),
    ],
)
def test_parameter_without_a_value(
    workshop: Workshop, refusal: Callable[..., str], parameter: str, mend: str
) -> None:
    """A parameter that nothing sets is named, with what would set it."""
    write_photos(workshop, parameter, "super().__init__('Harbour')")
    message = refusal(workshop.load, "Photos.harbour")
    assert parameter in message
    assert mend in message


def test_paths_beside_the_plugins(workshop: Workshop) -> None:
    """A relative path of a constructor's default is found under the root."""
    write_photos(
        workshop, "annotation_path='notes/q.txt'", "super().__init__('H', None, annotation_path)"
    )
    file = workshop.write("notes/q.txt", "")
    assert workshop.texts("Photos.harbour") == {"1": f"None {file} H"}


@pytest.mark.parametrize("short", ["../x", "a b", "", 7])
def test_short_that_can_be_no_file_name(
    workshop: Workshop, refusal: Callable[..., str], short: object
) -> None:
    """A `short` begins file names, so it can't be a path."""
    write_photos(workshop, "name='H'", f"self.short = {short!r}")
    assert "short" in refusal(workshop.load, "Photos.harbour")


def test_response_model_of_the_wrong_kind(workshop: Workshop, refusal: Callable[..., str]) -> None:
    """A response_model that isn't pydantic's is refused before anything is asked."""
    write_photos(workshop, "name='H'", "self.response_model = dict")
    assert "response_model" in refusal(workshop.load, "Photos.harbour")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("short = property(lambda self: 1 / 0)", "ZeroDivisionError"),
        ("short = 10**6000", "short is a value of type int"),
        ("relations = 10**6000", "relations is a value of type int"),
        ("turns = -(10**6000)", "turns is a value of type int"),
        ("response_model = 10**6000", "response_model is a value of type int"),
        ("short = Odd()", "short is a value of type Odd"),
        ("free_text = Odd()", "Worse: its message can't be read"),
        ("has_ready_pairs = lambda self: Odd()", "Worse: its message can't be read"),
        ("has_ready_pairs = lambda self, query: True", "TypeError"),
    ],
)
def test_attributes_that_raise_or_cannot_be_shown(
    workshop: Workshop, refusal: Callable[..., str], body: str, said: str
) -> None:
    """Whatever a plugin's attributes do, one line tells of it before anything is asked."""
    workshop.write(
        "datasets/harbour.py",
        f"""
        from syphus import AbstractDataset

        class Worse(BaseException):
            def __str__(self):
                raise self

        class Odd:
            def __repr__(self):
                raise Worse

            __bool__ = __repr__

        class Photos(AbstractDataset):
            {body}

            def _load_query_inputs(self):
                return [{{"id": 1, "sentences": "a boat"}}]
        """,
    )
    assert said in refusal(workshop.load, "Photos.harbour")
