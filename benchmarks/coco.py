"""What COCO's captions and boxes take to be read: seconds of processor, memory, at COCO's size.

python benchmarks/coco.py --images 118287
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from syphus.plugins.coco import read_coco

if TYPE_CHECKING:
    from collections.abc import Iterator

CAPTIONS = 5
BOXES = 7
CORNERS = 25


def write_list(path: Path, name: str, entries: Iterator[object]) -> None:
    """Adds a member with a list to the object that the file begins."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f', "{name}": [')
        for number, entry in enumerate(entries):
            file.write((", " if number else "") + json.dumps(entry))
        file.write("]")


def write_files(folder: Path, images: int) -> Path:
    """Writes files with the shape and size of COCO's, about five captions and seven boxes each."""
    dice = random.Random(7)  # noqa: S311 - a benchmark's data
    captions, instances = folder / "captions_b.json", folder / "instances_b.json"
    for path in (captions, instances):
        path.write_text('{"info": {}', encoding="utf-8")
        write_list(
            path,
            "images",
            (
                {
                    "id": n,
                    "file_name": f"{n:012d}.jpg",
                    "width": 640,
                    "height": 480,
                }
                for n in range(images)
            ),
        )
    write_list(
        captions,
        "annotations",
        (
            {
                "image_id": n % images,
                "id": n,
                "caption": f"A cat number {n} sits on a wall in the sun.",
            }
            for n in range(CAPTIONS * images)
        ),
    )
    write_list(
        instances,
        "annotations",
        (
            {
                "segmentation": [[round(dice.random() * 640, 2) for _ in range(2 * CORNERS)]],
                "area": 1.5,
                "iscrowd": 0,
                "image_id": n % images,
                "category_id": n % 80,
                "bbox": [1.5, 2.5, 300.25, 200.75],
                "id": n,
            }
            for n in range(BOXES * images)
        ),
    )
    write_list(instances, "categories", ({"id": n, "name": f"kind {n}"} for n in range(80)))
    for path in (captions, instances):
        with path.open("a", encoding="utf-8") as file:
            file.write("}")
    return captions


def main() -> None:
    """Writes the files, reads them, prints what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=118_287)
    images = parser.parse_args().images
    with tempfile.TemporaryDirectory() as name:
        captions = write_files(Path(name), images)
        size = sum(file.stat().st_size for file in Path(name).iterdir()) / 1e6
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began = time.process_time()
        found = read_coco(captions)
        seconds = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'images':>8} {'files MB':>9} {'seconds':>8} {'peak MiB':>9} {'before MiB':>11}")
    print(f"{len(found):>8} {size:>9.0f} {seconds:>8.1f} {peak:>9.0f} {before:>11.0f}")


if __name__ == "__main__":
    main()
