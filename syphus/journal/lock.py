"""One process at a time works on a run."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from syphus.core.errors import JournalInUse
from syphus.core.lock import InUse, held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Holds the run in `folder` for this process.

    Raises JournalInUse where another process holds it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder))
        except InUse as error:
            raise JournalInUse(
                f"another process works on the run in {folder.parent}; wait for it or choose "
                "another --output_dir"
            ) from error
        yield
