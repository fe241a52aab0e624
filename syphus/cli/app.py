"""Puts the commands together and turns errors into one line and an exit status."""

from __future__ import annotations

import errno
import sys
import traceback
from typing import TYPE_CHECKING, Annotated

import typer

from syphus._version import __version__
from syphus.cli.cancel import cancel
from syphus.cli.convert import convert
from syphus.cli.datasets import datasets
from syphus.cli.export import export
from syphus.cli.judge import judge
from syphus.cli.report import report
from syphus.cli.run import run
from syphus.cli.status import status
from syphus.cli.translate import translate
from syphus.cli.validate import validate
from syphus.core.errors import JournalWriteFailed, StoppedEarly, SyphusError
from syphus.core.exit_status import DONE, FAULT, STOPPED_EARLY, WRONG_INPUT
from syphus.core.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from syphus.core.settings import Settings

# What typer makes of Ctrl-C.
_INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOTHING_YET = "interrupted before anything was asked this time"


class Surroundings:
    """What commands find around them, and what they want to be kept out of every message."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.secrets = Secrets()

    def keep_secret(self, settings: Settings, env: Mapping[str, str]) -> None:
        """Has the credentials of a run hidden in whatever is said from now on."""
        from syphus.core.endpoints import find_secrets  # noqa: PLC0415 - not needed by --help

        self.secrets = Secrets(find_secrets(settings, env))


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the shape of an option's callback
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _top(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """From visual annotations to checked instruction-response pairs."""


def make_app() -> typer.Typer:
    """The commands, for `run_app` and for whoever documents them."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={
            "help_option_names": ["-h", "--help"],
            "token_normalize_func": lambda token: token.replace("-", "_"),
        },
    )
    app.callback()(_top)
    app.command()(run)
    app.command()(judge)
    app.command()(translate)
    app.command()(export)
    app.command()(datasets)
    app.command()(status)
    app.command()(cancel)
    app.command()(convert)
    app.command()(validate)
    app.command()(report)
    return app


def run_app(arguments: list[str], *, root: Path) -> int:
    """Runs one command; returns the exit status that `docs/commands.md` lists.

    A fault of ours is shown as Python shows it, but without secrets: an exception may quote them.
    """
    around = Surroundings(root)
    arguments = arguments or ["--help"]
    command = typer.main.get_command(make_app())
    try:
        result = command.main(arguments, prog_name="syphus", standalone_mode=False, obj=around)
    except typer.Exit as finish:
        return finish.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - all ends here, with a status
        return _tell(error, around)
    status = result if isinstance(result, int) else DONE
    return _complain(_NOTHING_YET, STOPPED_EARLY, around) if status == _INTERRUPTED else status


def _tell(error: BaseException, around: Surroundings) -> int:
    if isinstance(error, typer.Abort | KeyboardInterrupt):
        return _complain(_NOTHING_YET, STOPPED_EARLY, around)
    if isinstance(error, OSError) and error.errno in _FULL:
        said = (
            f"can't write {error.filename or 'a file'}: {error.strerror}; make room, and the same "
        )
        return _complain(said + "command goes on", STOPPED_EARLY, around)
    if isinstance(error, JournalWriteFailed | StoppedEarly | OSError):
        return _complain(error, STOPPED_EARLY, around)
    if isinstance(error, SyphusError):
        return _complain(error, WRONG_INPUT, around)
    if hasattr(error, "format_message"):
        # typer hands on what pydantic says of a choice, with pydantic's own beginning
        said = str(error.format_message()).replace(": Value error, ", ": ")
        return _complain(said, WRONG_INPUT, around)
    sys.stderr.write(around.secrets.hide("".join(traceback.format_exception(error))))
    return FAULT


def _complain(problem: object, status: int, around: Surroundings) -> int:
    line = " ".join(str(problem).split())
    sys.stderr.write(f"syphus: {around.secrets.hide(line)}\n")
    return status
