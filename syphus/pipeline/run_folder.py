"""The folder of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def make_folder(folder: Path) -> Path:
    """The journal's folder of a run in `folder`, which is made where it is missing.

    Raises SettingsError where it can't be written.
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
    return journal
