"""What a conversion is told, and what it tells of itself when it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from syphus.core.durable import without_surrogates

if TYPE_CHECKING:
    from pathlib import Path

    from syphus.convert.recipes import Recipe

ImageFormat: TypeAlias = Literal["png", "jpeg"]
FileFormat: TypeAlias = Literal["json", "parquet"]

MOST_PIXELS = 89_478_485
"""Pillow's own bound: a quarter of a gigabyte of 24-bit pixels."""
SHARD_BYTES = 1_900_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertSettings:
    """What to convert, and into what.

    `image_path` is a folder, an archive, a video or an image. `size` is width and height in
    pixels, None keeps each image's own; `fps` is frames a second of video. `wanted` names the only
    images to take, None all. No file of Parquet is made of more than `shard_bytes`.
    """

    image_path: Path
    output_dir: Path
    short: str
    recipe: Recipe
    num_threads: int
    wanted: tuple[str, ...] | None = None
    size: tuple[int, int] | None = (224, 224)
    image_format: ImageFormat = "png"
    file_format: FileFormat = "json"
    fps: float = 1.0
    most_pixels: int = MOST_PIXELS
    shard_bytes: int = SHARD_BYTES

    def shaping(self) -> dict[str, Any]:
        """All that shapes the outputs, as JSON: what a conversion must share to be gone on with."""
        return {
            "image_path": without_surrogates(str(self.image_path.absolute())),
            "digits": self.recipe.digits,
            "rule": self.recipe.rule.__name__,
            "whole_rate": self.recipe.whole_rate,
            "frames_per_clip": self.recipe.frames_per_clip,
            "size": None if self.size is None else list(self.size),
            "image_format": self.image_format,
            "file_format": self.file_format,
            "fps": self.fps,
            "most_pixels": self.most_pixels,
            "shard_bytes": self.shard_bytes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """How a conversion ended.

    `files` is how many were looked at, `images` how many images came of them, `broken` how many
    files are listed in `broken_list`; `resumed` of the files were done before this sitting.
    """

    files: int
    images: int
    broken: int
    resumed: int
    outputs: tuple[Path, ...]
    broken_list: Path
