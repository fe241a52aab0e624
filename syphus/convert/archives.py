"""Zip archives: entries are read where they lie, and nothing is unpacked by its name."""

from __future__ import annotations

import io
import shutil
import stat
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING
from zipfile import ZipFile, ZipInfo

from syphus.convert.unreadable import Unreadable

if TYPE_CHECKING:
    from pathlib import Path

_ENCRYPTED = 0x1
# Where Unix keeps the mode of a file.
_MODE_BITS = 16
# Compression gains next to nothing on video.
_MOST_TIMES = 20
MOST_ENTRY_BYTES = 1 << 28
"""More is no image: 256 MB of it would have to be held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of an archive that stays open as long as any of its entries is known."""

    archive: ZipFile
    info: ZipInfo

    @property
    def name(self) -> str:
        """The name as the archive has it."""
        return self.info.filename

    @property
    def size(self) -> int:
        """Bytes, unpacked, as the archive says; no more are ever read."""
        return self.info.file_size

    @property
    def stamp(self) -> str:
        """What changes with the content, or the place."""
        return f"{self.info.CRC}-{self.info.header_offset}"

    @property
    def is_link(self) -> bool:
        """Whether it holds the name of another file, as zips of Unix can."""
        return stat.S_ISLNK(self.info.external_attr >> _MODE_BITS)

    @property
    def is_encrypted(self) -> bool:
        """Whether it wants a password."""
        return bool(self.info.flag_bits & _ENCRYPTED)

    def read(self) -> IO[bytes]:
        """The whole content, in memory. Raises Unreadable where it is too much."""
        if self.size > MOST_ENTRY_BYTES:
            raise Unreadable(f"unpacks to {self.size} bytes; at most {MOST_ENTRY_BYTES} are read")
        return io.BytesIO(self.archive.read(self.info))

    def copy(self, place: Path) -> None:
        """Writes the content to a file whose name isn't the entry's.

        Raises Unreadable where it would unpack to what no video does.
        """
        if self.size > max(MOST_ENTRY_BYTES, _MOST_TIMES * self.info.compress_size):
            raise Unreadable(
                f"unpacks to {self.size} bytes from {self.info.compress_size}, as no video does"
            )
        with self.archive.open(self.info) as packed, place.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)


def open_archive(path: Path) -> list[Entry]:
    """The entries of an archive that are files. Raises what zipfile raises."""
    archive = ZipFile(path)
    return [Entry(archive=archive, info=info) for info in archive.infolist() if not info.is_dir()]


def entry_parts(name: str) -> tuple[str, ...] | None:
    """The parts of an entry's name, or None where it leads out of the archive."""
    plain = name.replace("\\", "/")
    parts = PurePosixPath(plain).parts
    if not parts or plain.startswith("/") or ".." in parts or parts[0].endswith(":"):
        return None
    return parts
