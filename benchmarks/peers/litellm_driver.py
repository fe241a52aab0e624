"""LiteLLM: acompletion behind a semaphore, a line for each reply."""

from __future__ import annotations

import os

# Read when litellm is imported: prices and model facts from the package, nothing sent home.
os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}

import asyncio
import json

import litellm
from task import Task, read_task


async def ask_all(task: Task) -> None:
    """One task a question, as many at once as the semaphore lets through."""
    places = asyncio.Semaphore(task.in_flight)
    with task.results.open("w", encoding="utf-8") as results:

        async def ask(number: int, text: str) -> None:
            async with places:
                completion = await litellm.acompletion(
                    model=f"openai/{task.model}",
                    messages=task.messages(text),
                    max_tokens=task.max_tokens,
                    temperature=task.temperature,
                    api_base=task.url,
                    api_key="none",
                )
            answer = completion.choices[0].message.content
            results.write(json.dumps({"id": number, "answer": answer}) + "\n")

        async with asyncio.TaskGroup() as group:
            for number, text in enumerate(task.texts()):
                group.create_task(ask(number, text))


if __name__ == "__main__":
    litellm.telemetry = False
    asyncio.run(ask_all(read_task()))
