from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest

from syphus.core.errors import PluginError
from syphus.plugins import available
from syphus.plugins.dataset import AbstractDataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Workshop

PHOTOS = '''
    from syphus import AbstractDataset

    class Photos(AbstractDataset):
        """Photos of boats.

        More."""
        def _load_query_inputs(self, path):
            return [{"id": 1, "sentences": "a boat"}]
'''


@pytest.mark.parametrize("name", ["Photos.harbour", "harbour.Photos"])
def test_both_orders(workshop: Workshop, name: str) -> None:
    """A class is found as Class.file and as file.Class."""
    workshop.write("datasets/harbour.py", PHOTOS)
    assert workshop.find(name).__name__ == "Photos"
    assert workshop.texts(name) == {"1": "a boat"}


def test_file_that_begins_with_a_digit(workshop: Workshop) -> None:
    """A file's name may begin with a digit, as 3d.py does."""
    workshop.write("datasets/3d.py", PHOTOS)
    assert workshop.find("3d.Photos").__name__ == "Photos"


def test_order_when_both_files_exist(workshop: Workshop) -> None:
    """Where both words are files, the one that has the class is used."""
    workshop.write("datasets/harbour.py", PHOTOS)
    workshop.write("datasets/Photos.py", "class Other: pass")
    assert workshop.find("Photos.harbour").__module__.endswith("harbour")
    assert workshop.find("harbour.Photos").__module__.endswith("harbour")


@pytest.mark.parametrize(
    "name",
    [
        "../harbour",
        "..harbour",
        "/etc/harbour.Photos",
        "datasets/harbour.Photos",
        "datasets.harbour.Photos",
        "harbour.Photos.x",
        "Photos.harbour.py",
        "Photos.",
        ".harbour",
        "",
        "Photos harbour",
        "Photos.har bour",
        "__init__.Photos",
        "_.Photos",
        "_Photos.harbour",
        "__.__",
        "harbour\n.Photos",
        "harbour.Photos\n",
        "har-bour.Photos",
    ],
)
def test_names_are_never_paths(workshop: Workshop, refusal: Callable[..., str], name: str) -> None:
    """Anything but two plain words, or one, is refused with what a name looks like."""
    ran = workshop.write("datasets/harbour.py", PHOTOS)
    for other in ("__init__", "_", "har-bour"):
        ran.with_name(f"{other}.py").write_text("raise SystemExit('was run')")
    assert "a name is Class.file" in refusal(workshop.find, name)


@pytest.mark.parametrize("name", ["Photo.harbor", "harbor.Photos", "Photos", "photos.harbor"])
def test_unknown_name_suggests_the_nearest(
    workshop: Workshop, refusal: Callable[..., str], name: str
) -> None:
    """An unknown name is answered with the nearest one, without running any plugin."""
    workshop.write("datasets/harbour.py", PHOTOS)
    workshop.write("datasets/zebra.py", "raise SystemExit('was run')")
    assert "Photos.harbour" in refusal(workshop.find, name)


def test_unknown_name_near_nothing(workshop: Workshop, refusal: Callable[..., str]) -> None:
    """Where no name is near, the known ones are listed."""
    workshop.write("datasets/harbour.py", PHOTOS)
    assert "known: Photos.harbour" in refusal(workshop.find, "Xyzzy.quux")


def test_a_list_that_is_cut_says_so(workshop: Workshop, refusal: Callable[..., str]) -> None:
    """Of many data sets ten are listed; how many more there are is said, and who lists them."""
    for at in range(11):
        workshop.write(f"datasets/harbour{at}.py", PHOTOS)
    message = refusal(workshop.find, "Xyzzy.quux")
    assert message.count("Photos.harbour") == 10
    assert message.endswith(" and 1 more (`syphus datasets` lists them)")


def test_no_datasets_folder(workshop: Workshop, refusal: Callable[..., str]) -> None:
    """A missing folder is named."""
    (workshop.root / "datasets").rmdir()
    assert str(workshop.root / "datasets") in refusal(workshop.find, "Photos.harbour")


def test_class_missing_in_the_file(workshop: Workshop, refusal: Callable[..., str]) -> None:
    """A file without the class says which ones it has."""
    workshop.write("datasets/harbour.py", PHOTOS)
    message = refusal(workshop.find, "Boats.harbour")
    assert "no class Boats" in message
    assert "Photos" in message


def test_class_that_extends_nothing(workshop: Workshop, refusal: Callable[..., str]) -> None:
    """A class that isn't an AbstractDataset is refused, and told what to extend."""
    workshop.write("datasets/harbour.py", "class Photos:\n    pass")
    assert "no subclass of AbstractDataset" in refusal(workshop.find, "Photos.harbour")


def test_class_without_its_method(workshop: Workshop, refusal: Callable[..., str]) -> None:
    """A class without `_load_query_inputs` is told to define it."""
    source = "from syphus import AbstractDataset\nclass Photos(AbstractDataset):\n    pass"
    workshop.write("datasets/harbour.py", source)
    assert "_load_query_inputs" in refusal(workshop.find, "Photos.harbour")


def test_mended_file_is_read_again(workshop: Workshop) -> None:
    """A plugin that was changed is the one that the next call finds."""
    file = workshop.write("datasets/harbour.py", PHOTOS)
    assert workshop.texts("Photos.harbour") == {"1": "a boat"}
    workshop.write("datasets/harbour.py", PHOTOS.replace("a boat", "a bridge"))
    later = file.stat().st_mtime + 10
    os.utime(file, (later, later))
    assert workshop.texts("Photos.harbour") == {"1": "a bridge"}


@pytest.fixture
def installed(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Two installed packages: `boats`, which works, and `wreck`, which can't be imported."""
    workshop.write("site/boat_package.py", PHOTOS)
    monkeypatch.syspath_prepend(str(workshop.root / "site"))
    entries = [
        EntryPoint("boats", "boat_package:Photos", "syphus.datasets"),
        EntryPoint("wreck", "wreck_package:Photos", "syphus.datasets"),
    ]

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [entry for entry in entries if entry.group == group]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    return workshop


def test_installed_plugin(installed: Workshop) -> None:
    """One word is the name of an installed package's entry point."""
    assert installed.texts("boats") == {"1": "a boat"}


def test_installed_plugin_that_fails(installed: Workshop, refusal: Callable[..., str]) -> None:
    """An entry point that can't be imported is named with the reason."""
    message = refusal(installed.find, "wreck")
    assert "wreck" in message
    assert "ModuleNotFoundError" in message


def test_available_lists_everything(installed: Workshop) -> None:
    """Every plugin is listed with its summary, and what is broken with its problem."""
    installed.write("datasets/harbour.py", PHOTOS)
    installed.write("datasets/broken.py", "1 / 0")
    installed.write("datasets/leaving.py", "raise SystemExit(3)")
    installed.write("datasets/my-data.py", PHOTOS)
    installed.write("datasets/forgot.py", "class Photos:\n    pass")
    installed.write("datasets/_private.py", "1 / 0")
    installed.write("datasets/imports.py", "from syphus import AbstractDataset")
    found = {each.name: each for each in available(installed.root)}
    assert found["Photos.harbour"].summary == "Photos of boats."
    assert found["boats"].summary == "Photos of boats."
    problems = {name: each.problem for name, each in found.items() if each.problem is not None}
    assert set(problems) == {"broken", "leaving", "my-data", "forgot", "wreck"}
    assert "ZeroDivisionError" in problems["broken"]
    assert "rename" in problems["my-data"]
    assert set(found) - set(problems) == {"Photos.harbour", "boats"}


def test_shown_problem_is_the_one_of_loading(workshop: Workshop) -> None:
    """The problem in the list is what asking for the dataset says."""
    workshop.write("datasets/broken.py", "1 / 0")
    with pytest.raises(PluginError) as caught:
        workshop.find("Photos.broken")
    assert [each.problem for each in available(workshop.root)] == [str(caught.value)]


def test_plugin_extends_our_class(workshop: Workshop) -> None:
    """What is found is a subclass of the class that Syphus itself uses, in a private module."""
    workshop.write("datasets/harbour.py", PHOTOS)
    found: Any = workshop.find("Photos.harbour")
    assert issubclass(found, AbstractDataset)
    assert found.__module__ == "_syphus_dataset_harbour"
    assert sys.modules[found.__module__].Photos is found
