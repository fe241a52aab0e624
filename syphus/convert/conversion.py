"""Converts all images under a path; goes on where an earlier process was stopped or killed.

The files are gone through in one order, whatever the number of threads; records are appended in
that order, and the log tells how far it came. From there a later process goes on
(`syphus.convert.resuming`), so the outputs are those of one uninterrupted conversion of the files
as they are now, byte by byte.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing, contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from syphus.convert.gate import PixelGate
from syphus.convert.log import Done, Log, done_line, finished_line, header_line
from syphus.convert.outputs import (
    broken_list,
    list_broken,
    make_shards,
    name_outputs,
    outputs_of,
    place_files,
)
from syphus.convert.pool import in_order
from syphus.convert.resuming import Start, find_start
from syphus.convert.sources import Listing, Source, only_wanted
from syphus.convert.spool import Mark, Spool
from syphus.convert.stills import pillow_in_use
from syphus.convert.tally import Tally
from syphus.convert.work import Outcome, Work
from syphus.core.errors import AnnotationError, SettingsError
from syphus.core.lock import InUse, held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syphus.convert.settings import Converted, ConvertSettings
    from syphus.core.events import Observer

_LOG = "log.jsonl"
_COMMIT_SECONDS = 0.25
_PROGRESS_SECONDS = 10.0


def convert(settings: ConvertSettings, observer: Observer) -> Converted:
    """Converts what the settings name. One notice for each file with a problem.

    Raises InputError where there is nothing to convert or another process is at it, and OSError
    where the disk is full; the same call then goes on from there.
    """
    if not settings.image_path.exists():
        raise SettingsError(f"{settings.image_path}: there is no such file or folder")
    settings.output_dir.mkdir(parents=True, exist_ok=True)
    folder = work_folder(settings)
    folder.mkdir(exist_ok=True)
    with _locked(folder), pillow_in_use():
        return _Conversion(settings, folder, observer).run()


def log_of(settings: ConvertSettings) -> Path:
    """The log, which stays when all is done."""
    return work_folder(settings) / _LOG


def work_folder(settings: ConvertSettings) -> Path:
    """Where the log, and what isn't finished, stands."""
    return settings.output_dir / f".{settings.short}.{settings.file_format}.convert"


class _Conversion:
    """One sitting."""

    def __init__(self, settings: ConvertSettings, folder: Path, observer: Observer) -> None:
        self._settings = settings
        self._folder = folder
        self._observer = observer
        self._log_path = log_of(settings)
        self._listing = Listing(settings.image_path, settings.recipe)
        self._tally = Tally(settings, observer)

    def run(self) -> Converted:
        """Converts to the end."""
        start = find_start(
            self._settings,
            log=self._log_path,
            sources=self._sources(),
            tally=self._tally,
            observer=self._observer,
        )
        start = start or self._anew()
        outputs = start.outputs
        if outputs is None:
            with closing(Log(self._log_path, start.end)) as log:
                outputs = self._convert(start, log)
        places = place_files(self._settings, self._folder, outputs, start.replaces)
        self._clear()
        for line in self._listing.left_out():
            self._observer.notice(line)
        return self._tally.converted(places, broken_list(self._settings))

    def _sources(self) -> Iterator[Source]:
        wanted = self._settings.wanted
        return iter(self._listing if wanted is None else only_wanted(self._listing, wanted))

    def _anew(self) -> Start:
        replaces = outputs_of(self._log_path)
        self._clear(_LOG)
        self._tally = Tally(self._settings, self._observer)
        return Start(self._sources(), Mark(), 0, None, replaces)

    def _clear(self, *more: str) -> None:
        """Removes what waited for its turn when an earlier process was killed."""
        for path in self._folder.iterdir():
            if path.name in more or path.name not in (_LOG, "lock"):
                path.unlink()

    def _convert(self, start: Start, log: Log) -> list[str]:
        first = next(start.sources, None)
        if first is None and not start.end:
            found = "; ".join(["no image or video to convert", *self._listing.left_out()])
            raise AnnotationError(f"{self._settings.image_path}: {found}")
        if not start.end:
            log.write(header_line(self._settings.shaping(), start.replaces))
        sources = chain(() if first is None else (first,), start.sources)
        most = self._settings.shard_bytes if self._settings.file_format == "parquet" else None
        with closing(Spool(self._folder, start.mark, most=most)) as spool:
            self._append_all(sources, spool, log)
            spool.finish()
        outputs = name_outputs(self._settings, spool.mark.segment)
        list_broken(self._log_path, broken_list(self._settings))
        log.write(finished_line(outputs))
        return outputs

    def _append_all(self, sources: Iterator[Source], spool: Spool, log: Log) -> None:
        work = Work(self._settings, PixelGate(self._settings.most_pixels), self._folder)
        waiting: list[bytes] = []
        spilled: list[Path] = []
        committed = told = time.monotonic()

        def commit() -> None:
            spool.sync()
            log.write(*waiting)
            waiting.clear()
            for path in spilled:
                path.unlink()
            spilled.clear()
            make_shards(self._folder, spool.closed_segments())

        def append_all(results: Iterator[tuple[Source, Outcome]]) -> None:
            nonlocal committed, told
            for source, outcome in results:
                waiting.append(done_line(self._append(source, outcome, spool)))
                if outcome.spilled is not None:
                    spilled.append(outcome.spilled)
                now = time.monotonic()
                if now - committed >= _COMMIT_SECONDS:
                    commit()
                    committed = time.monotonic()
                if now - told >= _PROGRESS_SECONDS:
                    told = now
                    self._tally.tell()
            commit()

        with closing(
            in_order(work.convert, sources, threads=self._settings.num_threads)
        ) as results:
            try:
                append_all(results)
            finally:
                work.stop()

    def _append(self, source: Source, outcome: Outcome, spool: Spool) -> Done:
        """Puts down the records whose ids no earlier file has."""
        is_new = self._tally.claim(source, outcome.count)
        skipped = 0
        for at, record in enumerate(_records(outcome)):
            if is_new(at):
                spool.append(record)
            else:
                skipped += 1
        return self._tally.add(source, outcome, skipped, spool.mark)


def _records(outcome: Outcome) -> Iterator[bytes]:
    if outcome.spilled is None:
        if outcome.line:
            yield outcome.line
        return
    with outcome.spilled.open("rb") as lines:
        yield from lines


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder))
        except InUse as error:
            raise SettingsError(
                f"another process converts into {folder.parent}; wait for it or choose another "
                "--output_dir"
            ) from error
        yield
