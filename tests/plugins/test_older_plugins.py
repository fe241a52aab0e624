"""Plugins in the manner of the first Syphus, each written here as its users wrote theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Workshop

PROMPT = '{"system_message": "Look.", "in_context": []}'


def test_import_and_prompt_path(workshop: Workshop) -> None:
    """The import from abstract_dataset, and the default paths of the constructor, work."""
    workshop.write("prompts/boats.json", PROMPT)
    workshop.write("annotations/boats/train.json", '[{"img_id": "5", "sentences": ["a", "b"]}]')
    workshop.write(
        "datasets/older.py",
        """
        import json

        from abstract_dataset import AbstractDataset


        class Boats(AbstractDataset):
            def __init__(
                self,
                name: str = "Boats",
                prompt_path: str = "prompts/boats.json",
                query_inputs_path: str = "annotations/boats/train.json",
            ):
                super().__init__(name, prompt_path, query_inputs_path)

            def _load_query_inputs(self, path: str) -> list[str]:
                with open(path, "r") as f:
                    boats = json.load(f)
                return [
                    {"id": boat["img_id"], "sentences": "\\n".join(boat["sentences"])}
                    for boat in boats
                ]
        """,
    )
    assert workshop.texts("older.Boats") == {"5": "a\nb"}
    assert workshop.load("older.Boats").prompt["system_message"] == "Look."


def test_in_context_path_and_annotation_path(workshop: Workshop) -> None:
    """A constructor with in_context_path and annotation_path gets today's flags."""
    workshop.write("other.json", PROMPT)
    workshop.write("clips.jsonl", '{"name": "c", "desc": "x"}\n')
    workshop.write(
        "datasets/older.py",
        """
        import json

        from abstract_dataset import AbstractDataset


        class Clips(AbstractDataset):
            def __init__(
                self,
                name: str = "Clips",
                in_context_path: str = "prompts/none.json",
                annotation_path: str = "annotations/none.jsonl",
            ):
                super().__init__(name, in_context_path, annotation_path)

            def _load_query_inputs(self, path):
                found = []
                with open(path) as lines:
                    for line in lines:
                        clip = json.loads(line)
                        found.append({"id": clip["name"], "sentences": clip["desc"]})
                return found
        """,
    )
    assert workshop.texts("older.Clips", query_inputs_path="clips.jsonl") == {"c": "x"}
    loaded = workshop.load("older.Clips", prompt_path="other.json")
    assert loaded.prompt["system_message"] == "Look."


@pytest.mark.parametrize("spelling", ["_load_prompt", "_load_prefix"])
def test_prompt_module(workshop: Workshop, spelling: str) -> None:
    """A prompt may be a module whose dotted name stands in the place of a path."""
    workshop.write(
        "prompts/boat_prompt.py",
        'system_message = "Say it."\nin_context = [{"role": "user", "content": "x"}]\n',
    )
    workshop.write(
        "datasets/older.py",
        f"""
        import importlib

        from abstract_dataset import AbstractDataset


        class Boats(AbstractDataset):
            def __init__(self, name="Boats", prompt_path="prompts.boat_prompt",
                         query_inputs_path=None):
                super().__init__(name, prompt_path, query_inputs_path)

            def {spelling}(self, path):
                module = importlib.import_module(path)
                return dict(system_message=module.system_message, in_context=module.in_context)

            def _load_query_inputs(self, path):
                return [{{"id": "1", "sentences": "a boat"}}]
        """,
    )
    assert workshop.load("older.Boats").prompt == {
        "system_message": "Say it.",
        "in_context": [{"role": "user", "content": "x"}],
    }


def test_prefix_without_path(workshop: Workshop) -> None:
    """Both methods may do without the path, as the first README showed them."""
    workshop.write(
        "datasets/older.py",
        """
        from abstract_dataset import AbstractDataset


        class Boats(AbstractDataset):
            def _load_query_inputs(self):
                return [{"id": "1", "sentences": "a boat"}]

            def _load_prefix(self):
                return {"system_message": "Look.", "in_context": []}
        """,
    )
    assert workshop.texts("older.Boats") == {"1": "a boat"}
    assert workshop.load("older.Boats").prompt["system_message"] == "Look."


def test_query_inputs_in_the_constructor(workshop: Workshop) -> None:
    """A constructor may read, change and assign what its base class has loaded."""
    workshop.write("prompts/boats.json", PROMPT)
    workshop.write(
        "datasets/older.py",
        """
        from abstract_dataset import AbstractDataset


        class Boats(AbstractDataset):
            def __init__(self, name="Boats", prompt_path="prompts/boats.json",
                         query_inputs_path=""):
                super().__init__(name, prompt_path, query_inputs_path)
                self.query_inputs = [q for q in self.query_inputs if q["id"] != 2]
                self.query_inputs.append({"id": 9, "sentences": str(len(self.query_inputs))})
                self.prompt["system_message"] += " Closely."

            def _load_query_inputs(self, path):
                return [{"id": n, "sentences": "a boat"} for n in range(4)]
        """,
    )
    assert workshop.texts("older.Boats") == {
        "0": "a boat",
        "1": "a boat",
        "3": "a boat",
        "9": "3",
    }
    assert workshop.load("older.Boats").prompt["system_message"] == "Look. Closely."
