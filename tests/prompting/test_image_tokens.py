"""Tokens of images, by OpenAI's examples."""

from __future__ import annotations

import pytest

from syphus.prompting.image_tokens import count_image_tokens


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("gpt-4o", (1024, 1024), 765),
        ("gpt-4o", (2048, 4096), 1105),
        ("gpt-4o-2024-08-06", (1024, 1024), 765),
        ("gpt-4o-mini", (512, 512), 2833 + 5667),
        ("gpt-4.1-mini", (1024, 1024), 1659),
        ("gpt-4.1-nano", (3000, 3000), 3779),
        ("gpt-4o", (1, 1), 255),
    ],
)
def test_the_documented_examples(model: str, size: tuple[int, int], tokens: int) -> None:
    """What the guide computes for its images."""
    assert count_image_tokens(model, *size) == tokens


@pytest.mark.parametrize("size", [(768, 768), (768, 200), (1, 9000), (32, 32)])
def test_an_unknown_model_counts_as_the_dearest_of_both_kinds(size: tuple[int, int]) -> None:
    """Better too much than too little where money and limits are kept."""
    least = max(count_image_tokens(known, *size) for known in ("gpt-4o", "gpt-4.1-nano"))
    assert count_image_tokens("my-deployment", *size) == least
