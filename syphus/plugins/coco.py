"""COCO's annotations by image: `captions_train2017.json`, and the boxes of the file beside it.

    {"images": [{"id", "file_name", "width", "height"}, ...],
     "annotations": [{"image_id", "caption"}, ...]}

and in `instances_train2017.json` "categories": [{"id", "name"}, ...] and "annotations":
[{"image_id", "category_id", "bbox": [x, y, width, height]}, ...], in pixels. In memory are the
captions, and the boxes as numbers; the files, whose outlines are most of their size, never are.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syphus.core.errors import AnnotationError
from syphus.core.json_stream import stream_json, stream_members

_SIDES = 4
_LONGEST_SHOWN = 60
# Beyond it numbers are mistakes, and some too large to reckon with.
_MOST_PIXELS = 1e9
MOST_BOXES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An object: its kind and its place, left, top, right, bottom as parts of the image."""

    name: str
    place: tuple[float, ...]

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
    fault: str | None = None
    _boxes: array[float] = field(default_factory=lambda: array("f"))
    _names: list[str] = field(default_factory=list)

    @property
    def boxes(self) -> list[Box]:
        """The objects in it, as the file has them in order."""
        # COCO has 860,000: as five numbers each they take 20 MB instead of 220.
        numbers = self._boxes
        return [
            Box(name=self._names[int(numbers[at])], place=tuple(numbers[at + 1 : at + 1 + _SIDES]))
            for at in range(0, len(numbers), 1 + _SIDES)
        ]

    def add_box(self, names: list[str], kind: int, sides: list[float]) -> None:
        """Adds an object: the index of its kind in `names`, and x, y, width, height in pixels."""
        x, y, width, height = sides
        self._names = names
        self._boxes.append(kind)
        for pixels, whole in (
            (x, self.width),
            (y, self.height),
            (x + width, self.width),
            (y + height, self.height),
        ):
            self._boxes.append(min(max(pixels / whole, 0.0), 1.0))

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
        fields = entry if isinstance(entry, dict) else {}
        image = found.get(_key(fields, "image_id"))
        caption = fields.get("caption")
        if image is None:
            reason = f"caption {number} belongs to an image that {path.name} lacks"
            strays.append(CocoImage(name=str(fields.get("image_id", "")), fault=reason))
        elif not isinstance(caption, str) or not caption.strip():
            strays.append(CocoImage(name=image.name, fault=f"caption {number} is empty"))
        else:
            image.captions.append(" ".join(caption.split()))
    return strays


def _add_boxes(path: Path, found: dict[Any, CocoImage]) -> None:
    """Adds each box to its image, in one reading: the names of the kinds stand behind the boxes."""
    names: list[str] = []
    indices: dict[Any, int] = {}
    known: dict[Any, str] = {}
    number = 0
    for key, entry in stream_members(path, ("annotations", "categories")):
        fields = entry if isinstance(entry, dict) else {}
        if key == "categories":
            if isinstance(fields.get("name"), str):
                known[_key(fields, "id")] = fields["name"]
            continue
        number += 1
        image = found.get(_key(fields, "image_id"))
        if image is None or image.fault is not None:
            continue  # many images have boxes and no captions
        sides, kind = fields.get("bbox"), _key(fields, "category_id")
        if sides is None or not _is_box(sides):
            image.fault = (
                f"box {number} is {_show(sides)}; it must be [x, y, width, height] in pixels"
            )
            continue
        index = indices.setdefault(kind, 2 * len(indices))
        image.add_box(names, index + bool(fields.get("iscrowd")), sides)
    for kind in indices:
        name = known.get(kind)
        names += [name, f"{name} (several)"] if name else ["", ""]
    if indices.keys() - known.keys():
        for image in found.values():
            if image.fault is None and not all(box.name for box in image.boxes):
                image.fault = "a box in it has an unknown category_id"


def _key(fields: dict[str, Any], name: str) -> int | str | None:
    """The number or text under `name`; None for anything else."""
    value = fields.get(name)
    return value if isinstance(value, int | str) else None


def _is_box(sides: Any) -> bool:
    is_four = isinstance(sides, list) and len(sides) == _SIDES and all(map(_is_number, sides))
    return is_four and min(sides[2:]) >= 0


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -_MOST_PIXELS < value < _MOST_PIXELS


def _show(value: Any) -> str:
    shown = json.dumps(value)
    return f"{shown[:_LONGEST_SHOWN]}..." if len(shown) > _LONGEST_SHOWN else shown
