"""Counts of a conversion, the ids that were given, and what is said of each problem."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from syphus.convert.log import Done
from syphus.convert.seen import SeenNames
from syphus.convert.settings import Converted, ConvertSettings
from syphus.convert.unreadable import printable
from syphus.core.durable import without_surrogates
from syphus.core.image_ids import frame_name, image_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syphus.convert.sources import Source
    from syphus.convert.spool import Mark
    from syphus.convert.work import Outcome
    from syphus.core.events import Observer


class Tally:
    """What came of the files so far."""

    def __init__(self, settings: ConvertSettings, observer: Observer) -> None:
        self._settings = settings
        self._observer = observer
        self._digits = settings.recipe.digits
        self._seen = SeenNames()
        self._files = self._images = self._broken = self._resumed = 0
        self._began = time.monotonic()
        self._images_before = 0

    def claim(self, source: Source, count: int) -> Callable[[int], bool]:
        """A test of each of the source's images by number: whether no earlier file has its id."""
        return self._claim(source.name, count, is_clip=source.kind == "video")

    def _claim(self, name: str, count: int, *, is_clip: bool) -> Callable[[int], bool]:
        # As the outputs have it: names that aren't UTF-8 may be the same there.
        name = without_surrogates(name)
        if not is_clip:
            return lambda _: self._seen.add(name)
        if count and not self._seen.add(f"{name}/"):
            return lambda _: False
        return lambda at: self._seen.add(frame_name(name, at, digits=self._digits))

    def add(self, source: Source, outcome: Outcome, skipped: int, mark: Mark) -> Done:
        """Counts a source that is done, and says what was wrong with it."""
        problem = outcome.problem
        if skipped:
            is_clip = source.kind == "video"
            name = frame_name(source.name, 0, digits=self._digits) if is_clip else source.name
            taken = image_id(self._settings.short, name)
            which = f"{skipped} of its ids, from {taken} on" if is_clip else f"its id, {taken}"
            problem = "; ".join(filter(None, (problem, f"earlier files have {which}")))
        done = Done(
            file=source.file,
            stamp=source.stamp,
            name=source.name,
            clip=source.clip,
            is_clip=source.kind == "video",
            count=outcome.count,
            skipped=skipped,
            problem=problem,
            mark=mark,
        )
        self._count(done)
        if problem is not None:
            self._observer.notice(printable(f"{source.file}: {problem}"))
        return done

    def restore(self, done: Done) -> None:
        """Counts a file that an earlier sitting has done."""
        is_new = self._claim(done.name, done.count, is_clip=done.is_clip)
        for at in range(done.count):
            is_new(at)
        self._count(done)
        self._resumed += 1
        self._images_before = self._images

    def tell(self) -> None:
        """Says how far the conversion is."""
        pace = (self._images - self._images_before) / max(time.monotonic() - self._began, 1e-9)
        self._observer.notice(
            f"{self._files} files, {self._images} images, {self._broken} broken, "
            f"{pace:.0f} images/s"
        )

    def converted(self, outputs: tuple[Path, ...], broken: Path) -> Converted:
        """All counts, at the end."""
        return Converted(
            files=self._files,
            images=self._images,
            broken=self._broken,
            resumed=self._resumed,
            outputs=outputs,
            broken_list=broken,
        )

    def _count(self, done: Done) -> None:
        self._files += 1
        self._images += done.count - done.skipped
        self._broken += done.problem is not None
