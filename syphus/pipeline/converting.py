"""What `syphus convert` converts: a recipe of MIMIC-IT, or the images of a plugin's data set."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from syphus.convert.recipes import RECIPES, Recipe, find_recipe
from syphus.core.errors import AnnotationError, PluginError, SettingsError
from syphus.core.reading import read_json
from syphus.plugins.find import find_dataset

if TYPE_CHECKING:
    from pathlib import Path


def recipe_for(name: str, *, root: Path) -> Recipe:
    """The recipe of that name, else one with the short name of the plugin of that name.

    Raises PluginError where there is neither.
    """
    found = find_recipe(name)
    if found is not None:
        return found
    try:
        return Recipe(short=find_dataset(name, root=root).short)
    except PluginError as error:
        raise PluginError(f"{error}; convert also knows {', '.join(RECIPES)}") from error


def check_extras(file_format: str) -> None:
    """Raises SettingsError, with what to install, where a package is missing."""
    needed = {"images": ("PIL", "av"), "formats": ("pyarrow",) if file_format == "parquet" else ()}
    for extra, packages in needed.items():
        if any(find_spec(package) is None for package in packages):
            raise SettingsError(f"a package is missing: pip install 'syphus-engine[{extra}]'")


def read_names(path: Path) -> tuple[str, ...]:
    """The names of images that a JSON file asks for: its keys, its list, or ids in "images".

    Raises AnnotationError where it holds none of these.
    """
    try:
        content: Any = read_json(path)
    except (OSError, ValueError) as error:
        raise AnnotationError(f"{path}: {error}", path=path) from error
    if isinstance(content, dict) and isinstance(content.get("images"), list):
        content = content["images"]
    if isinstance(content, list):
        content = [each.get("id") if isinstance(each, dict) else each for each in content]
    names = list(content) if isinstance(content, dict | list) else []
    if not names or not all(isinstance(name, str | int) for name in names):
        raise AnnotationError(
            f"{path} must name images: an object by name, a list of names, or "
            '{"images": [{"id": ...}]}',
            path=path,
        )
    return tuple(map(str, names))
