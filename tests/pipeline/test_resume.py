"""A run that is killed again and again loses nothing and pays for nothing twice."""

from __future__ import annotations

import asyncio
import hashlib
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from syphus import Syphus
from syphus.core.identity import canonical_json
from syphus.testing import Script, ScriptedServer
from tests.pipeline.command import started

ROOT = Path(__file__).parents[2]
QUERIES = 500
KILLS = 10
THREADS = 8
PROSE = "I would rather tell a story about the sea."
PLUGIN = f"""
from syphus import AbstractDataset

class Photos(AbstractDataset):
    short = "PH"

    def _load_query_inputs(self):
        for number in range({QUERIES}):
            yield {{"id": f"p{{number % 400}}", "sentences": f"Photo number {{number}}."}}

    def _load_prefix(self):
        return {{"system_message": "Write pairs about the photo."}}
"""


@dataclass
class Listener:
    """Answers by the messages alone, and knows which query and turn each server key stands for.

    Every seventh query gets prose first, so that there are correcting turns to be killed in.
    """

    turns: dict[str, tuple[str, int]] = field(default_factory=dict)

    def answer(self, messages: list[dict[str, Any]], _: object) -> str:
        asked, turn = messages[1]["content"], len(messages) // 2 - 1
        self.turns[hashlib.sha256(canonical_json(messages)).hexdigest()] = (asked, turn)
        number = int(asked.removeprefix("Photo number ").rstrip("."))
        if number % 7 == 0 and turn == 0:
            return PROSE
        return f"Question: What is photo {number}?\nAnswer: {asked} Turn {turn}."

    def seen(self, server: ScriptedServer) -> dict[tuple[str, int], int]:
        """How often each query's turn arrived at the server."""
        queries = server.log.queries()
        return {self.turns[one.key]: one.seen for one in queries if one.key in self.turns}


def journalled(folder: Path, texts: dict[str, str]) -> set[tuple[str, int]]:
    """The queries and turns whose replies stand in the journal as whole lines."""
    journal = folder / "journal" / "generate.jsonl"
    whole = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    lines = map(orjson.loads, whole)
    return {(texts[line["query"]], line["turn"]) for line in lines if line["kind"] == "reply"}


def kill_when(process: subprocess.Popen[bytes], due: Callable[[], bool], *, after: float) -> None:
    """Kills the process some seconds after `due` holds, or after it ended by itself."""
    until = time.monotonic() + 20
    while not due() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()


def outputs(folder: Path) -> dict[str, bytes]:
    """The output files, without the moment at which the run began."""
    names = ["query_input", "valid_output", "invalid_output", "error_messages", "PH_train"]
    files = {name: (folder / f"{name}.json").read_bytes() for name in names}
    instructions = orjson.loads((folder / "PH_instructions.json").read_bytes())
    del instructions["meta"]["time"]
    files["PH_instructions"] = orjson.dumps(instructions)
    return files


def test_ten_kills_lose_nothing_and_ask_nothing_twice(
    tmp_path: Path, untranslated: dict[str, str]
) -> None:
    """After SIGKILL at ten moments there is one result a query, as if nothing had happened.

    The moments are drawn: so many requests after the start, and some milliseconds more; one comes
    when the last reply is out and the files are being written.
    """
    dice = random.Random(20)  # noqa: S311 - moments, not secrets
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "photos.py").write_text(PLUGIN)
    killed, calm = tmp_path / "killed", tmp_path / "calm"
    names = [f"p{n}" if n < 400 else f"p{n - 400}#2" for n in range(QUERIES)]
    texts = {name: f"Photo number {number}." for number, name in enumerate(names)}
    turns = QUERIES + len(range(0, QUERIES, 7))

    listener = Listener()
    kept_before: list[tuple[set[tuple[str, int]], dict[tuple[str, int], int]]] = []
    settings: dict[str, Any] = {"name": "Photos.photos", "model": "m", **untranslated}
    with ScriptedServer(Script(answer=listener.answer, latency=(0.005, 0.04))) as server:
        mine = {"base_url": server.base_url, "output_dir": killed, "num_threads": THREADS}
        for number in range(KILLS):
            asked = server.log.requests + dice.randrange(0, 110)
            last = number == KILLS - 1

            def due(asked: int = asked, *, last: bool = last) -> bool:
                log = server.log
                return len(journalled(killed, texts)) == turns if last else log.requests >= asked

            with started(tmp_path, settings | mine) as process:
                kill_when(process, due, after=dice.uniform(0, 0.03))
            while server.log.in_flight:
                time.sleep(0.002)
            kept_before.append((journalled(killed, texts), listener.seen(server)))
        with started(tmp_path, settings | mine) as process:
            process.communicate(timeout=60)
            assert process.returncode == 0
        in_the_end = listener.seen(server)

    for kept, seen in kept_before:
        assert {turn: in_the_end[turn] for turn in kept} == {turn: seen[turn] for turn in kept}
    assert len(in_the_end) == turns
    assert sum(in_the_end.values()) <= turns + KILLS * THREADS
    assert len(kept_before[0][0]) < len(kept_before[-1][0]) == turns

    with ScriptedServer(Script(answer=Listener().answer)) as server:
        other = {"base_url": server.base_url, "output_dir": calm, "num_threads": 64}
        run = Syphus(root=tmp_path, **settings | other).run()
        assert asyncio.run(run).exit_status == 0
    assert outputs(killed) == outputs(calm)
    assert not list(killed.rglob("*.part"))
    results = orjson.loads(outputs(killed)["valid_output"])
    assert [record["id"] for record in results] == names
    sums = [orjson.loads((folder / "meta.json").read_bytes()) for folder in (killed, calm)]
    same = ("prompt_tokens", "completion_tokens", "valid_outputs", "total_examples")
    assert [sums[0][name] for name in same] == [sums[1][name] for name in same]
