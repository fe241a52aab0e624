"""JSON objects of many entries, written and read one entry a line."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import orjson

from syphus.core.durable import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class EntryWriter:
    """Writes a JSON object, one entry a line, so that it can be read back as a stream."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.count = 0
        file.write(b"{")

    def add(self, key: str, value: Any) -> None:
        """Adds one entry. Keys are the caller's to keep unique."""
        separator = b",\n" if self.count else b"\n"
        self._file.write(separator + dump(key) + b":" + dump(value))
        self.count += 1

    def close(self) -> None:
        """Ends the object; the file itself stays open."""
        self._file.write(b"\n}")


class OtherLayout(Exception):
    """The lines don't hold whole entries: another program laid the object out."""


def read_entries(lines: Iterable[bytes], *, end: bytes) -> Iterator[tuple[str, Any]]:
    """The entries of an object whose opening brace has been read, up to the line `end`.

    Raises OtherLayout at the first line that isn't whole entries, and where `end` is missing or
    something follows it.
    """
    rest = iter(lines)
    for line in rest:
        stripped = line.strip()
        if stripped == end:
            break
        try:
            yield from orjson.loads(b"{" + stripped.removesuffix(b",") + b"}").items()
        except orjson.JSONDecodeError as error:
            raise OtherLayout from error
    else:
        raise OtherLayout
    if any(line.strip() for line in rest):
        raise OtherLayout
