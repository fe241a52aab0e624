"""Sending goes on beside whatever is parsed, checked and read: the loop is never held long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from syphus import AbstractDataset, Syphus
from syphus.pipeline.keeping import Kept, Reading
from syphus.testing import Script, draw_answer
from syphus.testing.translating import read_translation_request
from syphus.translation.checks import check_translation
from tests.pipeline.conftest import Job

if TYPE_CHECKING:
    from tests.pipeline.test_translating import Reply

MOST_SECONDS = 0.02
# A busy neighbour slows a turn down now and then; what the code does it does each time.
TRIES = 3
# Two languages of like letters, and two whose words must be told apart by a detector.
LANGUAGES = "zh,ja,de,es"
PAIRS = 6


def answer(messages: list[dict[str, Any]], body: Reply) -> str:
    """Six pairs of some length to every query, and the server's own translations of them."""
    if read_translation_request(messages[-1]["content"]) is not None:
        return draw_answer(messages, body)
    return "\n\n".join(
        f"Question: What do the {number} people at the pier do with the boats?\n"
        "Answer: They cover all of them for the winter, since the harbour will freeze, "
        f"and then all {number} carry the sails into the shed behind the old lighthouse."
        for number in range(2, 2 + PAIRS)
    )


async def longest_hold(syphus: Syphus) -> tuple[float, int]:
    """Runs; the longest the loop was held while requests were in flight, and how often it turned.

    Seconds of processor that the loop's own thread took: other programs and threads don't count.
    """
    running = asyncio.create_task(syphus.run())
    longest, turns, before = 0.0, 0, time.thread_time()
    while not running.done():
        now = syphus.snapshot()
        counts = now is not None and now.in_flight > 0
        before = time.thread_time()
        await asyncio.sleep(0)
        if counts:
            longest, turns = max(longest, time.thread_time() - before), turns + 1
    assert (await running).exit_status == 0
    return longest, turns


def shortest(measure: Callable[[int], float]) -> float:
    """The least of a few tries, each told its number; the first within the bound is enough."""
    found: list[float] = []
    while len(found) < TRIES and min(found, default=MOST_SECONDS) >= MOST_SECONDS:
        found.append(measure(len(found)))
    return min(found)


@pytest.fixture
def texts(photos: Callable[..., AbstractDataset]) -> Callable[[int], AbstractDataset]:
    """Makes a data set of so many texts."""
    # The detector of languages is loaded by its first text, half a second once a process.
    check_translation("There is a boat at the pier.", "Ein Boot liegt am Steg.", "de")
    return photos


def test_checks_of_translations_do_not_hold_up_sending(
    job: Job, texts: Callable[[int], AbstractDataset]
) -> None:
    """Replies of many texts that come together are checked while others are in flight."""
    job.server.play(Script(answer=answer, latency=0.2))

    def measure(number: int) -> float:
        fresh = replace(job, folder=job.folder / str(number))
        syphus = fresh.syphus(texts(90), languages=LANGUAGES, num_threads=64)
        longest, turns = asyncio.run(longest_hold(syphus))
        assert turns > 50
        return longest

    assert shortest(measure) < MOST_SECONDS


def test_a_resume_does_not_hold_up_sending(
    job: Job, texts: Callable[[int], AbstractDataset]
) -> None:
    """What the journal holds is parsed and checked again while new queries are in flight."""

    def measure(number: int) -> float:
        fresh = replace(job, folder=job.folder / str(number))
        job.server.play(Script(answer=answer))
        fresh.run(texts(60), languages=LANGUAGES)
        job.server.play(Script(answer=answer, latency=0.3))
        longest, turns = asyncio.run(longest_hold(fresh.syphus(texts(70), languages=LANGUAGES)))
        assert turns > 20
        return longest

    assert shortest(measure) < MOST_SECONDS


def test_what_becomes_durable_together_is_read_in_turns() -> None:
    """A hundred outcomes of a millisecond each let others run between them."""
    taken = []

    def take(kept: Kept) -> None:
        until = time.thread_time() + 0.001
        while time.thread_time() < until:
            pass
        taken.append(kept)

    async def read() -> float:
        reading, longest = Reading(take), 0.0
        running = asyncio.create_task(reading.run())
        reading.durable(range(100))  # type: ignore[arg-type]
        while len(taken) < 100:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)
        running.cancel()
        return longest

    def measure(_: int) -> float:
        taken.clear()
        return asyncio.run(read())

    assert shortest(measure) < MOST_SECONDS
