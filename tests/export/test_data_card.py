"""The data card is read by the Hub's own package and says how the data set was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from huggingface_hub import DatasetCard

from syphus.core.records import Stage
from syphus.export.data_card import Part, data_card
from tests.pipeline.finished_run import FACTS

PARTS = {
    code: Part(
        file=f"data/{code}.parquet", pairs=pairs, bytes_on_disk=pairs * 2, bytes_in_memory=pairs * 7
    )
    for code, pairs in (("en", 12_345), ("zh", 12_000))
}


def make_card(
    licence: str = "cc-by-4.0", models: Mapping[Stage, list[str]] | None = None, **facts: Any
) -> tuple[dict[str, Any], str]:
    """The head and the text of a card."""
    text = data_card({**FACTS, **facts}, parts=PARTS, models=models or {}, licence=licence)
    card = DatasetCard(text, ignore_metadata_errors=False)
    return card.data.to_dict(), card.text


def test_the_head_has_what_the_hub_reads() -> None:
    """Languages, licence, size, and a configuration for all and for each language."""
    head, _ = make_card()
    assert head["language"] == ["en", "zh"]
    assert head["license"] == "cc-by-4.0"
    assert head["size_categories"] == ["10K<n<100K"]
    assert head["multilinguality"] == ["multilingual"]
    paths = {each["config_name"]: each["data_files"][0]["path"] for each in head["configs"]}
    files = {code: part.file for code, part in PARTS.items()}
    assert paths == {"default": list(files.values()), "en": [files["en"]], "zh": [files["zh"]]}
    assert [each.get("default") for each in head["configs"]] == [True, None, None]
    infos = {each["config_name"]: each for each in head["dataset_info"]}
    for name, pairs in (("default", 24_345), ("en", 12_345), ("zh", 12_000)):
        split = {"name": "train", "num_examples": pairs, "num_bytes": pairs * 7}
        assert infos[name]["splits"] == [split]
        assert infos[name]["download_size"] == pairs * 2
        assert infos[name]["dataset_size"] == pairs * 7


def test_the_card_says_how_the_data_set_was_made() -> None:
    """Models, prompt, versions, dates and counts; nothing of the settings."""
    _, body = make_card(
        resumed="2026-01-03T00:00:00+00:00",
        settings={"model": None, "output_dir": "/home/ada"},
        deployments=[{"name": "secret place", "model": "gpt-y"}],
    )
    for part in (
        "Photos.photos",
        "`v1`",
        "`gpt-x`, `gpt-y`",
        "ab" * 32,
        "Syphus 0.1.0",
        "2026-01-02",
        "2026-01-03",
        "9: 7 gave pairs, 1 gave none that passed the checks, 1 no reply",
        "1,000 in prompts, 500 in replies",
        "Chinese (`zh`) | 12,000",
        "`cc-by-4.0`",
    ):
        assert part in body
    assert "ada" not in body
    assert "secret place" not in body


@pytest.mark.parametrize("name", ["a: b", '"', "- x\n---\n# y", "no", "`z`", "雪\u2028", "\ud800"])
def test_an_odd_name_breaks_no_card(name: str) -> None:
    """The head stays YAML with that name on one line, and the body has one heading of it."""
    head, body = make_card(name=name)
    assert "\n" not in head["pretty_name"]
    assert head["license"] == "cc-by-4.0"
    assert body.count("\n# ") == 1


def test_a_judge_is_no_author() -> None:
    """The model that judged is named as such, and among the models only if it wrote, too."""
    last = {"settings": {"model": "j", "judge": True}, "deployments": [{"name": "x", "model": "j"}]}
    _, body = make_card(judge_model="j", **last)
    assert "- model: `gpt-x`\n" in body
    assert "- judge: `j`\n" in body
    _, body = make_card(judge_model="gpt-x", **last)
    assert "- model: `gpt-x`, `j`\n" in body
    assert "- judge: `gpt-x`\n" in body
    assert "judge" not in make_card()[1]


def test_who_wrote_and_who_translated() -> None:
    """All whose replies are there, not whom the last sitting would have asked."""
    _, body = make_card(models={"generate": ["a", "b"], "translate": ["c`"]}, model="z")
    assert "\n- model: `a`, `b`\n- translated by: `c'`\n" in body
    assert "`z`" not in body
    assert "gpt-x" not in body


def test_a_part_is_not_taken_for_the_whole() -> None:
    """The card of a run that was stopped says so, and how much of it there is."""
    counts = {**FACTS["counts"], "total": 1_200}
    _, body = make_card(state="stopped", stopped_by="the budget", counts=counts)
    assert "this is a part; 1,191 annotations weren't asked about yet" in body
    assert "not finished" not in make_card()[1]


def test_facts_of_an_older_run() -> None:
    """What `run.json` may lack isn't missed."""
    facts = {key: value for key, value in FACTS.items() if key not in {"syphus", "deployments"}}
    text = data_card(facts, parts=PARTS, models={}, licence="unknown")
    assert "- model: `gpt-x`\n" in text
    assert "None" not in text
