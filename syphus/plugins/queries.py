"""The queries of a dataset: checked, named apart, one at a time."""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from syphus.core.durable import without_surrogates
from syphus.core.errors import PluginError, SettingsError
from syphus.core.records import Query
from syphus.plugins.dataset import find_file
from syphus.plugins.faults import explaining, inputs_source, plugin_file, plugin_label
from syphus.plugins.items import read_item
from syphus.plugins.naming import UniqueNames
from syphus.plugins.skips import SkippedItem, Skips

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from syphus.plugins.dataset import AbstractDataset
    from syphus.plugins.faults import Source

_ALL = -1
_END = object()


class QuerySource:
    """Iterates over a dataset's queries in the plugin's order, as they are asked for.

    Every iteration reads the plugin anew. `repeated` counts the items that were left out of the
    last one, because an earlier item has the same id and text; `renamed` those whose id got a
    `#2` or higher. `skips` are the items that the plugin left out, as far as it has been read.

    Raises PluginError, AnnotationError or PromptError where the plugin raises or an item is wrong.
    """

    def __init__(self, dataset: AbstractDataset) -> None:
        self._dataset = dataset
        self._label = plugin_label(type(dataset))
        self._file = plugin_file(type(dataset))
        self._ahead: Iterator[Any] | None = None
        self._is_lazy = False
        self.repeated = 0
        self.renamed = 0
        self.skips = Skips()

    def check_ahead(self, limit: int, *, seconds: float = float("inf")) -> None:
        """Finds wrong items before the first query is handed out.

        A list or tuple is checked whole; of anything else the first `limit` items, or those that
        come within `seconds`, at least one, which are held for the next iteration.
        """
        items = self._open()
        if isinstance(items, list | tuple):
            if self._check(items) == 0:
                raise self._empty()
            return
        rest = self._iterate(items)
        until = time.monotonic() + seconds
        held = []
        for item in itertools.islice(rest, max(limit, 1)):
            held.append(item)
            if time.monotonic() > until:
                break
        if self._check(held) == 0:
            after = next(rest, _END)
            if after is _END:
                raise self._empty()
            held.append(after)
        self._ahead = itertools.chain(held, rest)
        self._is_lazy = True

    def size(self) -> int | None:
        """How many items there are, repeated ones included; None where only reading would tell."""
        if self._is_lazy:
            return None
        items = self._open()
        return len(items) if isinstance(items, list | tuple) else None

    def __iter__(self) -> Iterator[Query]:
        ahead, self._ahead = self._ahead, None
        items = self._iterate(self._open()) if ahead is None else ahead
        self.repeated = self.renamed = 0
        names = UniqueNames()
        is_empty = True
        for position, item in enumerate(items, 1):
            read = self._read(item, position)
            if isinstance(read, SkippedItem):
                self.skips.add(read)
                continue
            is_empty = False
            source_id, text, images = read
            if not (text.isascii() and source_id.isascii()):
                source_id, text = without_surrogates(source_id), without_surrogates(text)
            name = names.claim(source_id, text)
            if name is None:
                self.repeated += 1
                continue
            if name is not source_id:
                self.renamed += 1
            yield Query(id=name, text=text, source_id=source_id, images=images)
        if is_empty:
            raise self._empty()

    def _check(self, items: Iterable[Any]) -> int:
        """Reads items from the first on; returns how many of them are queries."""
        count = 0
        for position, item in enumerate(items, 1):
            read = self._read(item, position)
            if isinstance(read, SkippedItem):
                self.skips.add(read)
            else:
                count += 1
        return count

    def _read(self, item: Any, position: int) -> tuple[str, str, tuple[str, ...]] | SkippedItem:
        try:
            return read_item(item, position, self._label)
        except BaseException:
            with self._explaining(position):
                raise

    def _explaining(self, position: int | None = None) -> AbstractContextManager[None]:
        return explaining(
            label=self._label, file=self._file, source=self._source(), position=position
        )

    def _open(self) -> Iterable[Any]:
        with self._explaining():
            items = self._dataset.query_inputs
        if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
            kind = "None" if items is None else f"a value of type {type(items).__name__}"
            raise PluginError(
                f"{self._label}: _load_query_inputs returned {kind}; it must return a list or a "
                'generator of dicts {"id", "sentences"}'
            )
        return items

    def _iterate(self, items: Iterable[Any]) -> Iterator[Any]:
        if isinstance(items, list | tuple):
            return iter(items)
        return self._iterate_foreign(items)

    def _iterate_foreign(self, items: Iterable[Any]) -> Iterator[Any]:
        rest = None
        for position in itertools.count(1):
            try:
                # Not by its truth: an iterator that has a length is false at its end.
                rest = iter(items) if rest is None else rest
                item = next(rest, _END)
            except BaseException:
                with self._explaining(position):
                    raise
            if item is _END:
                return
            yield item

    def _source(self) -> Source:
        return inputs_source(find_file(self._dataset.query_inputs_path, self._dataset.root_folder))

    def _empty(self) -> PluginError:
        source = self._source()
        if self.skips.count:
            place = f" in {source.path}" if source.path else ""
            return PluginError(
                f"{self._label}: no query is left{place}: {self.skips.kept[0]}; "
                f"left out in all: {self.skips.count}"
            )
        place = f" in {source.path}; {source.flag} names another file" if source.path else ""
        return PluginError(f"{self._label}: there is no query{place}")


def select(
    queries: Iterable[Query],
    start: int = 0,
    end: int | None = None,
    *,
    sample: bool = False,
    seed: int | None = None,
) -> Iterator[Query]:
    """The queries from `start` up to, not including, `end`; None or -1 means all that follow.

    With `sample` they are shuffled first; the same seed gives the same order. Every query draws
    a random number and the smallest come first, so only `end` of them are in memory, and a
    larger `end` gives the same queries and more.

    Raises SettingsError, as soon as it is called, if no query is in that range.
    """
    stop = None if end is None or end == _ALL else end
    if start < 0 or (stop is not None and stop <= start):
        raise _out_of_range(start, end, sum(1 for _ in queries))
    ordered = _shuffle(queries, stop, seed) if sample else iter(queries)
    skipped = sum(1 for _ in itertools.islice(ordered, start))
    rest = itertools.islice(ordered, None if stop is None else stop - start)
    first = next(rest, None)
    if first is None:
        raise _out_of_range(start, end, skipped)
    return itertools.chain((first,), rest)


def _shuffle(queries: Iterable[Query], stop: int | None, seed: int | None) -> Iterator[Query]:
    dice = random.Random(seed)  # noqa: S311 - a sample, not a secret
    drawn = ((dice.random(), number, query) for number, query in enumerate(queries))
    chosen = sorted(drawn) if stop is None else heapq.nsmallest(stop, drawn)
    return (query for _, _, query in chosen)


def _out_of_range(start: int, end: int | None, count: int) -> SettingsError:
    upto = "" if end is None else f" --slice_end {end}"
    return SettingsError(
        f"slice out of range: --slice_start {start}{upto} holds none of the {count} queries"
    )
