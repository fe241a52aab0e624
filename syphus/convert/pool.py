"""Work done by several threads and handed back in the order in which it was given."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

Given = TypeVar("Given")
Result = TypeVar("Result")
_AHEAD = 3


def in_order(
    work: Callable[[Given], Result], items: Iterable[Given], *, threads: int
) -> Generator[tuple[Given, Result]]:
    """Each item with what `work` makes of it; `items` is read three times `threads` ahead.

    Closing the generator starts nothing more and waits for what is under way.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="convert")
    under_way: deque[tuple[Given, Future[Result]]] = deque()
    try:
        for item in items:
            under_way.append((item, pool.submit(work, item)))
            if len(under_way) >= _AHEAD * threads:
                given, future = under_way.popleft()
                yield given, future.result()
        while under_way:
            given, future = under_way.popleft()
            yield given, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
