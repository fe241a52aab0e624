"""The members of a large JSON object, one at a time, each with where it stands.

ijson's C parser (yajl) splits the bytes; what is built here is one member's value. Memory follows
the largest member, which is bounded.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK: Final = 1 << 16
# An image of 20,000 x 20,000 pixels as PNG fits.
LARGEST: Final = 256 << 20
# Entries have two levels. More than a thousand, Python's own JSON doesn't write.
_DEEPEST: Final = 250
# The parser begins an unfinished text anew with every piece that it is given.
_LONGEST_PIECE: Final = 16 << 20
# A break is found among pieces of these sizes.
_STEPS: Final = (CHUNK, 256, 1)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# gzip, zip, Zstandard, xz, bzip2
_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh")
_STARTS: Final[dict[str, type[Any]]] = {"start_map": dict, "start_array": list}
_ENDS: Final = frozenset({"end_map", "end_array"})


class Broken(Exception):
    """The file can't be read on from byte `offset`."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class Opened:
    """Stands for the value of a member whose own members follow."""


OPENED: Final = Opened()


class Member(NamedTuple):
    """One member. Its key ends in the chunk that starts at byte `chunk`.

    `inside` says whether it stands in the object that was opened; `repeated` names the keys that
    an object within `value` has twice.
    """

    key: str
    value: Any
    chunk: int
    inside: bool
    repeated: tuple[str, ...]


def read_members(  # noqa: C901 - one loop, run for each of the millions of events of a file
    path: Path, opened: str | None = None
) -> Iterator[Member]:
    """The members of the object in `path`; those of its member `opened`, if an object, singly.

    Raises Broken where the file isn't a JSON object or can't be read.
    """
    level, key, key_chunk = 0, "", 0
    built = _Value()
    for start, events in _batches(path):
        if built.open and start - key_chunk > LARGEST:
            raise Broken(f"the value of {key!r} has more than {LARGEST >> 20} MiB", key_chunk)
        for event, value in events:
            if built.open:
                if built.take(event, value):
                    yield Member(key, built.whole, key_chunk, level > 1, tuple(built.repeated))
            elif event == "map_key":
                key, key_chunk = value, start
            elif event == "end_map":
                level -= 1
            elif level == 0:
                if event != "start_map":
                    raise Broken("it holds no JSON object", 0)
                level = 1
            elif event == "start_map" and level == 1 and key == opened:
                level = 2
                yield Member(key, OPENED, key_chunk, False, ())
            elif event in _STARTS:
                built.begin(event, key_chunk)
            else:
                yield Member(key, value, key_chunk, level > 1, ())


class _Value:
    """Puts an object or an array together from the parser's events."""

    def __init__(self) -> None:
        self.open: list[Any] = []
        self.whole: Any = None
        self.repeated: list[str] = []
        self._keys: list[str] = []
        self._chunk = 0

    def begin(self, event: str, chunk: int) -> None:
        """Begins with the outermost object or array, whose key is in the chunk."""
        self._chunk = chunk
        self.whole = {} if event == "start_map" else []
        self.open, self._keys, self.repeated = [self.whole], [""], []

    def take(self, event: str, value: Any) -> bool:
        """Whether the value is whole with this event."""
        inner = self.open[-1]
        if event == "map_key":
            if value in inner:
                self.repeated.append(value)
            self._keys[-1] = value
            return False
        if event in _ENDS:
            self.open.pop()
            self._keys.pop()
            return not self.open
        new = _STARTS[event]() if event in _STARTS else value
        if type(inner) is list:
            inner.append(new)
        else:
            inner[self._keys[-1]] = new
        if event in _STARTS:
            self.open.append(new)
            self._keys.append("")
            if len(self.open) > _DEEPEST:
                raise Broken(f"a value is nested more than {_DEEPEST} deep", self._chunk)
        return False


def first_events(path: Path) -> list[tuple[str, Any]]:
    """The parser's events in the first chunk; empty where it isn't JSON."""
    try:
        return list(next(_batches(path))[1])
    except (Broken, StopIteration):
        return []


def _batches(path: Path) -> Iterator[tuple[int, list[tuple[str, Any]]]]:
    """For each chunk its offset and the parser's events."""
    import ijson  # noqa: PLC0415 - not needed by --help

    events = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events, use_float=True)
    start = silent = 0
    chunk = b""
    try:
        with path.open("rb") as file:
            while chunk := _read_piece(file, silent):
                if start == 0 and chunk.startswith(_BYTE_ORDER_MARK):
                    raise Broken("it starts with a byte order mark, which JSON doesn't allow", 0)
                if start == 0 and chunk.startswith(_PACKED):
                    raise Broken("it is compressed: unpack it first", 0)
                parser.send(chunk)
                silent = 0 if events else silent + len(chunk)
                if silent > LARGEST:
                    raise Broken(f"a text has more than {LARGEST >> 20} MiB", start)
                yield start, events
                events.clear()
                start += len(chunk)
            parser.close()
            # What closing brings out is a lone number, which is no object.
            yield start, events
    except OSError as error:
        raise Broken(f"it can't be read: {error.strerror or error}", start) from error
    except (ijson.JSONError, ValueError) as error:
        raise Broken(_reason(error), _breaking_byte(path, start, len(chunk))) from error


def _read_piece(file: IO[bytes], silent: int) -> bytes:
    """The next chunk; within a text of `silent` bytes so far, as much again of it alone."""
    chunk = file.read(CHUNK)
    pieces, size = [chunk], len(chunk)
    while chunk and b'"' not in chunk and size < min(silent, _LONGEST_PIECE):
        chunk = file.read(CHUNK)
        if b'"' in chunk:
            file.seek(-len(chunk), os.SEEK_CUR)
            break
        pieces.append(chunk)
        size += len(chunk)
    return b"".join(pieces)


def _breaking_byte(path: Path, start: int, size: int) -> int:
    """The byte at which the parser stops, given the piece that it doesn't take."""
    begin, end = start, start + size
    for step in _STEPS:
        begin = _breaking_piece(path, begin, end, step)
    return begin


def _breaking_piece(path: Path, begin: int, end: int, step: int) -> int:
    """Where the piece of `step` bytes that the parser doesn't take begins; at `end`, none."""
    import ijson  # noqa: PLC0415 - not needed by --help

    parser = ijson.basic_parse_coro(_Nothing(), use_float=True)
    with path.open("rb") as file:
        while file.tell() < begin:
            parser.send(file.read(min(_LONGEST_PIECE, begin - file.tell())))
        for at in range(begin, end, step):
            try:
                parser.send(file.read(min(step, end - at)))
            except (ijson.JSONError, ValueError):
                return at
    return end


class _Nothing:
    def send(self, event: Any) -> None:
        """Forgets the event."""


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("ascii", "replace") if isinstance(said, bytes) else str(error)
    return f"it isn't JSON: {text.strip().splitlines()[0].rstrip('.')}"
