"""What one thread does with one file: lines of `"id":"base64"`, in memory or on disk.

A video's frames, and an image that is large, wait on disk for their turn, so that memory doesn't
grow with the number of files that are under way.
"""

from __future__ import annotations

import hashlib
import os
from binascii import b2a_base64
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import IO, TYPE_CHECKING

from syphus.convert.frames import read_frames
from syphus.convert.stills import convert_still, encode_image
from syphus.convert.unreadable import explain
from syphus.core.durable import dump
from syphus.core.image_ids import frame_name, image_id

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from syphus.convert.gate import PixelGate
    from syphus.convert.settings import ConvertSettings
    from syphus.convert.sources import Source

_MOST_IN_MEMORY = 1 << 20
_DONE = ".done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a file gave.

    Its `count` records are in `line` or in the file `spilled`; `problem` says what kept it from
    more.
    """

    count: int = 0
    line: bytes = b""
    spilled: Path | None = None
    problem: str | None = None


class Work:
    """Converts sources, in any thread. `folder` is where records wait."""

    def __init__(self, settings: ConvertSettings, gate: PixelGate, folder: Path) -> None:
        self._settings = settings
        self._gate = gate
        self._folder = folder
        self._is_stopped = Event()

    def stop(self) -> None:
        """Has every thread leave the video that it is at."""
        self._is_stopped.set()

    def convert(self, source: Source) -> Outcome:
        """What the source gives. Raises OSError only where records can't be kept."""
        if source.kind == "problem":
            return Outcome(problem=source.problem)
        if source.kind == "video":
            return self._video(source)
        return self._still(source)

    def _still(self, source: Source) -> Outcome:
        try:
            with self._reading(source) as content:
                image = convert_still(content, self._settings, self._gate)
        except Exception as error:  # noqa: BLE001 - decoders raise whatever damage makes them
            return Outcome(problem=explain(error))
        line = record(image_id(self._settings.short, source.name), image)
        if len(line) <= _MOST_IN_MEMORY:
            return Outcome(count=1, line=line)
        place = self._place(source)
        place.write_bytes(line)
        return Outcome(count=1, spilled=place)

    def _video(self, source: Source) -> Outcome:
        place = self._place(source)
        finished = place.with_suffix(_DONE)
        if finished.exists():
            with finished.open("rb") as file:
                return Outcome(count=sum(1 for _ in file), spilled=finished)
        count, problem = 0, None
        with place.open("wb", buffering=1 << 18) as file, closing(self._encoded(source)) as frames:
            while True:
                try:
                    image = next(frames, None)
                except Exception as error:  # noqa: BLE001 - decoders raise whatever damage makes them
                    problem = explain(error)
                    break
                if image is None or self._is_stopped.is_set():
                    break
                name = frame_name(source.name, count, digits=self._settings.recipe.digits)
                file.write(record(image_id(self._settings.short, name), image))
                count += 1
            file.flush()
            os.fsync(file.fileno())
        if self._is_stopped.is_set():
            return Outcome(problem="was left")
        if not count:
            place.unlink()
            return Outcome(problem=problem or "has no frame")
        if problem is not None:
            return Outcome(count=count, spilled=place, problem=f"{problem}; frames kept: {count}")
        place.replace(finished)
        return Outcome(count=count, spilled=finished)

    def _encoded(self, source: Source) -> Generator[bytes]:
        with self._on_disk(source) as path:
            for frame in read_frames(path, self._settings):
                with self._gate.holding(frame.width * frame.height):
                    image = encode_image(frame, self._settings)
                yield image

    def _place(self, source: Source) -> Path:
        """A name of our own: the file's could lead anywhere."""
        key = f"{source.file}\0{source.stamp}".encode("utf-8", "surrogatepass")
        return self._folder / f"{hashlib.blake2b(key, digest_size=12).hexdigest()}.records"

    @contextmanager
    def _reading(self, source: Source) -> Iterator[IO[bytes]]:
        with source.path.open("rb") if source.entry is None else source.entry.read() as content:
            yield content

    @contextmanager
    def _on_disk(self, source: Source) -> Iterator[Path]:
        if source.entry is None:
            yield source.path
            return
        copy = self._place(source).with_suffix(".video")
        try:
            source.entry.copy(copy)
            yield copy
        finally:
            copy.unlink(missing_ok=True)


def record(name: str, image: bytes) -> bytes:
    """One line of an image file: the id, a colon, base64; both are JSON."""
    return b'%b:"%b"\n' % (dump(name), b2a_base64(image, newline=False))
