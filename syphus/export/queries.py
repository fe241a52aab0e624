"""`query_input.json`: the queries of a run, written as they are read and read back to export.

The queries of a large data set don't stay in memory; this file is where the outputs find them
again. It grows beside its place as a part file and is put there when the run ends.
"""

from __future__ import annotations

import os
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from syphus.core.durable import ListWriter, open_to_write, read_json_list, sync_file, sync_folder
from syphus.core.records import Query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUERIES = "query_input.json"


class QuerySpool:
    """Keeps queries on disk in their order; 8 bytes of memory for each."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / QUERIES
        self._part = folder / f".{QUERIES}.part"
        self._file = open_to_write(self._part)
        self._list = ListWriter(self._file)
        self._ends = array("Q", [self._file.tell()])
        self._flushed = 0
        self._handle = os.open(self._part, os.O_RDONLY | os.O_CLOEXEC)

    def add(self, query: Query) -> None:
        """Adds one query."""
        # Asking the file where it is would be a call of the system for each query.
        self._ends.append(self._ends[-1] + self._list.add(_element(query)))

    def at(self, position: int) -> Query:
        """The query at `position`, counted from 0. Raises OSError where the disk is full."""
        start, end = self._ends[position], self._ends[position + 1]
        if end > self._flushed:
            self._file.flush()
            self._flushed = self._ends[-1]
        return _query(orjson.loads(os.pread(self._handle, end - start, start).lstrip(b",\n")))

    def queries(self) -> Iterator[Query]:
        """All queries added so far, from the first."""
        if not self._file.closed:
            self._file.flush()
        for element in read_json_list(self._path if self._file.closed else self._part):
            yield _query(element)

    def close(self) -> None:
        """Lets go of a file that was never finished; it isn't put in place."""
        with suppress(OSError):
            self._file.close()
        os.close(self._handle)

    def finish(self) -> None:
        """Puts the file in its place."""
        self._list.close()
        sync_file(self._file, self._part)
        self._file.close()
        self._part.replace(self._path)
        sync_folder(self._path.parent)


def _element(query: Query) -> dict[str, Any]:
    element: dict[str, Any] = {"id": query.id, "sentences": query.text}
    if query.source_id != query.id:
        element["source_id"] = query.source_id
    if query.images:
        element["images"] = query.images
    return element


def _query(element: dict[str, Any]) -> Query:
    return Query(
        id=element["id"],
        text=element["sentences"],
        source_id=element.get("source_id", element["id"]),
        images=tuple(element.get("images", ())),
    )
