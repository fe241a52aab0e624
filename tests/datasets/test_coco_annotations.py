"""COCO's captions and boxes: what is read of them, and what is left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syphus.core.errors import AnnotationError

SAMPLES = Path(__file__).parents[2] / "datasets/samples"


def load_sample(name: str) -> Any:
    """A sample file, to be spoilt."""
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


def spoil_coco(spoil: Callable[[str, Any], Path]) -> Path:
    """COCO's sample with a fault of each kind."""
    captions, instances = load_sample("coco_captions.json"), load_sample("coco_instances.json")
    captions["images"] += [
        {"id": 61003, "file_name": "twice.jpg", "width": 5, "height": 5},
        {"id": 61900, "width": 5, "height": 5},
        {"id": 61901, "file_name": "flat.jpg", "width": 5},
        {"id": 61902, "file_name": "untold.jpg", "width": 5, "height": 5},
    ]
    captions["annotations"] += [
        {"image_id": 61001, "id": 1, "caption": " "},
        {"image_id": 5, "id": 2, "caption": "Nobody has this image."},
    ]
    boxes = instances["annotations"]
    boxes[0]["bbox"] = [1.0, 2.0, 3.0]
    next(box for box in boxes if box["image_id"] == 61002)["category_id"] = 99
    spoil("instances_x.json", instances)
    return spoil("captions_x.json", captions)


MUST_BE = "it must be [x, y, width, height] in pixels"
COCO_FAULTS = [
    f"item 1 (000000061001) is left out: box 1 is [1.0, 2.0, 3.0]; {MUST_BE}",
    "item 2 (000000061002) is left out: a box in it has an unknown category_id",
    "item 6 (twice) is left out: its id 61003 comes a second time; the first image stands",
    "item 7 (61900) is left out: it has no file_name",
    "item 8 (flat) is left out: it has no height",
    "item 9 (untold) is left out: it has no caption",
    "item 10 (000000061001) is left out: caption 16 is empty",
    "item 11 (5) is left out: caption 17 belongs to an image that captions_x.json lacks",
]


def test_coco_images_with_faults_are_left_out(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """One line each that names item, position and place; the other images are asked about."""
    found = read_dataset("LACONV.2d", spoil_coco(spoil))
    assert found.left_out == COCO_FAULTS
    assert list(found.texts) == ["000000061003", "000000061004", "000000061005"]


@pytest.mark.parametrize(
    ("box", "shown"),
    [
        (None, "null"),
        ([1, 2, 3, 4, 5], "[1, 2, 3, 4, 5]"),
        (["1", "2", "3", "4"], '["1", "2", "3", "4"]'),
        ([10, 10, -5, 5], "[10, 10, -5, 5]"),
        ([1, 2, 3, float("nan")], "[1, 2, 3, NaN]"),
        ([10] * 99, f"[{'10, ' * 14}10,..."),
        ([1, 2, 3, 10**400], f"[1, 2, 3, 1{'0' * 49}..."),
    ],
)
def test_what_is_no_box(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path], box: Any, shown: str
) -> None:
    """The line shows what the file has, or how it begins."""
    instances = load_sample("coco_instances.json")
    instances["annotations"][0]["bbox"] = box
    spoil("instances_x.json", instances)
    found = read_dataset("LADD.2d", spoil("captions_x.json", load_sample("coco_captions.json")))
    wanted = f"item 1 (000000061001) is left out: box 1 is {shown}; {MUST_BE}"
    assert found.left_out == [wanted]


def test_a_coco_image_becomes_captions_and_boxes(read_dataset: Callable[..., Any]) -> None:
    """Captions as they stand, then boxes as parts of the image, the largest first."""
    lines = read_dataset("LACONV.2d").texts["000000061001"].splitlines()
    assert lines[:3] == [
        "A brown dog leaps for a red frisbee on a beach.",
        "A man in shorts watches his dog play on the sand.",
        "A dog jumping after a flying disc near the sea.",
    ]
    assert lines[3:] == [
        "person: [0.03, 0.13, 0.18, 0.77]",
        "dog: [0.33, 0.25, 0.61, 0.59]",
        "frisbee: [0.63, 0.18, 0.71, 0.25]",
    ]
    assert (
        "orange (several): [0.72, 0.67, 0.96, 0.91]"
        in read_dataset("LADD.2d").texts["000000061003"]
    )


def test_the_boxes_lie_beside_the_captions(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """A captions file by another name, or alone, is refused with the mend."""
    captions = load_sample("coco_captions.json")
    with pytest.raises(AnnotationError, match="must have 'captions' in it"):
        read_dataset("LADD.2d", spoil("train.json", captions))
    with pytest.raises(AnnotationError, match=r"instances_a\.json: no such file"):
        read_dataset("LADD.2d", spoil("captions_a.json", captions))


def test_partners_have_a_kind_of_object_in_common(
    read_dataset: Callable[..., Any], spoil: Callable[[str, Any], Path]
) -> None:
    """Each image is paired with another one that shows the same kind; who has none is left out."""
    found = read_dataset("CocoSpotTheDifference.change")
    for query_id, text in found.texts.items():
        first, second = (part.split(":\n", 1)[1] for part in text.split("\n\n"))
        kinds = [
            {line.split(": [")[0] for line in part.splitlines() if ": [" in line}
            for part in (first, second)
        ]
        assert kinds[0] & kinds[1]
        assert len(set(query_id.split("/"))) == 2
    spoilt = read_dataset("CocoSpotTheDifference.change", spoil_coco(spoil))
    assert list(spoilt.texts) == ["000000061003/000000061004", "000000061004/000000061003"]
    alone = "no other image shows an object of the same kind"
    assert f"item 5 (000000061005) is left out: {alone}" in spoilt.left_out
