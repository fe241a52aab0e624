"""Puts the commands together and turns errors into one line and an exit status."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from syphus._version import __version__
from syphus.cli.datasets import datasets
from syphus.cli.run import run
from syphus.cli.status import status
from syphus.cli.translate import translate
from syphus.core.errors import JournalError, JournalWriteFailed, StoppedEarly, SyphusError

if TYPE_CHECKING:
    from pathlib import Path

WRONG_INPUT = 2
STOPPED_EARLY = 3
# What typer makes of Ctrl-C.
_INTERRUPTED = 130
_NOTHING_YET = "interrupted before anything was asked"


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
    app.command()(translate)
    app.command()(datasets)
    app.command()(status)
    return app


def run_app(arguments: list[str], *, root: Path) -> int:
    """Runs one command; returns the exit status that `docs/commands.md` lists."""
    arguments = arguments or ["--help"]
    command = typer.main.get_command(make_app())
    try:
        result = command.main(arguments, prog_name="syphus", standalone_mode=False, obj=root)
    except typer.Exit as finish:
        return finish.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _complain(_NOTHING_YET, STOPPED_EARLY)
    except (JournalWriteFailed, StoppedEarly, OSError) as error:
        return _complain(error, STOPPED_EARLY)
    except (SyphusError, JournalError) as error:
        return _complain(error, WRONG_INPUT)
    except Exception as error:
        if hasattr(error, "format_message"):
            return _complain(error.format_message(), WRONG_INPUT)
        raise
    status = result if isinstance(result, int) else 0
    return _complain(_NOTHING_YET, STOPPED_EARLY) if status == _INTERRUPTED else status


def _complain(problem: object, status: int) -> int:
    line = " ".join(str(problem).split())
    sys.stderr.write(f"syphus: {line}\n")
    return status
