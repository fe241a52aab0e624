"""What `meta.json` says of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from syphus.export.run_meta import RunSummary, write_summary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def summary(*, cost: float | None = 0.25, more: Mapping[str, int] | None = None) -> RunSummary:
    """The summary of an invented run."""
    return RunSummary(
        completion_tokens=200,
        prompt_tokens=1000,
        cached_tokens=800,
        valid_outputs=7,
        invalid_outputs=2,
        error_messages=1,
        time=12.5,
        total_examples=5,
        cost=cost,
        more=more or {},
    )


def test_every_count_is_written_under_its_name(tmp_path: Path) -> None:
    """The totals, their sum and the further counts stand in one object."""
    write_summary(tmp_path, summary(more={"truncated": 3}))
    assert json.loads((tmp_path / "meta.json").read_bytes()) == {
        "completion_tokens": 200,
        "prompt_tokens": 1000,
        "total_tokens": 1200,
        "cached_tokens": 800,
        "valid_outputs": 7,
        "invalid_outputs": 2,
        "error_messages": 1,
        "time": 12.5,
        "total_examples": 5,
        "cost": 0.25,
        "truncated": 3,
    }


def test_an_unknown_cost_is_null(tmp_path: Path) -> None:
    """Without a price the cost is said to be unknown, not nothing."""
    write_summary(tmp_path, summary(cost=None))
    assert json.loads((tmp_path / "meta.json").read_bytes())["cost"] is None


@pytest.mark.parametrize("name", ["cost", "total_tokens", "more"])
def test_a_further_count_cannot_hide_a_total(name: str) -> None:
    """A name that the summary uses itself is refused."""
    with pytest.raises(ValueError, match=name):
        summary(more={name: 1})
