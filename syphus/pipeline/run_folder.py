"""What a run needs of its folder, and which error of several it ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.errors import JournalError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syphus.journal.format import Kind


def make_folder(folder: Path) -> Path:
    """The journal's folder of a run in `folder`, which is made where it is missing.

    Raises SettingsError where it can't be written.
    """
    journal = folder / "journal"
    try:
        journal.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(f"--output_dir {folder}: can't be written: {error.strerror}") from error
    return journal


def skipped_kinds(redo: str | None) -> frozenset[Kind]:
    """The outcomes that `--redo` takes for missing."""
    if redo == "failed":
        return frozenset({"failed"})
    return frozenset({"truncated"}) if redo == "truncated" else frozenset()


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that says most: one of ours about the journal, else the first."""
    found = list(_leaves(errors))
    return next((error for error in found if isinstance(error, JournalError)), found[0])


def _leaves(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
