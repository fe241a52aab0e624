"""The floor: aiohttp and uvloop post the bodies in a straight line, and keep nothing."""

from __future__ import annotations

import asyncio
from itertools import repeat

import aiohttp
import orjson
import uvloop
from task import Task, read_task


async def ask_all(task: Task) -> None:
    """One worker for each place in flight; all draw from the same questions."""
    texts = task.texts()
    head, tail = task.head.encode(), task.tail.encode()
    url = f"{task.url}/chat/completions"
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=task.in_flight),
        headers={"Content-Type": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:

        async def work() -> None:
            for text in texts:
                body = b"".join((head, orjson.dumps(text), tail))
                async with session.post(url, data=body) as response:
                    await response.read()

        await asyncio.gather(*(each() for each in repeat(work, task.in_flight)))


if __name__ == "__main__":
    uvloop.run(ask_all(read_task()))
