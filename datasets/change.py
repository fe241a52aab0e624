"""Two images and what is different: Spot the Difference, and pairs of COCO's images."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from syphus import AbstractDataset, stream_json
from syphus.plugins.coco import read_coco
from syphus.plugins.sampling import dice_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syphus.core.records import Query
    from syphus.plugins.coco import CocoImage


class SpotTheDifference(AbstractDataset):
    """Two pictures of one place, and sentences on what is different (Spot-the-Diff).

    The file is [{"img_id", "sentences": [...]}, ...]; an id occurs once for each annotator.
    """

    short = "SD"
    prompt_path = "prompts/spot_the_difference.json"
    query_inputs_path = "datasets/samples/spot_the_difference.json"
    giveaway_phrases = ("the sentences",)
    # "Are there more people now?" has the same good answer for many pairs of pictures.
    quality_skips = ("repeated_in_set", "near_in_set")

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        # As a list: a file that is cut off is told before anything has been sent.
        for number, pair in enumerate(list(stream_json(path)), 1):
            fields = pair if isinstance(pair, dict) else {}
            name, sentences = fields.get("img_id"), fields.get("sentences")
            if not isinstance(name, str | int) or not str(name).strip():
                yield {"id": "", "skip": f"record {number} has no img_id"}
            elif not isinstance(sentences, list):
                yield {"id": name, "skip": f"record {number} has no list of sentences"}
            elif not all(isinstance(each, str) for each in sentences):
                yield {"id": name, "skip": f"record {number} has a sentence that is no text"}
            else:
                yield {"id": name, "sentences": sentences}

    def image_ids(self, query: Query) -> Sequence[str]:
        """Both pictures, as MIMIC-IT numbers them: SD_IMG_05406_1 and SD_IMG_05406_2."""
        number = query.source_id.zfill(5)
        return f"{self.short}_IMG_{number}_1", f"{self.short}_IMG_{number}_2"


class CocoSpotTheDifference(AbstractDataset):
    """Two COCO images that have a kind of object in common: what is different in general.

    The file is COCO's captions_train2017.json; its boxes are in instances_train2017.json beside
    it. Each image gets one partner, drawn by the image's own name.
    """

    short = "CGD"
    prompt_path = "prompts/coco_spot_the_difference.json"
    query_inputs_path = "datasets/samples/coco_captions.json"
    giveaway_phrases = ("the list of objects", "the object list")

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        images = read_coco(path)
        by_kind: dict[str, list[CocoImage]] = defaultdict(list)
        for image in images:
            if image.fault is None:
                for kind in image.kinds:
                    by_kind[kind].append(image)
        for image in images:
            partner = None if image.fault else _draw_partner(image, by_kind)
            if partner is None:
                reason = image.fault or "no other image shows an object of the same kind"
                yield {"id": image.name, "skip": reason}
            else:
                yield {
                    "id": f"{image.name}/{partner.name}",
                    "sentences": f"First image:\n{image.describe()}\n\n"
                    f"Second image:\n{partner.describe()}",
                }

    def image_ids(self, query: Query) -> Sequence[str]:
        """The first image, then the second: CGD_IMG_000000391895 and CGD_IMG_000000522418."""
        return [f"{self.short}_IMG_{name}" for name in query.source_id.split("/")]


def _draw_partner(image: CocoImage, by_kind: dict[str, list[CocoImage]]) -> CocoImage | None:
    shared = [kind for kind in image.kinds if len(by_kind[kind]) > 1]
    if not shared:
        return None
    dice = dice_for(image.name)
    others = by_kind[dice.choice(shared)]
    at = dice.randrange(len(others) - 1)
    return others[-1] if others[at] is image else others[at]
