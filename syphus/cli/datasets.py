"""`syphus datasets`: what `--name` can name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path


def datasets(context: typer.Context) -> None:
    """List the data sets that --name can name."""
    from syphus.plugins.find import available  # noqa: PLC0415 - loads plugins

    root: Path = context.obj.root
    found = available(root)
    width = max((len(each.name) for each in found), default=0)
    for each in found:
        note = f"can't be used: {each.problem}" if each.problem else each.summary
        typer.echo(f"{each.name:<{width}}  {note}".rstrip())
    if not found:
        typer.echo(f"no data set in {root / 'datasets'}", err=True)
