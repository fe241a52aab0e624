"""The page `docs/commands.md`, made from the commands themselves by `make docs`."""

from __future__ import annotations

import sys

_COMMANDS = (
    "run",
    "judge",
    "translate",
    "datasets",
    "status",
    "cancel",
    "export",
    "convert",
    "validate",
    "report",
)
_TERMINAL = {"COLUMNS": "80", "TERM": "dumb"}
_HEAD = """\
# Commands

`python main.py ARGS` is `syphus run ARGS`. Flags may be written with hyphens too
(`--num-threads`). Results go to stdout, everything else to stderr; the exit status says what became
of the data, not whether they could be printed.

| exit status | meaning |
|---|---|
| 0 | every query that has something to ask about was answered |
| 1 | a fault of ours; please report it |
| 2 | wrong input or settings; nothing was sent |
| 3 | stopped early (signal, budget, quota, key, disk); the same command goes on from there |
| 4 | finished, but queries failed, `convert` met broken files, or `validate` found faults |

`--redo failed` asks failed queries again. With `--judge`, 4 also says that pairs have no judgement:
`--redo invalid` asks for them again. A pair that lacks a translation is no failed query: stderr
says how many there are, `translation_errors.json` lists them, `--redo invalid` asks for them again.

This page is made by `make docs`; a test checks that it is up to date.
"""


def commands_page() -> str:
    """The help of every command as one Markdown page."""
    from typer.testing import CliRunner  # noqa: PLC0415 - only here

    from syphus.cli.app import make_app  # noqa: PLC0415

    runner = CliRunner()
    parts = [_HEAD]
    for name in _COMMANDS:
        shown = runner.invoke(
            make_app(), [name, "--help"], prog_name="syphus", env=_TERMINAL
        ).output
        parts.append(f"## syphus {name}\n\n```\n{shown.strip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(commands_page())
