"""The folder of a run."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from syphus.core.errors import SettingsError
from syphus.core.records import STAGES

if TYPE_CHECKING:
    from pathlib import Path

_JOURNALS = ("lock", *(f"{stage}.jsonl" for stage in STAGES))
# Those of `core.durable.replacing`, and those that go by one name.
_LEFTOVER = re.compile(
    r"\.(?:[^/]+\.json\.[a-z0-9_]{8}|(?:query_input\.json|run\.json|translations))\.part"
)


def make_folder(folder: Path) -> Path:
    """The journal's folder of a run in `folder`, which is made where it is missing.

    Raises SettingsError where it can't be written, or where something stands in a journal's place
    that is no file: to open a pipe would wait for whoever writes to it.
    """
    journal = folder / "journal"
    try:
        journal.mkdir(parents=True, exist_ok=True)
        for each in (folder, journal):
            probe = each / ".writable"
            probe.touch()
            probe.unlink()
    except OSError as error:
        raise SettingsError(f"--output_dir {folder}: can't be written: {error.strerror}") from error
    for name in _JOURNALS:
        path = journal / name
        if path.exists() and not path.is_file():
            raise SettingsError(f"{path} is no regular file; move it away, or restore the journal")
    return journal


def remove_leftovers(folder: Path) -> None:
    """Removes the unfinished files of a killed run, and no other's."""
    for path in folder.glob(".*.part"):
        if _LEFTOVER.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()
