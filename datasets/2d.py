"""Single images of COCO, asked about as LLaVA does: a conversation, a detailed description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syphus import AbstractDataset
from syphus.plugins.coco import read_coco
from syphus.plugins.sampling import dice_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syphus.core.records import Query

_REQUESTS = (
    "Describe this image in detail.",
    "What is going on in this picture? Please tell me everything you see.",
    "Can you give me a thorough description of the scene?",
    "Walk me through this photo as if I could not see it.",
    "What does the image show, from the main objects to the smaller ones?",
    "Please explain the picture: who and what is in it, and where?",
    "I'd like a full account of what is visible here.",
    "Take a close look at the photo and write down what you notice.",
)

_GIVEAWAYS = ("the list of objects", "the object list")


class LACONV(AbstractDataset):
    """COCO images: a conversation about what is to be seen, turn after turn (LLaVA).

    The file is COCO's captions_train2017.json; its boxes are in instances_train2017.json beside
    it.
    """

    short = "LACONV"
    relations = "previous_turns"
    prompt_path = "prompts/llava_conversation.json"
    query_inputs_path = "datasets/samples/coco_captions.json"
    giveaway_phrases = _GIVEAWAYS

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        return _describe_images(path)

    def image_ids(self, query: Query) -> Sequence[str]:
        """The image, under the name that all of LLaVA's data sets share: LA_IMG_000000391895."""
        return (f"LA_IMG_{query.source_id}",)


class LADD(AbstractDataset):
    """COCO images: one detailed description each (LLaVA).

    The files are those of LACONV. How a description is asked for is drawn by the image's name.
    """

    short = "LADD"
    prompt_path = "prompts/llava_detail.json"
    query_inputs_path = "datasets/samples/coco_captions.json"
    giveaway_phrases = _GIVEAWAYS

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        return _describe_images(path)

    def user_message(self, query: Query) -> str:
        """The question that is to be answered stands before the annotation."""
        return f"Question: {dice_for(query.source_id).choice(_REQUESTS)}\n\n{query.text}"

    def image_ids(self, query: Query) -> Sequence[str]:
        """The image, under the name that all of LLaVA's data sets share: LA_IMG_000000391895."""
        return (f"LA_IMG_{query.source_id}",)


def _describe_images(path: str) -> Iterator[dict[str, Any]]:
    for image in read_coco(path):
        if image.fault is not None:
            yield {"id": image.name, "skip": image.fault}
        else:
            yield {"id": image.name, "sentences": image.describe()}
