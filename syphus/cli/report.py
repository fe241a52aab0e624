"""`syphus report RUN`: what a run's data look like, as one HTML page."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from syphus.core.errors import StoppedEarly


def report(
    run: Annotated[Path, typer.Argument(help="The run's folder, output_<name>_<version>.")],
    output: Annotated[Path | None, typer.Option(help="[RUN_report.html]")] = None,
) -> None:
    """Write one HTML page with pictures of a run's pairs, yield and cost.

    It opens without a network. Of a run that was stopped it shows what is there.
    """
    from syphus.pipeline.reporting import report_run  # noqa: PLC0415 - not needed by --help

    try:
        done = report_run(run, path=output)
    except KeyboardInterrupt as error:
        raise StoppedEarly("interrupted: no report, an earlier one stands") from error
    for code in done.lacking:
        typer.echo(f"syphus: there is no file of pairs in {code}: it is left out", err=True)
    if done.missing:
        typer.echo(f"syphus: root verbs and nouns are left out; {done.missing}", err=True)
    typer.echo(f"run       {done.state}")
    for code, count in done.pairs.items():
        typer.echo(f"in {code}     {count} pairs")
    typer.echo(f"report    {done.path}")
