from __future__ import annotations

import re
from pathlib import Path

import pytest

from syphus.core.reading import read_json
from syphus.plugins import load_dataset
from syphus.prompting.prefix import read_prefix
from syphus.prompting.tokens import TOKENS_PER_MESSAGE, TokenCounter
from tests.datasets.prompt_examples import examples_of

ROOT = Path(__file__).parents[2]
PROMPTS = sorted((ROOT / "prompts").glob("*.json"))
PROMPT_OF = {
    "CocoSpotTheDifference.change": "coco_spot_the_difference",
    "DenseCaptions.video": "dense_captions",
    "EGO4D.fpv": "ego4d",
    "FunQADialogue.funqa": "funqa_dia",
    "FunQAMultipleChoice.funqa": "funqa_mcqa",
    "FunQATranslation.funqa": "funqa_translation",
    "LACONV.2d": "llava_conversation",
    "LADD.2d": "llava_detail",
    "SceneNavigation.3d": "scene_navigation",
    "SpotTheDifference.change": "spot_the_difference",
    "TVCaptions.video": "tv_captions",
    "VisualStoryTelling.video": "visual_story_telling",
    "YourDataset.your_dataset": "your_dataset",
}
PAIR = re.compile(r"Question: (?P<question>[^\n]+)\nAnswer: (?P<answer>[^\n]+)")
GIVING_AWAY = re.compile(
    r"caption|description|described|sentence|annotation|timestamp|listed|\bsecond \d|\d s\b",
    re.IGNORECASE,
)


def test_every_dataset_has_its_prompt() -> None:
    """There is a prompt file for each dataset that comes with Syphus."""
    assert [path.stem for path in PROMPTS] == sorted(PROMPT_OF.values())


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.stem)
def test_examples_are_what_is_asked_for(path: Path) -> None:
    """Every example answer is pairs in the wanted form that don't give their source away."""
    prefix = read_prefix(read_json(path), where=path.name)
    wanted = prefix.system_message.endswith("Reply with JSON as in the example.")
    assert wanted or "Question: ...\nAnswer: ..." in prefix.system_message
    answers = [turn.content for turn in prefix.in_context if turn.role == "assistant"]
    assert answers
    for answer in answers:
        if not wanted:
            assert all(PAIR.fullmatch(block) for block in answer.split("\n\n"))
        assert not GIVING_AWAY.search(answer)


@pytest.mark.parametrize(("name", "stem"), PROMPT_OF.items())
def test_examples_are_read_as_replies_are(name: str, stem: str) -> None:
    """What the model is to imitate gives pairs, and nothing but pairs, by the run's own verdict."""
    dataset = load_dataset(name, root=ROOT, prompt_path=None, query_inputs_path=None)
    assert dataset.prompt_path == f"prompts/{stem}.json"
    for parsed in examples_of(dataset):
        assert parsed.pairs
        assert not parsed.rejected


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.stem)
def test_prefix_is_short(path: Path) -> None:
    """A prefix is paid for with every query: at most 410 tokens of o200k_base."""
    prefix = read_prefix(read_json(path), where=path.name)
    texts = [prefix.system_message, *(turn.content for turn in prefix.in_context)]
    counter = TokenCounter("gpt-4o")
    assert counter.is_exact
    assert sum(counter.count(text) + TOKENS_PER_MESSAGE for text in texts) <= 410
