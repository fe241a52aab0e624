"""Files that are either whole or not there.

A file is written beside its place, synced, renamed over it, and the folder is synced, so that a
crash at any moment leaves the old file or the new one. The price is one sync a file; it is paid
for outputs at the end of a run, never per query.
"""

from __future__ import annotations

import fcntl
import glob
import io
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


# What tempfile puts into its names.
_RANDOM = "[a-z0-9_]" * 8
_BUFFER = 1 << 18
_LEAST, _MOST = -(2**63), 2**64 - 1


def named(error: OSError, path: Path) -> OSError:
    """The same error with the name of the file, which the kernel doesn't tell of a full disk."""
    if error.filename is not None or error.errno is None:
        return error
    return OSError(error.errno, error.strerror, str(path))


class _NamedFile(io.FileIO):
    """A file whose errors name `path`."""

    def __init__(self, file: Path | int, path: Path) -> None:
        super().__init__(file, "wb")
        self._path = path

    def write(self, data: Any) -> int:
        """Writes what the disk takes of `data`."""
        try:
            return super().write(data) or 0
        except OSError as error:
            raise named(error, self._path) from error


def open_to_write(path: Path) -> IO[bytes]:
    """A new buffered file; where the disk refuses its bytes, the error names it."""
    return io.BufferedWriter(_NamedFile(path, path), _BUFFER)


def sync_file(file: IO[bytes], path: Path) -> None:
    """Makes what was written durable. Raises OSError with the name `path`."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        raise named(error, path) from error


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        raise named(error, folder) from error
    finally:
        os.close(handle)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, put in the place of `path` when the block ends without an error."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise named(error, path) from error
    temporary = Path(name)
    try:
        with io.BufferedWriter(_NamedFile(handle, path), _BUFFER) as file:
            with suppress(OSError):  # not every file system has locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield file
            sync_file(file, path)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_leftovers(path: Path) -> None:
    """Removes what processes that were killed left of `path` beside it; one that lives keeps its.

    A file that is being written is locked, and the kernel lets go of it when the process ends.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.{_RANDOM}.part"):
        if left.is_symlink() or not left.is_file():
            continue
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def write_json(path: Path, value: Any) -> None:
    """Writes one value as indented JSON, atomically."""
    with replacing(path) as file:
        file.write(dump(value, indent=True) + b"\n")


def dump(value: Any, *, indent: bool = False) -> bytes:
    """UTF-8 JSON of `value`; lone surrogates become U+FFFD, which every reader accepts.

    Whole numbers of any size stay as they are.
    """
    option = orjson.OPT_INDENT_2 if indent else 0
    try:
        return orjson.dumps(value, option=option)
    except TypeError:
        return orjson.dumps(_with_large_numbers(without_surrogates(value)), option=option)


def _with_large_numbers(value: Any) -> Any:
    """`value` with the integers that have more than 64 bits as the digits that JSON has for them.

    Of a number between `-2**63` and `2**64 - 1` orjson knows what to write.
    """
    if isinstance(value, int) and not _LEAST <= value <= _MOST:
        return orjson.Fragment(str(value))
    if isinstance(value, dict):
        return {key: _with_large_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_large_numbers(item) for item in value]
    return value


def without_surrogates(value: Any) -> Any:
    """`value` with lone surrogates in its strings replaced by U+FFFD."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_surrogates(item) for item in value]
    return value


class ListWriter:
    """Writes a JSON array, one element a line, so that it can be read back as a stream."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.count = 0
        file.write(b"[")

    def add(self, value: Any) -> int:
        """Adds one element; gives the bytes that it took."""
        self.count += 1
        return self._file.write((b",\n" if self.count > 1 else b"\n") + dump(value))

    def close(self) -> None:
        """Ends the array; the file itself stays open."""
        self._file.write(b"\n]\n")


@contextmanager
def json_list(path: Path) -> Iterator[ListWriter]:
    """A `ListWriter` whose file is put in place, atomically, when the block ends."""
    with replacing(path) as file:
        writer = ListWriter(file)
        yield writer
        writer.close()


def read_json_list(path: Path) -> Iterator[Any]:
    """The elements of a file that `ListWriter` wrote, one at a time, in constant memory."""
    with path.open("rb") as file:
        yield from _elements(file)


def _elements(lines: Iterable[bytes]) -> Iterator[Any]:
    for line in lines:
        element = line.strip().rstrip(b",")
        if element not in (b"[", b"]", b""):
            yield orjson.loads(element)
