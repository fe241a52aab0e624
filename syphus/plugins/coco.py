"""COCO's annotations by image: `captions_train2017.json`, and the boxes of the file beside it.

    {"images": [{"id", "file_name", "width", "height"}, ...],
     "annotations": [{"image_id", "caption"}, ...]}

and in `instances_train2017.json` "categories": [{"id", "name"}, ...] and "annotations":
[{"image_id", "category_id", "bbox": [x, y, width, height]}, ...], in pixels. In memory are the
captions, and the boxes as numbers; the files, whose outlines are most of their size, never are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syphus.core.errors import AnnotationError
from syphus.core.json_stream import stream_json


_SIDES = 4
MOST_BOXES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An object: its kind and its place, left, top, right, bottom as parts of the image."""

    name: str
    place: tuple[float, float, float, float]

    @property
    def area(self) -> float:
        """The part of the image that it covers."""
        left, top, right, bottom = self.place
        return (right - left) * (bottom - top)

    def __str__(self) -> str:
        return f"{self.name}: [{', '.join(f'{side:.2f}' for side in self.place)}]"


@dataclass(slots=True, kw_only=True)
class CocoImage:
    """An image with its captions and boxes. `fault` says what is wrong with it, or is None.

    `name` is the file's name without its ending, such as 000000391895.
    """

    name: str
    width: float = 0
    height: float = 0
    captions: list[str] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    fault: str | None = None

    def describe(self) -> str:
        """The captions, then the boxes, the largest first; at most `MOST_BOXES`."""
        largest = sorted(self.boxes, key=lambda box: -box.area)[:MOST_BOXES]
        return "\n".join([*self.captions, *map(str, largest)])

    @property
    def kinds(self) -> list[str]:
        """The kinds of objects in it, sorted."""
        return sorted({box.name for box in self.boxes})


def read_coco(path: str | Path) -> list[CocoImage]:
    """The images of a captions file, in its order, with the boxes of the instances file beside it.

    What the files say wrong of an image stands in its `fault`. A caption that is empty, or whose
    image isn't listed, is left out alone: it is an entry with a fault at the end.

    Raises AnnotationError where a file can't be read or has no such lists.
    """
    path = Path(path)
    if "captions" not in path.name:
        raise AnnotationError(
            f"{path}: the file's name must have 'captions' in it; the boxes are read from the "
            "file of the same name with 'instances'",
            path=path,
        )
    found: dict[Any, CocoImage] = {}
    images = [_read_image(each, found) for each in stream_json(path, "images")]
    strays = _add_captions(path, found)
    _add_boxes(path.with_name(path.name.replace("captions", "instances")), found)
    for image in found.values():
        if image.fault is None and not image.captions:
            image.fault = "it has no caption"
    return images + strays


def _read_image(entry: Any, found: dict[Any, CocoImage]) -> CocoImage:
    entry = entry if isinstance(entry, dict) else {}
    name = entry.get("file_name")
    if not isinstance(name, str) or not name:
        return CocoImage(name=str(entry.get("id", "")), fault="it has no file_name")
    image = CocoImage(name=Path(name).stem)
    number = entry.get("id")
    if not isinstance(number, int | str):
        image.fault = "it has no id"
    elif number in found:
        image.fault = f"its id {number} comes a second time; the first image stands"
    else:
        found[number] = image
        for side in ("width", "height"):
            value = entry.get(side)
            if _is_number(value) and value > 0:
                setattr(image, side, value)
            else:
                image.fault = f"it has no {side}"
    return image


def _add_captions(path: Path, found: dict[Any, CocoImage]) -> list[CocoImage]:
    """Adds each caption to its image; returns entries for those that can't be added."""
    strays = []
    for number, entry in enumerate(stream_json(path, "annotations"), 1):
        entry = entry if isinstance(entry, dict) else {}  # noqa: PLW2901 - no object: no fields
        image = _image_of(entry, found)
        caption = entry.get("caption")
        if image is None:
            reason = f"caption {number} belongs to an image that {path.name} lacks"
            strays.append(CocoImage(name=str(entry.get("image_id", "")), fault=reason))
        elif not isinstance(caption, str) or not caption.strip():
            strays.append(CocoImage(name=image.name, fault=f"caption {number} is empty"))
        else:
            image.captions.append(" ".join(caption.split()))
    return strays


def _add_boxes(path: Path, found: dict[Any, CocoImage]) -> None:
    names = {
        each.get("id"): each.get("name")
        for each in stream_json(path, "categories")
        if isinstance(each, dict)
    }
    for number, entry in enumerate(stream_json(path, "annotations"), 1):
        image = _image_of(entry, found) if isinstance(entry, dict) else None
        if image is None or image.fault is not None:
            continue  # many images have boxes and no captions
        name, sides = names.get(entry.get("category_id")), entry.get("bbox")
        if not isinstance(name, str):
            image.fault = f"box {number} has an unknown category_id"
        elif not (isinstance(sides, list) and len(sides) == _SIDES and all(map(_is_number, sides))):
            image.fault = f"box {number} is {_show(sides)}; it must be [x, y, width, height]"
        else:
            many = " (several)" if entry.get("iscrowd") else ""
            image.boxes.append(Box(name=name + many, place=_place(sides, image)))


def _image_of(entry: dict[str, Any], found: dict[Any, CocoImage]) -> CocoImage | None:
    number = entry.get("image_id")
    return found.get(number) if isinstance(number, int | str) else None


def _place(sides: list[float], image: CocoImage) -> tuple[float, float, float, float]:
    x, y, width, height = sides
    return (
        _part(x, image.width),
        _part(y, image.height),
        _part(x + width, image.width),
        _part(y + height, image.height),
    )


def _part(pixels: float, whole: float) -> float:
    return min(max(pixels / whole, 0.0), 1.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _show(value: Any) -> str:
    return f"a list of {len(value)}" if isinstance(value, list) else repr(value)[:40]
