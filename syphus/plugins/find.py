"""From the name that a user gives to the dataset that is meant.

A name is Class.file or file.Class, for a class in a file of the folder `datasets/`, or one word,
for an installed package's entry point in the group `syphus.datasets`. It is never a path.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syphus.core.errors import PluginError
from syphus.plugins.construct import construct
from syphus.plugins.dataset import AbstractDataset
from syphus.plugins.faults import explaining
from syphus.plugins.loading import load_file, make_importable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from pathlib import Path

ENTRY_POINTS = "syphus.datasets"
_FOLDER = "datasets"
_STEM = re.compile(r"(?!_)\w+")
_ENTRY_NAME = re.compile(r"(?!_)\w+(-\w+)*")
_SUGGESTED = 3
_LISTED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailableDataset:
    """A dataset that `find_dataset` knows, or a file that should hold one.

    `summary` is the first line of its docstring; `problem` says why it can't be used, or is None.
    """

    name: str
    summary: str
    problem: str | None = None


def load_dataset(
    name: str, *, root: Path, prompt_path: str | None, query_inputs_path: str | None
) -> AbstractDataset:
    """The dataset called `name`, made with the paths that were given.

    Raises PluginError, AnnotationError or PromptError, in one line, if it can't be had.
    """
    plugin = find_dataset(name, root=root)
    return construct(
        plugin, root=root, prompt_path=prompt_path, query_inputs_path=query_inputs_path
    )


def find_dataset(name: str, *, root: Path) -> type[AbstractDataset]:
    """The class called `name`, in `root`/datasets or among the installed packages.

    Raises PluginError if there is none, or if its file raises.
    """
    words = name.split(".")
    if len(words) == 1 and _ENTRY_NAME.fullmatch(name):
        entry = _entry_points().get(name)
        if entry is not None:
            return _check_class(_load_entry(entry, root), name)
    if len(words) == 2 and all(_STEM.fullmatch(word) for word in words):  # noqa: PLR2004 - a pair
        return _find_in_files(name, words, root)
    raise PluginError(_unknown(name, root))


def available(root: Path) -> list[AvailableDataset]:
    """Every dataset in `root`/datasets and among the installed packages. Runs their code."""
    found = [each for path in _files(root).values() for each in _list_file(path)]
    for name, entry in _entry_points().items():
        try:
            plugin = _check_class(_load_entry(entry, root), name)
        except PluginError as exc:
            found.append(AvailableDataset(name=name, summary="", problem=str(exc)))
        else:
            found.append(AvailableDataset(name=name, summary=_summary(plugin)))
    return found


def _find_in_files(name: str, words: list[str], root: Path) -> type[AbstractDataset]:
    files = _files(root)
    misses = []
    for class_name, stem in (words, words[::-1]):
        if stem not in files or not class_name.isidentifier():
            continue
        module = load_file(files[stem])
        if hasattr(module, class_name):
            return _check_class(getattr(module, class_name), f"{class_name}.{stem}")
        has = ", ".join(_public_classes(files[stem])) or "no class"
        misses.append(f"{_FOLDER}/{stem}.py has no class {class_name}; it has {has}")
    raise PluginError("; ".join(misses) or _unknown(name, root))


def _files(root: Path) -> dict[str, Path]:
    paths = sorted((root.absolute() / _FOLDER).glob("*.py"))
    return {path.stem: path for path in paths if not path.name.startswith(("_", "."))}


def _check_class(found: Any, name: str) -> type[AbstractDataset]:
    if not isinstance(found, type) or not issubclass(found, AbstractDataset):
        raise PluginError(f"{name} is no subclass of AbstractDataset; import it from syphus")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise PluginError(f"{name} must define {missing}")
    return found


def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 20 ms, not needed by --help

    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def _load_entry(entry: EntryPoint, root: Path) -> Any:
    make_importable(root.absolute())
    with explaining(label=f"{entry.name} ({entry.value})", file=None):
        return entry.load()


def _list_file(path: Path) -> list[AvailableDataset]:
    if not _STEM.fullmatch(path.stem):
        problem = f"{path.name}: rename the file; its name may hold letters, digits, underscores"
        return [AvailableDataset(name=path.stem, summary="", problem=problem)]
    try:
        module = load_file(path)
    except PluginError as exc:
        return [AvailableDataset(name=path.stem, summary="", problem=str(exc))]
    classes = [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and _STEM.fullmatch(name)
    ]
    plugins = [each for each in classes if issubclass(each, AbstractDataset)]
    if classes and not plugins:
        problem = f"{path.name}: none of its classes is a subclass of AbstractDataset"
        return [AvailableDataset(name=path.stem, summary="", problem=problem)]
    return [_describe(each, path.stem) for each in plugins]


def _describe(plugin: type[AbstractDataset], stem: str) -> AvailableDataset:
    name = f"{plugin.__name__}.{stem}"
    try:
        _check_class(plugin, name)
    except PluginError as exc:
        return AvailableDataset(name=name, summary="", problem=str(exc))
    return AvailableDataset(name=name, summary=_summary(plugin))


def _summary(plugin: type[AbstractDataset]) -> str:
    text = vars(plugin).get("__doc__") or ""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _unknown(name: str, root: Path) -> str:
    """Says what a name looks like and which ones are near. Runs no plugin to find out."""
    if not (root / _FOLDER).is_dir():
        known = f"there is no folder {root / _FOLDER}"
    else:
        names = [
            f"{class_name}.{stem}"
            for stem, path in _files(root).items()
            for class_name in _public_classes(path)
        ]
        names.extend(_entry_points())
        near, more = _nearest(name, names), len(names) - _LISTED
        known = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"known: {', '.join(names[:_LISTED]) or 'none'}"
            + (f" and {more} more (`syphus datasets` lists them)" if more > 0 else "")
        )
    return (
        f"unknown dataset {name!r}: a name is Class.file, for a class in {_FOLDER}/file.py, or one "
        f"word, for an installed plugin; {known}"
    )


def _nearest(name: str, names: list[str]) -> list[str]:
    spellings: dict[str, str] = {}
    for each in names:
        for spelling in (each, ".".join(reversed(each.split("."))), *each.split(".")):
            spellings.setdefault(spelling.lower(), each)
    near = difflib.get_close_matches(name.lower(), spellings, n=_SUGGESTED)
    return list(dict.fromkeys(spellings[each] for each in near))


def _public_classes(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.bases and not node.name.startswith("_")
    ]
