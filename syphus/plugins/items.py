"""What a plugin's item must look like, and what is said where it doesn't."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from syphus.core.errors import PluginError
from syphus.plugins.faults import shorten, show_value
from syphus.plugins.skips import SkippedItem


def read_item(
    item: Any, position: int, label: str
) -> tuple[str, str, tuple[str, ...]] | SkippedItem:
    """The id, the text and the images of one item, or why the plugin leaves it out.

    `position` counts from 1.

    Raises PluginError, which names the plugin by `label`, the position and the mend.
    """
    if type(item) is not dict and not isinstance(item, Mapping):
        raise _wrong(f'is {_kind(item)}; it must be a dict {{"id", "sentences"}}', position, label)
    found = item.get("id")
    if reason := item.get("skip"):
        return _read_skip(found, reason, position, label)
    if type(found) is not str:
        found = _read_id(item, found, position, label)
    if not found or found.isspace():
        raise _wrong("has an empty id; give it a unique one", position, label)
    text = item.get("sentences")
    if type(text) is not str:
        text = _read_text(item, text, position, label)
    images = item.get("images")
    return found, text, _read_images(images, position, label) if images else ()


def _read_skip(found: Any, reason: Any, position: int, label: str) -> SkippedItem:
    if not isinstance(reason, str) or not reason.strip():
        raise _wrong(f"has {_kind(reason)} as skip; say why in a text", position, label)
    name = shorten(found) if isinstance(found, str) else show_value(found)
    name = name if isinstance(found, str | int) and found != "" else ""
    return SkippedItem(position=position, id=name, reason=shorten(reason))


def _read_id(item: Mapping[str, Any], found: Any, position: int, label: str) -> str:
    if "id" not in item:
        raise _wrong(_missing("id", item), position, label)
    if isinstance(found, str):
        return str(found)
    if isinstance(found, bool) or not isinstance(found, int):
        raise _wrong(f"has {_kind(found)} as id; use a text or an integer", position, label)
    try:
        return str(found)
    except ValueError as exc:  # Python writes no integer of over 4,300 digits
        problem = "has an integer of thousands of digits as id; use a text"
        raise _wrong(problem, position, label) from exc


def _read_text(item: Mapping[str, Any], text: Any, position: int, label: str) -> str:
    if "sentences" not in item:
        raise _wrong(_missing("sentences", item), position, label)
    if isinstance(text, str):
        return str(text)
    if not isinstance(text, list | tuple):
        problem = f"has {_kind(text)} as sentences; use a text or a list of texts"
        raise _wrong(problem, position, label)
    for number, line in enumerate(text, 1):
        if not isinstance(line, str):
            problem = f"has {_kind(line)} as sentence {number}; every sentence must be a text"
            raise _wrong(problem, position, label)
    return "\n".join(text)


def _read_images(images: Any, position: int, label: str) -> tuple[str, ...]:
    if isinstance(images, str | bytes | Mapping | os.PathLike) or not isinstance(images, Iterable):
        problem = f"has {_kind(images)} as images; use a list of texts or paths"
        raise _wrong(problem, position, label)
    names = []
    for number, image in enumerate(images, 1):
        name = os.fspath(image) if isinstance(image, os.PathLike) else image
        if not isinstance(name, str):
            problem = f"has {_kind(image)} as image {number}; every image must be a text or a path"
            raise _wrong(problem, position, label)
        names.append(name)
    return tuple(names)


def _wrong(problem: str, position: int, label: str) -> PluginError:
    return PluginError(f"{label}: item {position} {problem}", position=position)


def _missing(key: str, item: Mapping[str, Any]) -> str:
    keys = ", ".join(reprlib.repr(each) for each in list(item)[:8]) or "none"
    return f"has no {key!r}; its keys: {keys}"


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
