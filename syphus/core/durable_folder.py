"""Folders that are either whole or not there.

A folder is filled beside its place and then put there. Two renames stand between the old one and
the new one: a crash between them leaves neither at the place, and the next call tidies up.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from syphus.core.durable import sync_folder, write_json
from syphus.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What tempfile puts into its names.
_RANDOM = "[a-z0-9_]" * 8


@contextmanager
def replacing_folder(path: Path, *, mark: str, facts: Mapping[str, object]) -> Iterator[Path]:
    """A folder to fill, put in the place of `path` when the block ends without an error.

    Whoever writes the files in it has them synced, as `durable.replacing` does. `facts` are
    written into a file named `mark`, by which a folder that may be replaced is known: one of
    somebody else's never is.

    Raises SettingsError where `path` is a file, or a folder with files but without the mark.
    """
    _check_replaceable(path, mark)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    with _beside(path) as old, _beside(path) as new:
        filled = new / path.name
        filled.mkdir()
        yield filled
        write_json(filled / mark, dict(facts))
        sync_folder(filled)
        _check_replaceable(path, mark)
        _swap(path, filled, old / path.name)
        sync_folder(path.parent)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A folder for the time of the block, on the disk that `path` is on."""
    with TemporaryDirectory(
        dir=path.parent, prefix=f".{path.name}.", suffix=".part", ignore_cleanup_errors=True
    ) as name:
        handle = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with suppress(OSError):  # not every file system has locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(handle)


def _remove_leftovers(path: Path) -> None:
    """Removes what calls that were killed left beside `path`; one that goes on keeps its."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.{_RANDOM}.part"):
        with suppress(OSError):
            handle = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(handle)


def _swap(path: Path, filled: Path, old: Path) -> None:
    try:
        if path.exists():
            path.rename(old)
        filled.rename(path)
    except BaseException:
        # Ctrl-C may come right behind either of them.
        if old.exists() and not path.exists():
            old.rename(path)
        raise


def _check_replaceable(path: Path, mark: str) -> None:
    if not path.exists() or (path / mark).is_file():
        return
    if not path.is_dir():
        raise SettingsError(f"{path} is no folder; name another")
    if any(path.iterdir()):
        raise SettingsError(f"{path} holds other files, which would be lost; name another folder")
