"""One process at a time works on a run."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syphus.core.errors import JournalInUse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Holds the run in `folder` for this process; the kernel lets go when the process ends.

    Raises JournalInUse where another process holds it.
    """
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalInUse(
                f"another process works on the run in {folder.parent}; wait for it or choose "
                "another --output_dir"
            ) from error
        yield
    finally:
        os.close(handle)
