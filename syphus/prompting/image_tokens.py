"""Tokens of an image, by the formulas that OpenAI documents.

The figures are those of "Model sizing behavior" and "Calculating costs" in
https://developers.openai.com/api/docs/guides/images-vision, as it stood in autumn 2026; what that
edition names no more (o4-mini's sizes, gpt-4.5, computer-use-preview) is from its editions of 2025.
Azure's models of these names count alike. Images are sent without `detail`, which is `auto`.

Models count tiles or patches. Tiles: the image is made to fit 2,048 pixels and its shorter side
768; a base and so many tokens for each square of 512 pixels. Patches: it is made to fit so many
pixels and so many squares of 32 pixels, which cost a factor each. Nothing is ever enlarged.

A name that isn't there counts as the dearest of both kinds: a bound for every model of the guide
but gpt-4o-mini, of which an image takes many times more tokens, at a small price each. That one is
known by any name that holds its own. Of other makers' models nothing is known.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

_TILE = 512
_LONGEST_OF_TILES = 2048
_SHORTEST_OF_TILES = 768
_PATCH = 32


class _Tiles(NamedTuple):
    base: int
    tile: int

    def tokens(self, width: int, height: int) -> int:
        width, height = _fit(width, height, _LONGEST_OF_TILES)
        shorter, longer = sorted((width, height))
        if shorter > _SHORTEST_OF_TILES:
            shorter, longer = _SHORTEST_OF_TILES, longer * _SHORTEST_OF_TILES // shorter
        return self.base + self.tile * -(-shorter // _TILE) * -(-longer // _TILE)


class _Patches(NamedTuple):
    percent: int  # the factor: whole numbers don't round up where nothing is to be rounded
    longest: int
    budget: int | None

    def tokens(self, width: int, height: int) -> int:
        width, height = _fit(width, height, self.longest)
        patches = _cover(width, height)
        if self.budget is not None and patches > self.budget:
            patches = _cover(*_shrink(width, height, self.budget))
        return -(-self.percent * patches // 100)


_USUAL = _Tiles(85, 170)
_WHOLE = _Patches(120, 65_535, None)
_SMALL = _Patches(120, 2048, 1536)
_UNKNOWN = (_USUAL, _Patches(246, 65_535, None))
_MODELS: dict[str, _Tiles | _Patches] = {
    r".*4o-?mini.*": _Tiles(2833, 5667),
    r"gpt-4o|gpt-4\.[15]": _USUAL,
    r"gpt-5(?:\.1)?(?:-chat-latest)?": _Tiles(70, 140),
    r"o1(?:-pro)?|o3": _Tiles(75, 150),
    r"computer-use-preview": _Tiles(65, 129),
    r"gpt-6-astra|gpt-5\.6(?:-sol|-terra|-luna)?": _WHOLE,
    r"gpt-5\.5": _Patches(120, 6000, 10_000),
    r"gpt-5\.4(?:-mini|-nano)?": _Patches(120, 2048, 2500),
    r"gpt-5\.2(?:-chat-latest)?": _Patches(120, 2048, 6144),
    r"gpt-4\.1-mini": _Patches(162, 2048, 6144),
    r"gpt-4\.1-nano": _Patches(246, 2048, 6144),
    r"gpt-5-mini": _SMALL,
    r"gpt-5-nano": _SMALL._replace(percent=150),
    r"o4-mini": _SMALL._replace(percent=172),
}
# Routers write who makes a model before its name; snapshots have their date behind it.
_KNOWN = [
    (re.compile(rf"(?:.*/)?(?:{name})(?:-20\d\d-\d\d-\d\d)?", re.IGNORECASE), sizing)
    for name, sizing in _MODELS.items()
]


def count_image_tokens(model: str, width: int, height: int) -> int:
    """The tokens that `model` counts for an image of so many pixels."""
    for name, sizing in _KNOWN:
        if name.fullmatch(model):
            return sizing.tokens(width, height)
    return max(sizing.tokens(width, height) for sizing in _UNKNOWN)


def _fit(width: int, height: int, longest: int) -> tuple[int, int]:
    """Both sides, the longer one as it may be, in whole pixels."""
    longer = max(width, height)
    if longer <= longest:
        return width, height
    return _scale(width, longest, longer), _scale(height, longest, longer)


def _scale(side: int, new: int, old: int) -> int:
    return max(1, (2 * side * new + old) // (2 * old))


def _cover(width: int, height: int) -> int:
    return -(-width // _PATCH) * -(-height // _PATCH)


def _shrink(width: int, height: int, budget: int) -> tuple[int, int]:
    """The sides that a budget of patches leaves, by the guide's two steps."""
    factor = math.sqrt(_PATCH**2 * budget / (width * height))
    across, down = width * factor / _PATCH, height * factor / _PATCH
    factor *= min(math.floor(across) / across, math.floor(down) / down)
    return math.floor(width * factor), math.floor(height * factor)
