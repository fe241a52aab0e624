"""Reading annotation files, with errors that a person can act on.

Both readers use Python's own parser: it keeps integers of any size exact, and it accepts the NaN
that Python programs write for missing numbers. They expect UTF-8; a byte order mark is skipped.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syphus.core.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Iterator

MORE_VALUES = "Extra data: one value a file is read here, not one a line"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip"}


def read_json(path: str | Path) -> Any:
    """The value in a JSON file.

    Raises AnnotationError, naming file, line and column, if it can't be read.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise unreadable(path, exc) from exc
    check_plain(content, path)
    content = content.removeprefix(_BYTE_ORDER_MARK)
    if not content.strip():
        raise AnnotationError(f"{path}: the file is empty", path=path)
    try:
        return _parse(content, path, first_line=1)
    except json.JSONDecodeError as exc:
        problem = MORE_VALUES if exc.msg == "Extra data" else exc.msg
        raise _broken(f"broken JSON: {problem}", path, exc.lineno, exc.colno) from exc


def read_json_lines(path: str | Path) -> Iterator[Any]:
    """The values of a file with one JSON value a line, read as they are asked for.

    Blank lines are skipped, but counted in the line numbers of errors.

    Raises AnnotationError, naming file, line and column, if a line can't be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                content = line
                if number == 1:
                    check_plain(line, path)
                    content = line.removeprefix(_BYTE_ORDER_MARK)
                if content.strip():
                    try:
                        value = _parse(content, path, first_line=number)
                    except json.JSONDecodeError as exc:
                        problem = f"broken JSON: {exc.msg}; one value a line is read here"
                        raise _broken(problem, path, number, exc.colno) from exc
                    yield value
    except OSError as exc:
        raise unreadable(path, exc) from exc


def check_plain(beginning: bytes, path: Path) -> None:
    """Raises AnnotationError where a file that begins so is packed."""
    for mark, packer in _PACKED.items():
        if beginning.startswith(mark):
            raise AnnotationError(f"{path}: is packed by {packer}; unpack it first", path=path)


def _parse(content: bytes, path: Path, *, first_line: int) -> Any:
    """The value. Raises JSONDecodeError where it is broken, AnnotationError for all else."""
    try:
        return json.loads(content.decode())
    except UnicodeDecodeError as exc:
        line = first_line + content.count(b"\n", 0, exc.start)
        column = exc.start - content.rfind(b"\n", 0, exc.start)
        problem = f"byte {content[exc.start]:#04x} is not UTF-8; save the file as UTF-8"
        raise _broken(problem, path, line, column) from exc
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as exc:
        message = f"{path}: line {first_line}: unusable JSON: {exc}"
        raise AnnotationError(message, path=path, line=first_line) from exc


def _broken(problem: str, path: Path, line: int, column: int) -> AnnotationError:
    message = f"{path}: line {line}, column {column}: {problem}"
    return AnnotationError(message, path=path, line=line)


def unreadable(path: Path, exc: OSError) -> AnnotationError:
    """The error to raise from `exc`, which opening or reading the file at `path` raised."""
    if isinstance(exc, FileNotFoundError):
        reason = "no such file"
    elif isinstance(exc, IsADirectoryError):
        reason = "a folder, not a file"
    else:
        reason = f"can't be read: {exc.strerror}"
    return AnnotationError(f"{path}: {reason}", path=path)
