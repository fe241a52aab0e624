"""A scripted server, a dataset of texts, and runs of it in one folder."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus import AbstractDataset, Syphus
from syphus.core.records import Query
from syphus.engine.lane import Lane
from syphus.pipeline.outcome import Outcome
from syphus.prompting import tokens
from syphus.testing import Script, ScriptedServer
from tests.pipeline.judge_clerk import QUERIES, Clerk

PROMPT = {
    "system_message": "Write pairs about the photo.",
    "in_context": [
        {"role": "user", "content": "A boat on a lake."},
        {"role": "assistant", "content": "Question: What is it?\nAnswer: A boat."},
    ],
}
NO_TRANSLATION = {"languages": "none"}
OUTPUTS = (
    "query_input.json",
    "valid_output.json",
    "invalid_output.json",
    "error_messages.json",
    "PH_instructions.json",
    "PH_train.json",
)


@dataclass(frozen=True)
class Sitting:
    """One run of the command, and what it sent."""

    outcome: Outcome
    requests: int
    notices: list[str]

    @property
    def said(self) -> str:
        """All notices as one text."""
        return "\n".join(self.notices)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Valid, invalid and failed queries."""
        now = self.outcome.snapshot
        return now.valid, now.invalid, now.failed


@dataclass
class Job:
    """Runs in one folder against one server; a sitting after another resumes it."""

    server: ScriptedServer
    folder: Path
    notices: list[str] = field(default_factory=list)

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def syphus(self, dataset: AbstractDataset, **settings: Any) -> Syphus:
        """The run, not yet begun."""
        told = {"base_url": self.server.base_url, "model": "m", "num_threads": 8}
        told |= NO_TRANSLATION | settings
        return Syphus(dataset=dataset, output_dir=self.folder, observer=self, **told)

    def run(self, dataset: AbstractDataset, **settings: Any) -> Sitting:
        """Runs once, from its plan to its files."""
        before, self.notices = self.server.log.requests, []
        outcome = asyncio.run(self.syphus(dataset, **settings).run())
        return Sitting(outcome, self.server.log.requests - before, self.notices)

    def read(self, name: str) -> Any:
        """The JSON in one of the run's files."""
        return orjson.loads((self.folder / name).read_bytes())

    def pairs_of(self, query_id: str) -> list[tuple[str, str]]:
        """The valid pairs of one query."""
        found = self.read("valid_output.json")
        return [(one["question"], one["answer"]) for one in found if one["id"] == query_id]

    @property
    def journal(self) -> Path:
        """The journal of the first stage."""
        return self.folder / "journal" / "generate.jsonl"

    def outputs(self) -> dict[str, bytes]:
        """The output files, but for the moment at which the run began."""
        files = {name: (self.folder / name).read_bytes() for name in OUTPUTS}
        head = orjson.dumps(self.read("PH_instructions.json")["meta"]["time"])
        files["PH_instructions.json"] = files["PH_instructions.json"].replace(head, b"", 1)
        return files


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward by so many `skipped` seconds."""

    skipped = 0.0

    def time(self) -> float:
        return super().time() + self.skipped


@dataclass
class HurriedJob(Job):
    """Runs that skip waits: while nothing is in flight, the clock is put forward.

    `skipped` are the seconds by which that was done in the last sitting.
    """

    skipped: float = 0.0

    def run(self, dataset: AbstractDataset, **settings: Any) -> Sitting:
        before, self.notices = self.server.log.requests, []
        outcome = self.in_loop(self.hurry(self.syphus(dataset, **settings)))
        return Sitting(outcome, self.server.log.requests - before, self.notices)

    def in_loop(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        """Does `work`, in which there is a `hurry`, in a loop whose clock can be put forward."""
        with asyncio.Runner(loop_factory=SkippingLoop) as runner:
            return runner.run(work)

    async def hurry(self, syphus: Syphus) -> Outcome:
        """Runs to the end, without waiting where nobody is asked."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SkippingLoop)
        running = asyncio.create_task(syphus.run())
        while not running.done():
            await asyncio.sleep(0.002)
            now = syphus.snapshot()
            if now is not None and now.waiting and not now.in_flight:
                loop.skipped += 1
        self.skipped = loop.skipped
        return await running


load_vocabulary_once = functools.cache(tokens._load_vocabulary)


@pytest.fixture(autouse=True)
def clean_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No endpoint, key or `.env` file of the machine reaches a test, and no import outlives it.

    The vocabulary, a sixth of a second, is loaded once for all runs.
    """
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "AZURE_OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tokens, "_load_vocabulary", load_vocabulary_once)
    path = sys.path.copy()
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name.startswith("_syphus_dataset_")]:
        del sys.modules[name]


@pytest.fixture
def untranslated() -> dict[str, str]:
    """Settings of a run that has only its first stage."""
    return dict(NO_TRANSLATION)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers three pairs at once."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def job(server: ScriptedServer, tmp_path: Path) -> Job:
    """A folder to run in."""
    return Job(server, tmp_path / "out")


@pytest.fixture
def hurried(server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HurriedJob:
    """The same folder to run in, without the waits between tries."""
    defaults = Lane.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "clock", lambda: asyncio.get_running_loop().time())
    return HurriedJob(server, tmp_path / "out")


@pytest.fixture
def another(server: ScriptedServer, tmp_path: Path) -> Job:
    """Another folder at the same server."""
    return Job(server, tmp_path / "other")


@pytest.fixture
def photos() -> Callable[..., AbstractDataset]:
    """Makes a dataset of so many texts, of texts by id, of items, or of a generator's items.

    Further arguments become its attributes and methods.
    """

    def make(texts: Any, **attributes: Any) -> AbstractDataset:
        items = texts
        if isinstance(texts, int):
            items = [{"id": f"p{at}", "sentences": f"Photo number {at}."} for at in range(texts)]
        elif isinstance(texts, dict):
            items = [{"id": name, "sentences": text} for name, text in texts.items()]
        members = {
            "short": "PH",
            "_load_query_inputs": lambda _: items() if callable(items) else items,
            "_load_prefix": lambda _: PROMPT,
        }
        plugin = type("Photos", (AbstractDataset,), {**members, **attributes})
        return plugin("photos")

    return make


@pytest.fixture
def by_text() -> Callable[[dict[str, Any]], Script]:
    """A script whose answers are chosen by a word of the query.

    A list is answered one after the other, as the turns of the conversation go on.
    """

    def make(answers: dict[str, Any], **script: Any) -> Script:
        def answer(messages: list[dict[str, Any]], _body: dict[str, Any]) -> str:
            asked = messages[1 + len(PROMPT["in_context"]) :]
            found = next(
                (text for word, text in answers.items() if word in asked[0]["content"]),
                "Question: What?\nAnswer: That.",
            )
            return found if isinstance(found, str) else found[len(asked) // 2]

        return Script(answer=answer, **script)

    return make


@pytest.fixture
def album() -> Callable[..., AbstractDataset]:
    """Makes a data set of queries by id, each with the images that it sends."""

    def make(images: dict[str, Sequence[Any]], *, text: str = "Look.") -> AbstractDataset:
        class Album(AbstractDataset):
            short = "PH"

            def _load_query_inputs(self, _: Any) -> Any:
                return [{"id": name, "sentences": text and f"{text} {name}"} for name in images]

            def _load_prefix(self, _: Any) -> Any:
                return {"system_message": "Write pairs.", "in_context": []}

            def sent_images(self, query: Query) -> Any:
                return images[query.source_id]

        return Album("album")

    return make


@pytest.fixture
def clerk(server: Any) -> Clerk:
    """At the server: it writes pairs, judges and translates."""
    made = Clerk()
    server.play(Script(answer=made))
    return made


@pytest.fixture
def sit(clerk: Clerk, photos: Callable[..., AbstractDataset]) -> Callable[..., Any]:
    """A sitting of a job, with a judge."""
    assert not clerk.judged
    return lambda job, **settings: job.run(photos(QUERIES), **{"judge": True, **settings})
