"""Tokens of an image, by the formulas that OpenAI documents.

"Calculating costs" in https://platform.openai.com/docs/guides/images-vision. Models count either
tiles of 512 pixels, after the image was made to fit 2,048 pixels and its shorter side 768, beside a
base; or patches of 32 pixels, 1,536 at most, times a factor. Of a model that stands not there the
larger of both is taken (tiles of gpt-4o, patches times 2.46), which others may exceed: the first
reply tells.
"""

from __future__ import annotations

import math
import re

_TILE = 512
_LONGEST = 2048
_SHORTEST = 768
_PATCH = 32
_MOST_PATCHES = 1536
_DATED = r"(?:-\d{4}-\d\d-\d\d)?$"
_USUAL_TILES = (85, 170)
_LARGEST_FACTOR = 2.46
_TILES = {
    re.compile(r"gpt-4o-mini" + _DATED): (2833, 5667),
    re.compile(r"gpt-4o" + _DATED): _USUAL_TILES,
    re.compile(r"gpt-4\.[15]" + _DATED): _USUAL_TILES,
    re.compile(r"gpt-5" + _DATED): (70, 140),
    re.compile(r"o[13]" + _DATED): (75, 150),
}
_FACTORS = {
    re.compile(r"(gpt-4\.1|gpt-5)-mini" + _DATED): 1.62,
    re.compile(r"(gpt-4\.1|gpt-5)-nano" + _DATED): _LARGEST_FACTOR,
    re.compile(r"o4-mini" + _DATED): 1.72,
}


def count_image_tokens(model: str, width: int, height: int) -> int:
    """The tokens that `model` counts for an image of so many pixels."""
    for pattern, (base, tile) in _TILES.items():
        if pattern.match(model):
            return base + tile * _tiles(width, height)
    for pattern, factor in _FACTORS.items():
        if pattern.match(model):
            return math.ceil(factor * _patches(width, height))
    base, tile = _USUAL_TILES
    return max(
        base + tile * _tiles(width, height), math.ceil(_LARGEST_FACTOR * _patches(width, height))
    )


def _tiles(width: int, height: int) -> int:
    scale = min(1.0, _LONGEST / max(width, height))
    scale = min(scale, _SHORTEST / min(width, height))
    return math.ceil(width * scale / _TILE) * math.ceil(height * scale / _TILE)


def _patches(width: int, height: int) -> int:
    return min(_MOST_PATCHES, math.ceil(width / _PATCH) * math.ceil(height / _PATCH))
