"""`run.json` is read back as it was written, or refused in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from syphus.core.errors import SettingsError
from syphus.export.run_file import read_run_file, write_run_file

COUNTS: dict[str, Any] = {
    "total": None,
    "read": 5,
    "valid": 3,
    "invalid": 1,
    "failed": 1,
    "empty": 0,
    "pairs": 9,
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "cost": 0.25,
}
FACTS: dict[str, Any] = {
    "name": "Photos.photos",
    "dataset_version": "v1",
    "state": "stopped",
    "started": "2026-01-02T03:04:05+00:00",
    "model": "m",
    "response_format": "",
    "prompt_hash": "00",
    "languages": ["zh"],
    "settings": {"seed": 0},
    "counts": COUNTS,
    "seconds": 1.5,
    "stopped_by": None,
}
ODD = [
    *({**FACTS, name: {"odd": [1]}} for name in FACTS if name not in {"settings", "counts"}),
    *({key: value for key, value in FACTS.items() if key != name} for name in FACTS),
    *({**FACTS, "counts": {**COUNTS, name: "many"}} for name in COUNTS),
    {**FACTS, "seconds": "abc"},
    {**FACTS, "response_format": 9},
    {**FACTS, "languages": [1]},
    {**FACTS, "settings": []},
    {**FACTS, "counts": 7},
    ["a", "list"],
]


def test_facts_are_read_back(tmp_path: Path) -> None:
    """What was written is what is read; nothing where there is no file."""
    assert read_run_file(tmp_path) == {}
    write_run_file(tmp_path, FACTS)
    assert read_run_file(tmp_path) == FACTS


@pytest.mark.parametrize("facts", ODD)
def test_facts_of_odd_types(tmp_path: Path, facts: Any) -> None:
    """Whatever reads the facts may rely on their types."""
    write_run_file(tmp_path, facts)
    with pytest.raises(SettingsError, match=r"run\.json"):
        read_run_file(tmp_path)


def test_a_pipe(tmp_path: Path) -> None:
    """It is refused, not waited for."""
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(SettingsError, match=r"run\.json"):
        read_run_file(tmp_path)
