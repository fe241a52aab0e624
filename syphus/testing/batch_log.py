"""What a scripted server saw of files and batches, countable while it runs."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.testing.batch_script import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSeen:
    """One batch: its place from 1, what it was made of, and its status when it was last looked at.

    `input_sha256` is of the input file's bytes, hexadecimal. Of its `lines`, `billed` got an answer
    of status 200, whether or not a file with it could be had.
    """

    id: str
    position: int
    input_file_id: str
    input_sha256: str
    metadata: Mapping[str, str]
    status: str
    lines: int = 0
    billed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSeen:
    """All lines of one custom_id, over all batches that were not failed by validation.

    `keys` are the queries they asked, as in `QuerySeen`; `taken` how many lines there were,
    `answered` how many got a whole answer with no fault in it, `billed` any answer of status 200.
    """

    custom_id: str
    keys: frozenset[str] = frozenset()
    taken: int = 0
    answered: int = 0
    billed: int = 0


@dataclass(slots=True)
class _BatchCount:
    id: str
    position: int
    input_file_id: str
    input_sha256: str
    metadata: Mapping[str, str]
    status: str = "validating"
    lines: int = 0
    billed: int = 0


@dataclass(slots=True)
class _LineCount:
    taken: int = 0
    answered: int = 0
    billed: int = 0
    keys: set[str] = field(default_factory=set)


class BatchLog:
    """Counts of files and batches. The server writes; any thread may read.

    `uploads`, `creates`, `cancels` and `deletes` are those that took effect, whether or not the
    caller heard of it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._uploaded: Counter[str] = Counter()
        self._batches: dict[str, _BatchCount] = {}
        self._lines: dict[str, _LineCount] = {}
        self.cancels = 0
        self.deletes = 0

    @property
    def uploads(self) -> int:
        """Files that were uploaded."""
        with self._lock:
            return self._uploaded.total()

    @property
    def creates(self) -> int:
        """Batches that were created."""
        return len(self._batches)

    @property
    def calls(self) -> Mapping[str, int]:
        """How often each route was called, whatever came of it."""
        with self._lock:
            return dict(self._calls)

    @property
    def faults(self) -> Mapping[str, int]:
        """How often each fault of a route was played."""
        with self._lock:
            return dict(self._faults)

    def uploads_of(self, sha256: str) -> int:
        """How often a file of these bytes was uploaded."""
        with self._lock:
            return self._uploaded[sha256]

    def creates_of(self, sha256: str) -> int:
        """How many batches were created of files of these bytes."""
        return sum(batch.input_sha256 == sha256 for batch in self.batches())

    def creates_with(self, **metadata: str) -> int:
        """How many batches were created whose metadata holds all of these."""
        return sum(metadata.items() <= dict(batch.metadata).items() for batch in self.batches())

    def batches(self) -> tuple[BatchSeen, ...]:
        """Every batch, in the order of their creation."""
        with self._lock:
            return tuple(
                BatchSeen(
                    id=count.id,
                    position=count.position,
                    input_file_id=count.input_file_id,
                    input_sha256=count.input_sha256,
                    metadata=count.metadata,
                    status=count.status,
                    lines=count.lines,
                    billed=count.billed,
                )
                for count in self._batches.values()
            )

    def lines(self) -> tuple[LineSeen, ...]:
        """Every custom_id, in order of first arrival."""
        with self._lock:
            return tuple(_freeze(name, count) for name, count in self._lines.items())

    def line(self, custom_id: str) -> LineSeen:
        """What was seen of one custom_id."""
        with self._lock:
            return _freeze(custom_id, self._lines.get(custom_id, _LineCount()))

    def as_json(self, *, each: bool = False) -> dict[str, Any]:
        """All counts as JSON values; `each` adds lists with every batch and every custom_id."""
        lines = self.lines()
        value: dict[str, Any] = {
            "uploads": self.uploads,
            "creates": self.creates,
            "cancels": self.cancels,
            "deletes": self.deletes,
            "calls": self.calls,
            "faults": self.faults,
            "lines": sum(line.taken for line in lines),
            "lines_answered": sum(line.answered for line in lines),
            "lines_billed": sum(line.billed for line in lines),
            "custom_ids": len(lines),
            "custom_ids_billed_again": sum(line.billed > 1 for line in lines),
        }
        if each:
            names = BatchSeen.__slots__
            value["each_batch"] = [
                {name: getattr(batch, name) for name in names} for batch in self.batches()
            ]
            value["each_line"] = [
                {
                    "custom_id": line.custom_id,
                    "keys": sorted(line.keys),
                    "taken": line.taken,
                    "answered": line.answered,
                    "billed": line.billed,
                }
                for line in lines
            ]
        return value

    def call(self, route: Route) -> None:
        """Counts a call that has begun."""
        with self._lock:
            self._calls[route] += 1

    def spoil(self, fault: str) -> None:
        """Counts a fault that is about to be played."""
        with self._lock:
            self._faults[fault] += 1

    def upload(self, sha256: str) -> None:
        """Counts a file that is there from now on."""
        with self._lock:
            self._uploaded[sha256] += 1

    def delete(self) -> None:
        """Counts a file that was deleted."""
        with self._lock:
            self.deletes += 1

    def cancel(self) -> None:
        """Counts a batch that is being cancelled."""
        with self._lock:
            self.cancels += 1

    def create(self, batch: BatchSeen) -> None:
        """Counts a batch that was created."""
        with self._lock:
            self._batches[batch.id] = _BatchCount(
                batch.id,
                batch.position,
                batch.input_file_id,
                batch.input_sha256,
                dict(batch.metadata),
                batch.status,
                batch.lines,
            )

    def enter(self, batch_id: str, status: str) -> None:
        """Notes the status that a batch has now."""
        with self._lock:
            self._batches[batch_id].status = status

    def take(self, custom_id: str) -> None:
        """Counts a line of a batch that passed validation."""
        with self._lock:
            self._lines.setdefault(custom_id, _LineCount()).taken += 1

    def answer(
        self, batch_id: str, custom_id: str, key: str, *, billed: bool, answered: bool
    ) -> None:
        """Counts what a line came to."""
        with self._lock:
            count = self._lines[custom_id]
            if key:
                count.keys.add(key)
            count.billed += billed
            count.answered += answered
            self._batches[batch_id].billed += billed


def _freeze(custom_id: str, count: _LineCount) -> LineSeen:
    return LineSeen(
        custom_id=custom_id,
        keys=frozenset(count.keys),
        taken=count.taken,
        answered=count.answered,
        billed=count.billed,
    )
