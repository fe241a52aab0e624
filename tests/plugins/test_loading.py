from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Workshop

PHOTOS = """
    {imports}
    from syphus import AbstractDataset

    class Photos(AbstractDataset):
        def _load_query_inputs(self, path):
            {lazily}
            return [{{"id": 1, "sentences": {text}}}]
"""


def write_photos(workshop: Workshop, imports: str, text: str, lazily: str = "pass") -> None:
    """Writes a plugin with these imports, whose one query has this text."""
    workshop.write("datasets/harbour.py", PHOTOS.format(imports=imports, text=text, lazily=lazily))


def write_huggingface(workshop: Workshop) -> str:
    """Writes a package like Hugging Face's `datasets` and gives the folder to import it from."""
    workshop.write("site/datasets/__init__.py", "def load_dataset(): return 'from the hub'")
    workshop.write("site/datasets/arrow.py", "NAME = 'arrow'")
    return str(workshop.root / "site")


@pytest.mark.parametrize("order", [("site", ""), ("", "site")])
def test_huggingface_datasets_present(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
) -> None:
    """A plugin can import the package `datasets`, on either side of the root in the search path."""
    write_huggingface(workshop)
    monkeypatch.setattr(sys, "path", [*(str(workshop.root / each) for each in order), *sys.path])
    write_photos(
        workshop,
        "import datasets; from datasets.arrow import NAME",
        "datasets.load_dataset() + NAME",
    )
    assert workshop.texts("Photos.harbour") == {"1": "from the hubarrow"}


def test_huggingface_datasets_absent(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that package, a plugin that would like it gets the ImportError it waits for."""
    without = [each for each in sys.path if not Path(each, "datasets", "__init__.py").exists()]
    monkeypatch.setattr(sys, "path", [str(workshop.root), *without])
    monkeypatch.delitem(sys.modules, "datasets", raising=False)
    imports = "exec('try: from datasets import load_dataset\\nexcept ImportError: PLAN = \"b\"')"
    write_photos(workshop, imports, "PLAN")
    assert workshop.texts("Photos.harbour") == {"1": "b"}


def test_huggingface_datasets_after_plugins(workshop: Workshop) -> None:
    """In a program that has loaded a plugin, the package `datasets` is still the installed one."""
    site = write_huggingface(workshop)
    write_photos(workshop, "", "'a boat'")
    program = (
        "import sys; from pathlib import Path; from syphus.plugins import load_dataset;"
        "load_dataset('Photos.harbour', root=Path(sys.argv[1]), prompt_path=None,"
        " query_inputs_path=None);"
        "import datasets; print(datasets.load_dataset())"
    )
    command = [sys.executable, "-c", program, str(workshop.root)]
    ran = subprocess.run(
        command, env={"PYTHONPATH": site}, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "from the hub\n"


def test_prompt_modules_are_importable(workshop: Workshop) -> None:
    """A module in `prompts/` can be imported, at the top of a plugin and inside its methods."""
    workshop.write("prompts/some_prompt.py", "NAME = 'early'")
    workshop.write("prompts/late_prompt.py", "NAME = 'late'")
    write_photos(
        workshop,
        "from prompts.some_prompt import NAME",
        "NAME + importlib.import_module('prompts.late_prompt').NAME",
        lazily="import importlib",
    )
    assert workshop.texts("Photos.harbour") == {"1": "earlylate"}


def test_neighbouring_plugin_is_importable(workshop: Workshop) -> None:
    """A plugin can extend the class of a neighbouring file."""
    workshop.write("datasets/lake.py", PHOTOS.format(imports="", text="'a lake'", lazily="pass"))
    workshop.write("datasets/harbour.py", "from lake import Photos\nclass More(Photos): pass")
    assert workshop.texts("More.harbour") == {"1": "a lake"}


def test_plugin_files_hide_no_module(workshop: Workshop) -> None:
    """A plugin file called like a standard module doesn't take its place."""
    workshop.write("datasets/colorsys.py", "raise SystemExit('wrong module')")
    workshop.write("colorsys.py", "raise SystemExit('wrong module')")
    sys.modules.pop("colorsys", None)
    write_photos(workshop, "import colorsys", "colorsys.rgb_to_hsv.__name__")
    assert workshop.texts("Photos.harbour") == {"1": "rgb_to_hsv"}


@pytest.mark.parametrize("imported", [True, False])
def test_left_over_base_class_is_not_used(workshop: Workshop, *, imported: bool) -> None:
    """A file abstract_dataset.py of the first Syphus doesn't take the place of our class."""
    workshop.write("abstract_dataset.py", "class AbstractDataset: pass")
    if imported:
        sys.modules["abstract_dataset"] = ModuleType("abstract_dataset")
    workshop.write(
        "datasets/harbour.py",
        """
        from abstract_dataset import AbstractDataset

        class Photos(AbstractDataset):
            def _load_query_inputs(self, path):
                return [{"id": 1, "sentences": "a boat"}]
        """,
    )
    assert workshop.texts("Photos.harbour") == {"1": "a boat"}


def test_plugin_that_fails_leaves_no_module(
    workshop: Workshop, refusal: Callable[..., str]
) -> None:
    """A half-run plugin isn't left among the modules."""
    workshop.write("datasets/harbour.py", "X = 1\n1 / 0")
    refusal(workshop.find, "Photos.harbour")
    assert "_syphus_dataset_harbour" not in sys.modules
