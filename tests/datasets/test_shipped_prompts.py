from __future__ import annotations

import re
from pathlib import Path

import pytest

from syphus.core.reading import read_json
from syphus.prompting.prefix import read_prefix
from syphus.prompting.tokens import TOKENS_PER_MESSAGE, TokenCounter

ROOT = Path(__file__).parents[2]
PROMPTS = sorted((ROOT / "prompts").glob("*.json"))
PAIR = re.compile(r"Question: (?P<question>[^\n]+)\nAnswer: (?P<answer>[^\n]+)")
GIVING_AWAY = re.compile(
    r"caption|description|described|sentence|annotation|timestamp|listed|\bsecond \d|\d s\b",
    re.IGNORECASE,
)


def test_every_dataset_has_its_prompt() -> None:
    """There is a prompt file for each dataset that comes with Syphus."""
    assert [path.stem for path in PROMPTS] == [
        "dense_captions",
        "spot_the_difference",
        "tv_captions",
        "your_dataset",
    ]


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.stem)
def test_examples_are_what_is_asked_for(path: Path) -> None:
    """Every example answer is pairs in the wanted form that don't give their source away."""
    prefix = read_prefix(read_json(path), where=path.name)
    assert "Question: ...\nAnswer: ..." in prefix.system_message
    answers = [turn.content for turn in prefix.in_context if turn.role == "assistant"]
    assert answers
    for answer in answers:
        assert all(PAIR.fullmatch(block) for block in answer.split("\n\n"))
        assert not GIVING_AWAY.search(answer)


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.stem)
def test_prefix_is_short(path: Path) -> None:
    """A prefix is paid for with every query: at most 350 tokens of o200k_base."""
    prefix = read_prefix(read_json(path), where=path.name)
    texts = [prefix.system_message, *(turn.content for turn in prefix.in_context)]
    counter = TokenCounter("gpt-4o")
    assert counter.is_exact
    assert sum(counter.count(text) + TOKENS_PER_MESSAGE for text in texts) <= 350
