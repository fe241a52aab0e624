"""A template: copy this file, and change what the numbered comments say."""

from collections.abc import Iterator

from syphus import AbstractDataset, read_json


# 1. Name the class; it is asked for as --name YourDataset.your_dataset (class, then file).
class YourDataset(AbstractDataset):
    """Photos with a caption and the objects in them."""

    # 2. Begin the ids and file names of the finished data set: YD_INS_00001.
    short = "YD"
    # 3. Write the prompt: a system message and examples of good pairs.
    prompt_path = "prompts/your_dataset.json"
    # 4. Say where the annotations are (a sample ships here); --query_inputs_path names others.
    query_inputs_path = "datasets/samples/your_dataset.json"

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, str]]:
        # 5. Turn each annotation into an id and the text that the model gets to read.
        for photo in read_json(path):
            objects = ", ".join(photo["objects"])
            yield {"id": photo["id"], "sentences": f"{photo['caption']}\nObjects: {objects}"}

    # 6. Run: python main.py --name YourDataset.your_dataset --dry_run
