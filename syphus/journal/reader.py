"""Reads a journal back: as a stream to resume, by offset to write the outputs.

A torn last line is found here; the writer cuts it off.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syphus.core.errors import JournalDamaged, JournalError
from syphus.journal.format import (
    Record,
    decode,
    is_whole,
    read_head,
    read_origin,
)
from syphus.journal.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import RawIOBase
    from pathlib import Path

    from syphus.journal.format import Head

_BLOCK = 1 << 18


@dataclass(slots=True, kw_only=True)
class Unpriced:
    """Replies that were journalled without a cost, and what they used."""

    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(slots=True, kw_only=True)
class JournalIndex:
    """Where the outcome of each request stands. Grows by some 30 bytes a request.

    `outcomes` maps a key (its 128 bits as an integer) to the offset of the outcome that stands: its
    last reply, or its last failure where it has no reply. `others` are its further outcomes, where
    there are any.
    `open_sends` holds the keys whose last attempt has no known end: each may have been billed.
    `lost_sends` counts further attempts whose end isn't known: their request was sent again or
    given up. All translations of one query have one key, and may be on their way together: an end
    is then taken for that of the cheapest, so that what is left counts at its most.
    Tokens and `cost` (US dollars) are those of all replies, superseded ones included; `unpriced`
    are those without a cost, by deployment, `unpriced_in_batches` those of the Batch API.
    `torn_bytes` is the length of an unfinished last line, which isn't part of the journal.
    """

    outcomes: Places = field(default_factory=Places)
    others: dict[int, list[int]] = field(default_factory=dict)
    open_sends: set[int] = field(default_factory=set)
    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    unpriced: dict[str, Unpriced] = field(default_factory=dict)
    unpriced_in_batches: dict[str, Unpriced] = field(default_factory=dict)
    whole_bytes: int = 0
    torn_bytes: int = 0
    _failed: set[int] = field(default_factory=set)
    _unended: dict[int, tuple[float, ...]] = field(default_factory=dict)

    def add(
        self,
        head: Head,
        offset: int,
        line: memoryview | None = None,
        is_at: Callable[[memoryview | None, int], bool] = lambda _line, _known: False,
    ) -> bool:
        """Takes note of the line that begins at `offset`; False where it is a copy.

        `is_at(line, known)` tells whether the line stands, byte for byte, at `known` already.
        """
        key, kind, cost, prompt, completion, cached = head
        if kind == "sent":
            self.open_sends.add(key)
            unended = self._unended.get(key)
            self._unended[key] = (cost or 0.0,) if unended is None else (*unended, cost or 0.0)
            return True
        self._end(key, failed=kind == "failed")
        if kind == "not_billed":
            return True
        standing = self.outcomes.put(key, offset)
        if standing is not None:
            if any(is_at(line, known) for known in (standing, *self.others.get(key, ()))):
                self.outcomes.put(key, standing)
                return False
            self._choose(key, standing, offset, failed=kind == "failed")
        elif kind == "failed":
            self._failed.add(key)
        if kind != "failed":
            self.replies += 1
            self.prompt_tokens += prompt
            self.completion_tokens += completion
            self.cached_tokens += cached
            self.cost += cost or 0.0
        return True

    def _choose(self, key: int, earlier: int, offset: int, *, failed: bool) -> None:
        """Lets the last of two outcomes stand, or the reply where the last is a failure."""
        if failed and key not in self._failed:
            self.outcomes.put(key, earlier)
            earlier = offset
        self.others.setdefault(key, []).append(earlier)
        if not failed:
            self._failed.discard(key)

    def add_unpriced(self, line: bytes | memoryview, head: Head) -> None:
        """Takes note of a reply without a cost; `add` is called as well."""
        deployment, is_from_batch = read_origin(line)
        place = self.unpriced_in_batches if is_from_batch else self.unpriced
        used = place.get(deployment)
        if used is None:
            used = place[deployment] = Unpriced()
        used.replies += 1
        used.prompt_tokens += head[3]
        used.completion_tokens += head[4]
        used.cached_tokens += head[5]

    def _end(self, key: int, *, failed: bool) -> None:
        """Takes note that an attempt ended."""
        self.open_sends.discard(key)
        if failed:
            return
        unended = self._unended.pop(key, ())
        if len(unended) > 1:
            self._unended[key] = tuple(sorted(unended)[1:])

    @property
    def lost_sends(self) -> int:
        """Attempts without a known end, but for those of `open_sends`."""
        return sum(map(len, self._unended.values())) - len(self.open_sends)

    @property
    def uncertain_cost(self) -> float:
        """The most, in US dollars, that attempts without a reply may have cost."""
        return sum(map(sum, self._unended.values()))

    def all_of(self, key: int) -> list[int]:
        """The offsets of every outcome of a key, in order."""
        standing = self.outcomes.find(key)
        return [] if standing is None else sorted([*self.others.get(key, ()), standing])


def scan(path: Path, on_line: Callable[[memoryview, Head, int], None]) -> tuple[int, int]:
    """Calls `on_line(line, head, offset)` for every line; returns whole bytes and torn bytes.

    A line may be looked at during its call only: the next one is read into its place.

    Raises JournalDamaged at the first line that isn't what was written, unless it is the last and
    unfinished: that is what a killed process leaves, and it was never told to anyone. Raises
    JournalError at the first line that another version wrote in a way of its own.
    """
    offset = 0
    with path.open("rb", buffering=0) as file:
        for line in _lines(file):
            if not is_whole(line) and _is_torn(bytes(line), path, offset):
                return offset, len(line)
            head = read_head(line)
            if head is None:
                raise JournalError(
                    f"{path}: another version of Syphus wrote the line at byte {offset}, and this "
                    "one can't read it. Go on with that version, or choose another --output_dir."
                )
            on_line(line, head, offset)
            offset += len(line)
    return offset, 0


def _is_torn(line: bytes, path: Path, offset: int) -> bool:
    """Whether a line is an unfinished last one, not one that lacks its newline alone.

    Raises JournalDamaged where it is neither.
    """
    if line.endswith(b"\r\n") and is_whole(line[:-2] + b"\n"):
        raise _rewritten(path, offset)
    if line.endswith(b"\n") or is_whole(line[:-1] + b"\n"):
        raise _damage(path, offset)
    return not is_whole(line + b"\n")


def _lines(file: RawIOBase) -> Iterator[memoryview]:
    """The lines of a file, each a part of one block that is used again: nothing is copied."""
    block, filled = bytearray(_BLOCK), 0
    view = memoryview(block)
    while read := file.readinto(view[filled:]):
        filled += read
        start = 0
        while stop := block.find(b"\n", start, filled) + 1:
            yield view[start:stop]
            start = stop
        rest = block[start:filled]
        if not start:
            block = bytearray(2 * len(block))
            view = memoryview(block)
        filled = len(rest)
        view[:filled] = rest
    if filled:
        yield view[:filled]


def _damage(path: Path, offset: int) -> JournalDamaged:
    return JournalDamaged(
        f"{path} is damaged at byte {offset}: a line there fails its checksum. Restore the file "
        f"from a copy; without one, cut it there (truncate -s {offset} FILE), and what stood "
        "behind is asked again.",
        path=path,
        offset=offset,
    )


def _rewritten(path: Path, offset: int) -> JournalDamaged:
    return JournalDamaged(
        f"{path} is damaged at byte {offset}: a line there ends in CRLF, as an editor or a copy by "
        "way of Windows leaves it. Take the carriage returns out (sed -i 's/\\r$//' FILE): nothing "
        "is lost, and nothing is asked again.",
        path=path,
        offset=offset,
    )


def read_index(path: Path) -> JournalIndex:
    """The index of the journal at `path`; empty where there is none.

    An outcome that stands there twice, byte for byte (a journal that was copied behind itself), was
    paid for once and counts once. So do the sends, where all of the file is there again.

    Raises JournalDamaged and JournalError as `scan` does.
    """
    index = JournalIndex()
    if not path.exists():
        return index
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    first, size, copied_until = b"", 0, 0

    def is_at(line: memoryview | None, known: int) -> bool:
        return line is not None and os.pread(handle, len(line), known) == line

    def take(line: memoryview, head: Head, offset: int) -> None:
        nonlocal first, size, copied_until
        if offset < copied_until:
            return
        if not offset:
            first = bytes(line)
        elif line == first and index.outcomes and _is_repeated(handle, size or offset, offset):
            # Sends bear no time, so only with the outcomes around them a copy can be told.
            size = size or offset
            copied_until = offset + size
            return
        if index.add(head, offset, line, is_at) and head[2] is None:
            index.add_unpriced(line, head)

    try:
        index.whole_bytes, index.torn_bytes = scan(path, take)
    finally:
        os.close(handle)
    return index


def _is_repeated(handle: int, size: int, offset: int) -> bool:
    """Whether the first `size` bytes of a file stand at `offset` once more."""
    for start in range(0, size, _BLOCK):
        length = min(_BLOCK, size - start)
        block = os.pread(handle, length, start)
        if len(block) < length or os.pread(handle, length, offset + start) != block:
            return False
    return True


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
