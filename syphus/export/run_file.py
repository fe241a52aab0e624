"""`run.json`: what a run was told and how far it is. No secrets.

`state` is `running`, `finished` or `stopped`. A run that was killed still says `running`; whether
a process works on it is what its lock tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiofiles
import aiofiles.os
import orjson

from syphus.core.durable import dump, write_json
from syphus.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RUN_FILE = "run.json"
_FIELDS: dict[str, Any] = {
    "name": str,
    "dataset_version": str,
    "state": str,
    "started": str,
    "model": str,
    "response_format": str,
    "prompt_hash": str,
    "languages": list,
    "settings": dict,
    "counts": dict,
    "seconds": int | float,
    "stopped_by": str | None,
}
_MISSING = object()
_COUNTS = (
    "read",
    "valid",
    "invalid",
    "failed",
    "empty",
    "pairs",
    "prompt_tokens",
    "completion_tokens",
)


def read_run_file(folder: Path) -> dict[str, Any]:
    """What `run.json` says; empty where there is none.

    Raises SettingsError where it isn't a run's file.
    """
    path = folder / RUN_FILE
    try:
        if not path.is_file() and path.exists():
            raise SettingsError(f"{path} is no regular file")
        found: dict[str, Any] = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from error
    wrong = _wrong_field(found)
    if wrong is not None:
        raise SettingsError(f"{path} isn't the file of a run: {wrong}")
    return found


def _wrong_field(found: object) -> str | None:
    """What has another type than what is written here, or is missing."""
    if not isinstance(found, dict):
        return "it is no object"
    for name, kinds in _FIELDS.items():
        if not isinstance(found.get(name, _MISSING), kinds):
            return f"{name} is wrong or missing"
    if not all(isinstance(each, str) for each in found["languages"]):
        return "languages is wrong"
    counts = found["counts"]
    for name in _COUNTS:
        if not isinstance(counts.get(name), int):
            return f"counts.{name} is wrong or missing"
    for name in ("total", "cost"):
        if not isinstance(counts.get(name, _MISSING), int | float | None):
            return f"counts.{name} is wrong or missing"
    return None


def write_run_file(folder: Path, facts: dict[str, Any]) -> None:
    """Writes `run.json`, atomically and durably."""
    write_json(folder / RUN_FILE, facts)


def count_unanswered(facts: Mapping[str, Any]) -> int:
    """How many of the queries that are known of have no outcome yet."""
    counts = facts["counts"]
    done: int = sum(counts[name] for name in ("valid", "invalid", "failed", "empty"))
    known: int = max(int(counts["total"] or 0), counts["read"])
    return max(0, known - done)


async def refresh_run_file(folder: Path, facts: dict[str, Any]) -> None:
    """Writes `run.json` atomically while a run goes on, without waiting for the disk."""
    part = folder / f".{RUN_FILE}.part"
    async with aiofiles.open(part, "wb") as file:
        await file.write(dump(facts, indent=True) + b"\n")
    await aiofiles.os.replace(part, folder / RUN_FILE)
