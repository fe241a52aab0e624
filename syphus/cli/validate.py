"""`syphus validate FOLDER|FILE...`: whether MIMIC-IT files hold together."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from syphus.core.errors import SettingsError, StoppedEarly
from syphus.core.exit_status import SOME_FAILED

if TYPE_CHECKING:
    from syphus.validation.check import CheckedSet
    from syphus.validation.findings import Findings


def validate(
    places: Annotated[
        list[Path],
        typer.Argument(help="Folders with MIMIC-IT files, or the files.", show_default=False),
    ],
    *,
    md5: Annotated[
        Path | None,
        typer.Option(help="A list of MD5 sums, as md5sum writes it; one in a folder is found."),
    ] = None,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Drop what dangles; NAME.bak keeps each file as it was."),
    ] = False,
) -> int:
    """Check MIMIC-IT files, of any origin: shapes, ids, images, languages, MD5 sums.

    Exits with 4 where something is wrong that --fix didn't mend.
    """
    try:
        return _validate(places, md5=md5, fix=fix)
    except KeyboardInterrupt as error:
        after = ": each file is fixed or as it was, the same command goes on" if fix else ""
        raise StoppedEarly(f"interrupted{after}") from error


def _validate(places: list[Path], *, md5: Path | None, fix: bool) -> int:
    from syphus.validation.check import check_set  # noqa: PLC0415 - not needed by --help
    from syphus.validation.checksums import check_checksums  # noqa: PLC0415
    from syphus.validation.findings import Findings  # noqa: PLC0415
    from syphus.validation.kinds import check_any, file_sets  # noqa: PLC0415

    if md5 is not None and not md5.is_file():
        raise SettingsError(f"--md5: {md5} is no file")
    findings = Findings()
    sets = file_sets(places)
    if fix:
        from syphus.validation.fixing import tidy_set  # noqa: PLC0415 - not needed by --help

        for files in sets:
            tidy_set(files)
    checked = [check_set(files, findings) for files in sets]
    if md5 is not None and not any(md5 in each.files.checksums for each in checked):
        count = check_checksums(md5, findings)
        _tell(f"{md5}: {count} files by their MD5")
    for line in (line for each in checked for line in each.lines):
        _tell(line)
    check_any([each.files for each in checked], places)
    for line in findings.lines():
        _tell(line)
    counts = findings.by_kind()
    if not counts:
        typer.echo("nothing is wrong")
        return 0
    typer.echo("wrong: " + ", ".join(f"{n} {kind}" for kind, n in counts.items()))
    return _fix(checked, findings) if fix else SOME_FAILED


def _fix(checked: list[CheckedSet], findings: Findings) -> int:
    from syphus.validation.fixing import MENDED, fix_set  # noqa: PLC0415 - not needed by --help

    for each in checked:
        if not each.whole:
            typer.echo("not fixed: some of the files can't be read, so that more may be missing")
            continue
        for dropped in fix_set(each):
            _tell(str(dropped))
    left = findings.count() - findings.count(*MENDED)
    return SOME_FAILED if left or not all(each.whole for each in checked) else 0


def _tell(line: str) -> None:
    """One line, also where the name of a file has a line's end in it."""
    from syphus.convert.unreadable import printable  # noqa: PLC0415 - not needed by --help

    typer.echo(printable(line))
