"""`syphus export RUN`: a run in the formats that other programs load."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated, Literal

import typer

from syphus.core.errors import StoppedEarly


def export(
    run: Annotated[Path, typer.Argument(help="The run's folder, output_<name>_<version>.")],
    form: Annotated[
        Literal["mimicit", "jsonl", "parquet", "llava", "sharegpt", "chatml", "hf"],
        typer.Option("--format", help="chatml: OpenAI's fine-tuning; hf: for load_dataset."),
    ],
    output_dir: Annotated[Path | None, typer.Option("--output_dir", help="[RUN_FORMAT]")] = None,
    licence: Annotated[
        str | None,
        typer.Option("--license", help="For the data card of hf, e.g. cc-by-4.0. [unknown]"),
    ] = None,
) -> None:
    """Write a run's pairs, in all its languages, in another format."""
    from syphus.pipeline.exporting import export_run  # noqa: PLC0415 - not needed by --help

    try:
        done = export_run(run, form, folder=output_dir, licence=licence)
    except KeyboardInterrupt as error:
        raise StoppedEarly("interrupted: nothing is exported, an earlier export stands") from error
    if done.stopped is not None:
        typer.echo(
            f"syphus: the run isn't finished, {done.unanswered} queries have no answer yet; "
            f"ids may change when it goes on ({done.stopped})",
            err=True,
        )
    for code in done.empty:
        typer.echo(f"syphus: no pair in {code}: it is left out", err=True)
    typer.echo(f"format    {form}")
    for code, count in done.pairs.items():
        typer.echo(f"in {code}     {count} pairs")
    typer.echo(f"folder    {done.folder}")
