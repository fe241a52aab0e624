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
    from pathlib import Path

RUN_FILE = "run.json"


def read_run_file(folder: Path) -> dict[str, Any]:
    """What `run.json` says; empty where there is none.

    Raises SettingsError where it isn't a run's file.
    """
    path = folder / RUN_FILE
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from error
    if not isinstance(found, dict) or not {"name", "state", "counts"} <= found.keys():
        raise SettingsError(f"{path} isn't the file of a run")
    return found


def write_run_file(folder: Path, facts: dict[str, Any]) -> None:
    """Writes `run.json`, atomically and durably."""
    write_json(folder / RUN_FILE, facts)


async def refresh_run_file(folder: Path, facts: dict[str, Any]) -> None:
    """Writes `run.json` atomically while a run goes on, without waiting for the disk."""
    part = folder / f".{RUN_FILE}.part"
    async with aiofiles.open(part, "wb") as file:
        await file.write(dump(facts, indent=True) + b"\n")
    await aiofiles.os.replace(part, folder / RUN_FILE)
