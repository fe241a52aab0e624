"""Reading JSON files that are too large to hold: one element of a list or an object at a time.

COCO's boxes are 450 MB in one line, which a parser turns into gigabytes of Python's objects. Here
the memory is that of the largest element and of a piece of the file.
"""

from __future__ import annotations

import codecs
import json
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syphus.core.errors import AnnotationError
from syphus.core.reading import MORE_VALUES, check_plain, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BufferedReader

_PIECE = 1 << 20
_SPACE = re.compile(r"[ \t\n\r]*")
_CLOSING = {"[": "]", "{": "}"}
# Where the text ends in the middle of a value, the parser stops this near to its end; only an
# unfinished string is told by its beginning.
_NEAR_THE_END = 16
# "1" may be the beginning of "1e+5", cut behind the sign.
_OPEN_NUMBER = 3
_UNFINISHED_STRING = "Unterminated string"

_decode = json.JSONDecoder().raw_decode


def stream_json(path: str | Path, key: str | None = None) -> Iterator[Any]:
    """The elements of the list in a JSON file, or of the one that its object has under `key`.

    Of an object in that place the (name, value) pairs, also where a name comes twice. They are
    read as they are asked for, in UTF-8; a byte order mark is skipped.

    Raises AnnotationError, naming file, line and column, if the file can't be read, or naming the
    key that it lacks.
    """
    if key is not None:
        yield from (element for _, element in stream_members(path, (key,)))
        return
    with _scanning(path) as scanner:
        yield from scanner.children()
        scanner.end()


def stream_members(path: str | Path, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The elements under several keys of a file's object, each with its key, in one reading.

    In the order of the file, which needn't be that of the keys; as `stream_json` otherwise.

    Raises AnnotationError as `stream_json` does.
    """
    with _scanning(path) as scanner:
        yield from scanner.members(keys)


def stream_pairs(path: str | Path, within: str | None = None) -> Iterator[tuple[str, Any]]:
    """The (name, value) pairs of a file's object, or of the object that it has under `within`.

    For files that one release has bare and another in an envelope. What stands before the envelope
    is given too, what stands behind it isn't; as `stream_json` otherwise.

    Raises AnnotationError as `stream_json` does.
    """
    with _scanning(path) as scanner:
        yield from scanner.pairs(within)


@contextmanager
def _scanning(path: str | Path) -> Iterator[_Scanner]:
    path = Path(path)
    try:
        with path.open("rb") as file:
            yield _Scanner(file, path)
    except OSError as exc:
        raise unreadable(path, exc) from exc


class _Scanner:
    """A place in a file; `_text` is the piece around it."""

    def __init__(self, file: BufferedReader, path: Path) -> None:
        check_plain(file.peek(), path)
        self._file = file
        self._path = path
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._line = 1
        self._column = 0
        self._is_whole = False
        if not self._peek():
            raise AnnotationError(f"{path}: the file is empty", path=path)

    def members(self, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """The elements of the top object's members of these names, each with its name."""
        if self._peek() != "{":
            raise AnnotationError(
                f"{self._path} holds no object that could have {keys[0]!r}", path=self._path
            )
        missing = list(keys)
        for name in self._names():
            if name not in missing:
                self._pass_over()
                continue
            for element in self.children():
                yield name, element
            missing.remove(name)
            if not missing:
                return
        raise AnnotationError(f"{self._path} has no {missing[0]!r}", path=self._path)

    def pairs(self, within: str | None) -> Iterator[tuple[str, Any]]:
        """The members of the top object, or from the one called `within` on its members."""
        if self._peek() != "{":
            raise AnnotationError(f"{self._path} holds no object", path=self._path)
        for name in self._names():
            if name == within and self._peek() == "{":
                yield from self.children()
                return
            yield name, self._value()
        self.end()

    def children(self) -> Iterator[Any]:
        """The elements of a list, or the pairs of an object."""
        if self._peek() == "{":
            for name in self._names():
                yield name, self._value()
            return
        if self._peek() != "[":
            raise self._stop("a list or an object must stand here", self._at)
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return
        while True:
            yield self._value()
            if self._take(",]") == "]":
                return

    def end(self) -> None:
        """Checks that nothing follows."""
        if self._peek():
            raise self._broken(MORE_VALUES, self._at)

    def _names(self) -> Iterator[str]:
        """The names of an object's members; whoever asks reads each value before the next."""
        self._take("{")
        if self._peek() == "}":
            self._take("}")
            return
        while True:
            if self._peek() != '"':
                raise self._broken("Expecting property name enclosed in double quotes", self._at)
            name: str = self._value()
            self._take(":")
            yield name
            if self._take(",}") == "}":
                return

    def _pass_over(self) -> None:
        """Reads a value that nobody wants, element by element."""
        if self._peek() in _CLOSING:
            for _ in self.children():
                pass
        else:
            self._value()

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = _decode(self._text, self._at)
            except json.JSONDecodeError as exc:
                is_cut = exc.msg.startswith(_UNFINISHED_STRING)
                is_cut |= exc.pos > len(self._text) - _NEAR_THE_END
                if not is_cut or not self._read():
                    raise self._broken(exc.msg, exc.pos) from exc
            except (ValueError, RecursionError) as exc:
                raise self._stop(f"unusable JSON: {exc}", self._at) from exc
            else:
                if end + _OPEN_NUMBER < len(self._text) or not self._read():
                    self._at = end
                    return value

    def _peek(self) -> str:
        """The next mark that is no space, or nothing at the end of the file."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read():
                return ""

    def _take(self, marks: str) -> str:
        found = self._peek()
        if not found or found not in marks:
            wanted = " or ".join(repr(mark) for mark in marks)
            raise self._broken(f"Expecting {wanted}", self._at)
        self._at += 1
        return found

    def _read(self) -> bool:
        """Adds to the text what follows in the file, at least as much again; drops what is read."""
        if self._is_whole:
            return False
        content = self._file.read(max(_PIECE, len(self._text) - self._at))
        self._is_whole = not content
        try:
            more = self._decoder.decode(content, final=self._is_whole)
        except UnicodeDecodeError as exc:
            self._text += exc.object[: exc.start].decode(errors="replace")
            problem = f"byte {exc.object[exc.start]:#04x} is not UTF-8; save the file as UTF-8"
            raise self._stop(problem, len(self._text)) from exc
        if more:
            self._forget()
            self._text += more
        return not self._is_whole

    def _forget(self) -> None:
        done = self._text[: self._at]
        newlines = done.count("\n")
        self._line += newlines
        self._column = len(done) - done.rfind("\n") - 1 if newlines else self._column + len(done)
        self._text, self._at = self._text[self._at :], 0

    def _broken(self, problem: str, at: int) -> AnnotationError:
        return self._stop(f"broken JSON: {problem}", at)

    def _stop(self, problem: str, at: int) -> AnnotationError:
        self._at = at
        self._forget()
        message = f"{self._path}: line {self._line}, column {self._column + 1}: {problem}"
        return AnnotationError(message, path=self._path, line=self._line)
