"""The command line: one file per command, and the terminal's progress."""

from __future__ import annotations

import sys
from pathlib import Path

from syphus.core.exit_status import STOPPED_EARLY, WRONG_INPUT

__all__ = ["main"]


def main(*, command: str | None = None, beside: Path | None = None) -> None:
    """Runs the command that the arguments name, or `command`, and exits with its status.

    `beside` is the folder whose `datasets/` serves where the working folder has none.
    """
    try:
        from syphus.cli.leaving import leave  # noqa: PLC0415 - so that an import here is free
        from syphus.cli.signals import raise_on_signals  # noqa: PLC0415
        from syphus.cli.streams import protect_streams  # noqa: PLC0415

        protect_streams()
        raise_on_signals()
        from syphus.cli.app import run_app  # noqa: PLC0415

        arguments = [command, *sys.argv[1:]] if command else sys.argv[1:]
        try:
            here = Path.cwd()
        except FileNotFoundError:
            sys.stderr.write("syphus: the working folder isn't there any more\n")
            leave(WRONG_INPUT)
        root = here if beside is None or (here / "datasets").is_dir() else beside
        status = run_app(arguments, root=root)
    except KeyboardInterrupt:
        sys.exit(STOPPED_EARLY)
    leave(status)
