"""The OpenAI SDK: AsyncOpenAI behind a semaphore, a line for each reply."""

from __future__ import annotations

import asyncio
import json

import httpx2
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from task import Task, read_task


async def ask_all(task: Task) -> None:
    """One task a question, as many at once as the semaphore lets through."""
    places = asyncio.Semaphore(task.in_flight)
    # Left alone it opens a thousand connections at most.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with AsyncOpenAI(
        base_url=task.url, api_key="none", http_client=DefaultAsyncHttpxClient(limits=limits)
    ) as client:
        with task.results.open("w", encoding="utf-8") as results:

            async def ask(number: int, text: str) -> None:
                async with places:
                    completion = await client.chat.completions.create(
                        model=task.model,
                        messages=task.messages(text),  # type: ignore[arg-type]  # plain dicts
                        max_tokens=task.max_tokens,
                        temperature=task.temperature,
                    )
                answer = completion.choices[0].message.content
                results.write(json.dumps({"id": number, "answer": answer}) + "\n")

            async with asyncio.TaskGroup() as group:
                for number, text in enumerate(task.texts()):
                    group.create_task(ask(number, text))


if __name__ == "__main__":
    asyncio.run(ask_all(read_task()))
