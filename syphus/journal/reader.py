"""Reads a journal back: as a stream to resume, by offset to write the outputs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from syphus.core.errors import JournalDamaged, JournalError
from syphus.journal.format import (
    Record,
    cost_of,
    decode,
    is_whole,
    key_of,
    kind_of,
    most_cost_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from syphus.journal.format import Kind

_BLOCK = 1 << 22


@dataclass(slots=True, kw_only=True)
class JournalIndex:
    """Where the outcome of each request stands. Grows by some 160 bytes a request.

    `outcomes` maps a key (its 128 bits as an integer) to the offset of its last outcome,
    `earlier` to those before it, where there are any.
    `open_sends` holds the keys whose last attempt has no known end: each may have been billed.
    `lost_sends` counts further attempts whose end isn't known: their request was sent again or
    given up. All translations of one query have one key, and may be on their way together: an end
    is then taken for that of the cheapest, so that what is left counts at its most.
    Tokens and `cost` (US dollars) are those of all replies, superseded ones included.
    `torn_bytes` is the length of an unfinished last line, which isn't part of the journal.
    """

    outcomes: dict[int, int] = field(default_factory=dict)
    earlier: dict[int, list[int]] = field(default_factory=dict)
    open_sends: set[int] = field(default_factory=set)
    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    whole_bytes: int = 0
    torn_bytes: int = 0
    _unended: dict[int, list[float]] = field(default_factory=dict)

    def add(self, line: bytes, kind: Kind, offset: int, skip: frozenset[Kind]) -> None:
        """Takes note of one whole line."""
        number = int(key_of(line), 16)
        if kind == "sent":
            self.open_sends.add(number)
            self._unended.setdefault(number, []).append(most_cost_of(line))
            return
        self.open_sends.discard(number)
        if kind != "failed":
            self._end(number)
        if kind in ("reply", "truncated"):
            usage, cost = cost_of(line)
            self.replies += 1
            self.prompt_tokens += usage.prompt_tokens
            self.completion_tokens += usage.completion_tokens
            self.cached_tokens += usage.cached_tokens
            self.cost += cost
        if kind in skip:
            self.outcomes.pop(number, None)
        elif kind != "not_billed":
            if number in self.outcomes:
                self.earlier.setdefault(number, []).append(self.outcomes[number])
            self.outcomes[number] = offset

    def _end(self, number: int) -> None:
        unended = self._unended.get(number)
        if unended:
            unended.remove(min(unended))
            if not unended:
                del self._unended[number]

    @property
    def lost_sends(self) -> int:
        """Attempts without a known end, but for those of `open_sends`."""
        return sum(map(len, self._unended.values())) - len(self.open_sends)

    @property
    def uncertain_cost(self) -> float:
        """The most, in US dollars, that attempts without a reply may have cost."""
        return sum(map(sum, self._unended.values()))

    def all_of(self, number: int) -> list[int]:
        """The offsets of every outcome of a key, in order."""
        last = self.outcomes.get(number)
        return [] if last is None else [*self.earlier.get(number, ()), last]


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    while block := file.read(_BLOCK):
        first, newline, more = block.partition(b"\n")
        rest.append(first)
        if not newline:
            continue
        yield b"".join(rest) + b"\n"
        lines = more.split(b"\n")
        rest = [lines.pop()]
        for line in lines:
            yield line + b"\n"
    if last := b"".join(rest):
        yield last


def scan(path: Path, on_line: Callable[[bytes, Kind, int], None]) -> tuple[int, int]:
    """Calls `on_line(line, kind, offset)` for every line; returns whole bytes and torn bytes.

    Raises JournalDamaged at the first line that isn't what was written, unless it is the last and
    unfinished: that is what a killed process leaves, and it was never told to anyone. Raises
    JournalError at the first line that another version wrote in a way of its own.
    """
    offset = 0
    with path.open("rb") as file:
        for line in _lines(file):
            if not line.endswith(b"\n"):
                if is_whole(line[:-1] + b"\n"):
                    raise _damage(path, offset)
                if not is_whole(line + b"\n"):
                    return offset, len(line)
            elif not is_whole(line):
                raise _damage(path, offset)
            kind = kind_of(line)
            if kind is None:
                raise JournalError(
                    f"{path}: another version of Syphus wrote the line at byte {offset}, and this "
                    "one can't read it. Go on with that version, or choose another --output_dir."
                )
            on_line(line, kind, offset)
            offset += len(line)
    return offset, 0


def _damage(path: Path, offset: int) -> JournalDamaged:
    return JournalDamaged(
        f"{path} is damaged at byte {offset}: a line there fails its checksum. Restore the file "
        f"from a copy; without one, cut it there (truncate -s {offset} FILE), and what stood "
        "behind is asked again.",
        path=path,
        offset=offset,
    )


def read_index(path: Path, *, skip: frozenset[Kind] = frozenset()) -> JournalIndex:
    """The index of the journal at `path`; empty where there is none.

    Outcomes of the kinds in `skip` count as not there, so their requests are asked again.

    Raises JournalDamaged and JournalError as `scan` does.
    """
    index = JournalIndex()
    if not path.exists():
        return index
    index.whole_bytes, index.torn_bytes = scan(
        path, lambda line, kind, offset: index.add(line, kind, offset, skip)
    )
    return index


class JournalReader:
    """Reads single records by offset."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def at(self, offset: int) -> Record:
        """The record whose line begins at `offset`."""
        size = 1 << 13
        line = os.pread(self._handle, size, offset)
        while (end := line.find(b"\n")) < 0:
            more = os.pread(self._handle, size, offset + len(line))
            if not more:
                break
            line += more
            size *= 2
        line = line[: end + 1] if end >= 0 else line + b"\n"
        if not is_whole(line):
            raise _damage(self._path, offset)
        return decode(line)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._handle)
