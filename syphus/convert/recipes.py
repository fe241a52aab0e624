"""The data sets of MIMIC-IT whose images can be converted: short names, names of images, frames."""

from __future__ import annotations

from dataclasses import dataclass

from syphus.convert.naming import Rule, by_scene, by_show, by_spot_pair, by_stem


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the images of one data set are named and sampled.

    `digits` are those of a frame's number. `whole_rate` takes every n-th frame of a video, n being
    the whole frames a second over the rate that is asked for, as the published instruction files
    of MIMIC-IT count them; otherwise frames are taken by their time. `frames_per_clip` bounds, by
    even sampling, what is taken of a clip that comes as a folder of frames.
    """

    short: str
    rule: Rule = by_stem
    digits: int = 4
    whole_rate: bool = False
    frames_per_clip: int | None = None


_COCO = Recipe(short="LA")
_FUNQA = Recipe(short="FunQA")

RECIPES = {
    "2d.General": Recipe(short="G"),
    "2d.LACONV": _COCO,
    "2d.LADD": _COCO,
    "2d.Llava": _COCO,
    "3d.SceneNavigation": Recipe(short="SN", rule=by_scene),
    "change.CocoGeneralDifference": Recipe(short="CGD"),
    "change.CocoSpotTheDifference": Recipe(short="CGD"),
    "change.SpotTheDifference": Recipe(short="SD", rule=by_spot_pair),
    "fpv.EGO4D": Recipe(short="E4D", digits=8, whole_rate=True),
    "funqa.FunQADialogue": _FUNQA,
    "funqa.FunQAMultipleChoice": _FUNQA,
    "funqa.FunQATranslation": _FUNQA,
    "video.DenseCaptions": Recipe(short="DC", whole_rate=True),
    "video.TVCaptions": Recipe(short="TVC", rule=by_show, frames_per_clip=16),
    "video.VisualStoryTelling": Recipe(short="VST"),
}


def find_recipe(name: str) -> Recipe | None:
    """The recipe of a name, `file.Class` or `Class.file`."""
    return RECIPES.get(name) or RECIPES.get(".".join(reversed(name.split("."))))
