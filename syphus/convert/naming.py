"""What an image is called, by where its file lies.

A rule gets the parts of a file's path below the folder that is converted, the last one without
its suffix, and gives the name that follows `<SHORT>_IMG_`, or None for a file that is no part of
the data set. Only the last parts count, so that a folder more above them does no harm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

_SCENE_PARTS = 3
_SPOT = re.compile(r"(?P<number>[^_]+)(?P<second>_2)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The name of an image, and of the clip that it is a frame of."""

    name: str
    clip: str | None = None


Rule: TypeAlias = "Callable[[tuple[str, ...]], Placed | None]"


def by_stem(parts: tuple[str, ...]) -> Placed | None:
    """The file's name without its suffix."""
    return Placed(name=parts[-1])


def by_spot_pair(parts: tuple[str, ...]) -> Placed | None:
    """Spot-the-Diff: `5406.png` and `5406_2.png` are `05406_1` and `05406_2`."""
    found = _SPOT.fullmatch(parts[-1])
    if found is None:
        return None
    return Placed(name=f"{found['number'].zfill(5)}_{2 if found['second'] else 1}")


def by_scene(parts: tuple[str, ...]) -> Placed | None:
    """ScanNet: `scene0000_00/color/000100.jpg` is `scene0000_color_000100`.

    MIMIC-IT names the first scan of a scene without its `_00`; other scans keep their number.
    """
    if len(parts) < _SCENE_PARTS or parts[-2] != "color":
        return None
    scene = parts[-3].removesuffix("_00")
    return Placed(name=f"{scene}_color_{parts[-1]}", clip=scene)


def by_show(parts: tuple[str, ...]) -> Placed | None:
    """TVQA: `bbt_frames/s01e01_clip_00/00003.jpg` is `bbt_s01e01_clip_00_00003`.

    The show isn't said twice where the clip's name begins with it.
    """
    if len(parts) < _SCENE_PARTS:
        return None
    show, clip = parts[-3].split("_")[0], parts[-2]
    whole = clip if clip.startswith(show) else f"{show}_{clip}"
    return Placed(name=f"{whole}_{parts[-1]}", clip=whole)
