"""Files don't depend on the order of replies, nor on whether and how a run was interrupted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus.testing import Fault, Script, ScriptedServer, draw_answer
from syphus.testing.translating import read_translation_request
from tests.pipeline.eight_photos import files_of

QUERIES = 36
LANGUAGES = "de,ja"
PROSE = "I would rather tell a story about the sea."
UNHAPPY = ("number 11.", "number 23.")
LATENCIES = ((0.0, 0.02), (0.0, 0.002), (0.005, 0.006))


def items() -> list[dict[str, str]]:
    """Some ids come again with another text, one query comes twice, one has no text."""
    found = [
        {"id": f"p{number % 30}", "sentences": f"Photo number {number}."}
        for number in range(QUERIES)
    ]
    return [*found, found[3], {"id": "empty", "sentences": " "}]


def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
    """By the messages alone: pairs, or prose at first or always; wrong translations likewise."""
    text = messages[-1]["content"]
    request = read_translation_request(text)
    if request is not None:
        return translate(request, messages, body)
    turn, number = len(messages), int(messages[3]["content"].split()[-1][:-1])
    if number % 9 == 0 or (number % 5 == 0 and turn == 4):
        return PROSE
    return "\n\n".join(
        f"Question: What is thing {pair} of photo {number}?\n"
        f"Answer: It is a wooden bench beside a narrow path, seen from place {pair}."
        for pair in range(1, 2 + number % 7)
    )


def translate(request: dict[str, Any], messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
    """A German answer is a copy at first where a photo's number ends in 4, always where in 7."""
    reply = orjson.loads(draw_answer(messages, body))
    for place, pair in request["pairs"].items():
        mark = pair["instruction"][-2]
        again = "de" in request.get("rejected", {}).get(place, {})
        if "de" in reply[place]["answer"] and (mark == "7" or (mark == "4" and not again)):
            reply[place]["answer"]["de"] = pair["answer"]
    return orjson.dumps(reply).decode()


@dataclass
class Course:
    """One folder, one server of two deployments, and dice that decide what happens."""

    server: ScriptedServer
    make: Callable[..., Any]
    dice: random.Random

    def play(self) -> None:
        """Other latencies from now on."""
        refuse = [Fault("bad_request", containing=word) for word in UNHAPPY]
        latency = self.dice.choice(LATENCIES)
        self.server.play(Script(answer=answer, latency=latency, faults=refuse))

    def sit(self, num_threads: int | None = None) -> Any:
        """A run, not yet begun, with another number of threads and another share of the work."""
        widths = [self.dice.randint(1, 16) for _ in range(2)]
        entries = [
            {"name": name, "base_url": self.server.base_url, "model": "m", "max_in_flight": width}
            for name, width in zip("ab", widths, strict=True)
        ]
        return self.make(
            base_url=None,
            deployments=entries,
            languages=LANGUAGES,
            num_threads=num_threads or self.dice.choice([1, 3, 8, 32]),
        )

    def finish(self, num_threads: int | None = None) -> int:
        """A sitting to its end."""
        self.play()
        status: int = asyncio.run(self.sit(num_threads).run()).exit_status
        return status

    def interrupt(self, folder: Path) -> None:
        """A sitting that ends early: by a stop, by the death of its loop, or by a power cut."""
        self.play()
        asked = self.server.log.requests + self.dice.randrange(1, 40)
        how = self.dice.choice(["stop", "die", "cut"])

        async def go() -> None:
            run = self.sit()
            running = asyncio.create_task(run.run())
            while self.server.log.requests < asked and not running.done():  # noqa: ASYNC110 - a thread's
                await asyncio.sleep(0.001)
            if how == "stop":
                run.stop()
            else:
                running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        asyncio.run(go())
        if how == "cut":
            for journal in (folder / "journal").glob("*.jsonl"):
                size = journal.stat().st_size
                with journal.open("r+b") as file:
                    file.truncate(max(0, size - self.dice.randrange(3000)))


@pytest.fixture
def course(photos: Callable[..., Any]) -> Callable[[Any, int], Course]:
    """What happens to a job by the dice of a seed."""
    return lambda job, seed: Course(
        job.server,
        lambda **settings: job.syphus(photos(items()), **settings),
        random.Random(seed),  # noqa: S311 - moments, not secrets
    )


@pytest.fixture
def calm(another: Any, course: Callable[..., Course]) -> dict[str, bytes]:
    """The files of a run that asks one request after another."""
    assert course(another, 0).finish(num_threads=1) == 4
    return files_of(another.folder)


def test_the_calm_run_has_something_of_everything(calm: dict[str, bytes]) -> None:
    """Valid, invalid, failed and empty queries, asked again, and translations that were refused."""
    files = {name: orjson.loads(content) for name, content in calm.items() if name != "meta.json"}
    assert {"p3#2", "p5"} <= {record["id"] for record in files["valid_output.json"]}
    assert {record["id"] for record in files["invalid_output.json"]} == {"p0", "p9", "p18", "p27"}
    failed = {record["id"] for record in files["error_messages.json"]}
    assert failed == {"p11", "p23", "empty"}
    english = files["PH_instructions.json"]["data"]
    assert len(files["PH_instructions_ja.json"]["data"]) == len(english)
    assert 0 < len(files["PH_instructions_de.json"]["data"]) < len(english)
    assert files["translation_errors.json"]


@pytest.mark.parametrize("seed", range(3))
def test_files_do_not_depend_on_the_order_of_replies(
    job: Any, course: Callable[..., Course], calm: dict[str, bytes], seed: int
) -> None:
    """Whatever overtakes what at two deployments: the same bytes as one request after another."""
    assert course(job, seed).finish() == 4
    assert files_of(job.folder) == calm


@pytest.mark.parametrize("seed", range(3, 8))
def test_files_do_not_depend_on_interruptions(
    job: Any, course: Callable[..., Course], calm: dict[str, bytes], seed: int
) -> None:
    """Ended early several times, each time at another moment and in another way."""
    what_happens = course(job, seed)
    for _ in range(4):
        what_happens.interrupt(job.folder)
    assert what_happens.finish() == 4
    assert files_of(job.folder) == calm
    assert what_happens.finish() == 4
    assert files_of(job.folder) == calm
