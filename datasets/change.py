"""Pairs of images and what changed between them: Spot the Difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syphus import AbstractDataset, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syphus.core.records import Query


class SpotTheDifference(AbstractDataset):
    """Two pictures of one place, and sentences on what is different (Spot-the-Diff).

    The file is [{"img_id", "sentences": [...]}, ...]; an id occurs once for each annotator.
    """

    short = "SD"
    prompt_path = "prompts/spot_the_difference.json"
    query_inputs_path = "datasets/samples/spot_the_difference.json"

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        for number, pair in enumerate(read_json(path), 1):
            if not isinstance(pair, dict) or "img_id" not in pair:
                raise ValueError(f"record {number} has no img_id")
            if "sentences" not in pair:
                raise ValueError(f"{pair['img_id']} has no sentences")
            yield {"id": pair["img_id"], "sentences": pair["sentences"]}

    def image_ids(self, query: Query) -> Sequence[str]:
        """Both pictures, as MIMIC-IT numbers them: SD_IMG_05406_1 and SD_IMG_05406_2."""
        number = query.source_id.zfill(5)
        return f"{self.short}_IMG_{number}_1", f"{self.short}_IMG_{number}_2"
