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

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_json(path: str | Path) -> Any:
    """The value in a JSON file.

    Raises AnnotationError, naming file, line and column, if it can't be read.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise unreadable(path, exc) from exc
    return _parse(content.removeprefix(_BYTE_ORDER_MARK), path, first_line=1)


def read_json_lines(path: str | Path) -> Iterator[Any]:
    """The values of a file with one JSON value a line, read as they are asked for.

    Blank lines are skipped, but counted in the line numbers of errors.

    Raises AnnotationError, naming file, line and column, if a line can't be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                content = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
                if content.strip():
                    yield _parse(content, path, first_line=number)
    except OSError as exc:
        raise unreadable(path, exc) from exc


def _parse(content: bytes, path: Path, *, first_line: int) -> Any:
    try:
        return json.loads(content.decode())
    except UnicodeDecodeError as exc:
        line = first_line + content.count(b"\n", 0, exc.start)
        column = exc.start - content.rfind(b"\n", 0, exc.start)
        problem = f"byte {content[exc.start]:#04x} is not UTF-8; save the file as UTF-8"
        raise _broken(problem, path, line, column) from exc
    except json.JSONDecodeError as exc:
        line = first_line + exc.lineno - 1
        raise _broken(f"broken JSON: {exc.msg}", path, line, exc.colno) from exc
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
