"""The log of a conversion: which files are done, and how far the spool was then.

One JSON line a file, in the order of the listing. A line is written after the records that it
tells of are durable, so that after a kill, or a power cut, what the log tells is there; what stands
behind it is cut off. A last line without its end, or that isn't JSON, was never written.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson

from syphus.convert.spool import Mark
from syphus.core.durable import dump, without_surrogates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syphus.convert.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A file that is done: `count` images were made of it, `problem` tells why not more.

    `is_clip` says that they are frames, named after `name` and numbered from 0; `skipped` counts
    those whose ids other files had. `mark` is where the spool ended.
    """

    file: str
    stamp: str
    name: str
    clip: str | None
    is_clip: bool
    count: int
    skipped: int
    problem: str | None
    mark: Mark

    def is_of(self, source: Source) -> bool:
        """Whether it tells of this source, unchanged since."""
        told = (self.file, self.stamp, self.name, self.clip, self.is_clip)
        facts = (source.file, source.stamp, source.name, source.clip, source.kind == "video")
        # The log holds names as `dump` writes them.
        is_same = all(
            one == without_surrogates(other) for one, other in zip(told, facts, strict=True)
        )
        return is_same and (source.kind != "problem" or self.problem == source.problem)


class Log:
    """Writes lines behind the first `end` bytes of the file; the rest is cut off."""

    def __init__(self, path: Path, end: int) -> None:
        path.touch()
        self._file = path.open("r+b")
        self._file.truncate(end)
        self._file.seek(end)

    def write(self, *lines: bytes) -> None:
        """Adds lines, durably."""
        self._file.write(b"".join(lines))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()


def header_line(settings: dict[str, Any], replaces: list[str]) -> bytes:
    """What is converted into what, and the files of an earlier conversion that go when it ends."""
    return dump({"settings": settings, "replaces": replaces}) + b"\n"


def done_line(done: Done) -> bytes:
    """One file that is done."""
    return dump(asdict(done)) + b"\n"


def finished_line(outputs: list[str]) -> bytes:
    """All is done; the outputs, by name, have only to be put in their places."""
    return dump({"finished": outputs}) + b"\n"


def read_log(path: Path) -> Iterator[tuple[dict[str, Any] | Done, int]]:
    """Each line that was written whole, with the offset of its end."""
    end = 0
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            try:
                fields = orjson.loads(line)
                told = _done(fields) if "file" in fields else fields
            except (orjson.JSONDecodeError, TypeError):
                return
            end += len(line)
            yield told, end


def _done(fields: dict[str, Any]) -> Done:
    return Done(**{**fields, "mark": Mark(**fields["mark"])})
