"""Finds where an earlier process stopped, by its log.

The listing is gone through beside the log: as long as both agree, files are done; from the first
that is new, gone or changed on, they are converted, and what the spool had of them is cut off.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from syphus.convert.log import read_log
from syphus.convert.outputs import are_there, outputs_of
from syphus.convert.spool import Mark, Spool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from syphus.convert.settings import ConvertSettings
    from syphus.convert.sources import Source
    from syphus.convert.tally import Tally
    from syphus.core.events import Observer


class Start(NamedTuple):
    """Where a sitting begins.

    The sources that are left, the ends of spool and log, the outputs if only they are left to be
    put in place, and the files of an earlier conversion that go in the end.
    """

    sources: Iterator[Source]
    mark: Mark
    end: int
    outputs: list[str] | None
    replaces: list[str]


def find_start(
    settings: ConvertSettings,
    *,
    log: Path,
    sources: Iterator[Source],
    tally: Tally,
    observer: Observer,
) -> Start | None:
    """Where to go on, `tally` having counted what is done; None to begin anew."""
    told = read_log(log)
    header, end = next(told, ({}, 0))
    if not isinstance(header, dict) or not header:
        return None
    if header["settings"] != settings.shaping():
        observer.notice("the earlier conversion had other settings: it begins anew")
        return None
    mark, outputs = Mark(), None
    for line, after in told:
        if isinstance(line, dict):
            outputs, end = line["finished"], after
            break
        source = next(sources, None)
        if source is None or not line.is_of(source):
            sources = chain(() if source is None else (source,), sources)
            break
        tally.restore(line)
        mark, end = line.mark, after
    if _may_go_on(settings, log, sources, mark, outputs):
        return Start(sources, mark, end, outputs, header["replaces"])
    observer.notice("the files have changed since they were converted: it begins anew")
    return None


def _may_go_on(
    settings: ConvertSettings,
    log: Path,
    sources: Iterator[Source],
    mark: Mark,
    outputs: Sequence[str] | None,
) -> bool:
    if outputs is not None:
        is_all = next(sources, None) is None
        return is_all and are_there(settings, log.parent, outputs)
    return not outputs_of(log) and Spool.reaches(log.parent, mark)
