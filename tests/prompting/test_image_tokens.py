"""Tokens of images, by OpenAI's examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.prompting.image_tokens import count_image_tokens

BOUNDED = [
    "gpt-4o",
    "gpt-4.1",
    "gpt-4.5",
    "gpt-5",
    "gpt-5.1",
    "o1",
    "o1-pro",
    "o3",
    "computer-use-preview",
    "gpt-6-astra",
    "gpt-5.6-sol",
    "gpt-5.5",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.2",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-5-mini",
    "gpt-5-nano",
    "o4-mini",
]


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        # "Cost calculation examples for gpt-5.4", 2,500 patches, 1.2 tokens each.
        ("gpt-5.4", (1024, 1024), 1229),
        ("gpt-5.4", (2048, 2048), 3000),
        # An earlier edition's example for 1,536 patches: 1,452 of them are left.
        ("gpt-5-mini", (1800, 2400), 1743),
        ("gpt-5-mini", (1024, 1024), 1229),
        ("o4-mini-2025-04-16", (1800, 2400), 2498),
        # The examples of tiles: 765 are four of them, 1,105 are six.
        ("gpt-4o", (1024, 1024), 765),
        ("gpt-4o", (2048, 4096), 1105),
        ("gpt-4o-2024-08-06", (1024, 1024), 765),
    ],
)
def test_the_documented_examples(model: str, size: tuple[int, int], tokens: int) -> None:
    """What the guide computes for its images."""
    assert count_image_tokens(model, *size) == tokens


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("gpt-4o", (1, 1), 255),
        ("gpt-4o", (512, 513), 425),
        ("gpt-4o-mini", (512, 512), 2833 + 5667),
        ("gpt-5.1", (512, 512), 70 + 140),
        ("o3", (768, 768), 75 + 4 * 150),
        ("gpt-4.1-mini", (1024, 1024), 1659),
        ("gpt-4.1-nano", (768, 768), 1417),
        ("gpt-5-nano", (768, 768), 864),
        ("gpt-5.2", (2048, 2048), 4916),
        ("gpt-5.5", (3200, 3200), 12_000),
        ("gpt-5.5", (6400, 6400), 12_000),
        ("gpt-6-astra", (3200, 6400), 24_000),
        ("gpt-5.6", (33, 32), 3),
    ],
)
def test_each_kind_of_model_has_its_own_sizes(
    model: str, size: tuple[int, int], tokens: int
) -> None:
    """Base and tiles, or a factor and what is fitted before patches are counted."""
    assert count_image_tokens(model, *size) == tokens


@pytest.mark.parametrize(
    "name",
    [
        "openai/gpt-4o-mini",
        "GPT-4o-mini",
        "team-gpt-4o-mini-eu",
        "gpt4omini",
        "gpt-4o-mini-2024-07-18",
    ],
)
def test_the_model_with_the_most_tokens_is_known_by_any_name(name: str) -> None:
    """No deployment of it may be counted as one of the others, eighteen times too low."""
    assert count_image_tokens(name, 768, 768) == 2833 + 4 * 5667


@given(st.sampled_from(BOUNDED), st.integers(1, 9000), st.integers(1, 9000))
def test_an_unknown_name_counts_at_least_what_any_model_does(
    known: str, width: int, height: int
) -> None:
    """Better too much than too little where money and limits are kept."""
    assert count_image_tokens("my-deployment", width, height) >= count_image_tokens(
        known, width, height
    )


@given(st.integers(1, 70_000), st.integers(1, 70_000), st.integers(0, 1))
def test_budgets_of_patches_are_kept(width: int, height: int, small: int) -> None:
    """However large or thin an image is, it costs something and no more than the budget allows."""
    model, most = (("gpt-5.4", 3000), ("gpt-5-mini", 1844))[small]
    assert 0 < count_image_tokens(model, width, height) <= most
    assert count_image_tokens(model, width, height) == count_image_tokens(model, height, width)
