"""Work that blocks, such as syncing 200 MB, done beside the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def off_loop(act: Callable[[], T]) -> T:
    """What `act` gives, from a thread. Where the caller is cancelled, `act` is waited for.

    So nothing is still written when whoever was cancelled closes or removes a file.
    """
    work = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise
