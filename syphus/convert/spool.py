"""Where records are put down in their order: files that grow, and are cut back after a kill.

A segment is a JSON object of one record a line, without its end. One is enough for a JSON file;
for Parquet a new one begins where the next record would make it larger than a shard may be.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BEGIN = b"{"
_END = b"\n}\n"
_SUFFIX = ".segment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place in the spool: the segment, counted from 1, its length in bytes and in records."""

    segment: int = 1
    end: int = 0
    records: int = 0


class Spool:
    """Appends records behind `mark`; what stands behind it in the folder is cut off."""

    def __init__(self, folder: Path, mark: Mark, *, most: int | None) -> None:
        self._folder = folder
        self._most = most
        self.mark = mark
        for number in segment_numbers(folder):
            if number > mark.segment:
                segment_path(folder, number).unlink()
        self._file = self._open()

    @staticmethod
    def reaches(folder: Path, mark: Mark) -> bool:
        """Whether the spool in a folder still has what stands before `mark`."""
        if not mark.end:
            return True
        with suppress(OSError):
            return segment_path(folder, mark.segment).stat().st_size >= mark.end
        return False

    def append(self, record: bytes) -> None:
        """Adds one record, which ends in a newline."""
        size = len(record) + 1
        if (
            self._most is not None
            and self.mark.records
            and self.mark.end + size + len(_END) > self._most
        ):
            self._file.write(_END)
            self.sync()
            self._file.close()
            self.mark = Mark(segment=self.mark.segment + 1)
            self._file = self._open()
        separator = b",\n" if self.mark.records else b"{\n"
        self._file.write(separator)
        self._file.write(memoryview(record)[:-1])
        self.mark = Mark(
            segment=self.mark.segment,
            end=self.mark.end + size,
            records=self.mark.records + 1,
        )

    def sync(self) -> None:
        """Makes what was appended durable."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Ends the last segment, durably."""
        self._file.write(_END if self.mark.records else _BEGIN + _END)
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        if not self._file.closed:
            self.sync()
            self._file.close()

    def closed_segments(self) -> list[int]:
        """Segments before the current one that still stand here."""
        return [each for each in segment_numbers(self._folder) if each < self.mark.segment]

    def _open(self) -> IO[bytes]:
        path = segment_path(self._folder, self.mark.segment)
        path.touch()
        file = path.open("r+b", buffering=1 << 18)
        file.truncate(self.mark.end)
        file.seek(self.mark.end)
        return file


def segment_path(folder: Path, number: int) -> Path:
    """Where a segment stands."""
    return folder / f"{number:05d}{_SUFFIX}"


def read_records(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Id, as JSON, and base64 of each record of an ended segment."""
    with path.open("rb") as lines:
        for line in lines:
            if line in (b"{\n", b"}\n"):
                continue
            # Base64 has no quotes, but an id may end in one and a colon.
            name, _, rest = line.rpartition(b'":"')
            yield name + b'"', rest[: rest.index(b'"')]


def segment_numbers(folder: Path) -> list[int]:
    """The segments in a folder, in order."""
    return sorted(int(path.stem) for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdecimal())
