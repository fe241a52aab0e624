"""A run that is killed while it translates pays for no translation twice and loses none."""

from __future__ import annotations

import hashlib
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus.core.identity import canonical_json
from syphus.core.languages import TARGETS
from syphus.testing import Script, ScriptedServer, draw_answer
from syphus.testing.translating import read_translation_request
from tests.pipeline.command import started

ROOT = Path(__file__).parents[2]
QUERIES = 120
KILLS = 5
THREADS = 8
FEW, MANY = 2, 7
PLUGIN = """
from syphus import AbstractDataset

class Photos(AbstractDataset):
    short = "PH"

    def _load_query_inputs(self):
        for number in range(%d):
            yield {"id": f"p{number}", "sentences": f"Photo number {number}."}

    def _load_prefix(self):
        return {"system_message": "Write pairs about the photo."}
"""
ASKED = re.compile(r"What is thing (\d+) of photo (\d+)")

Unit = tuple[int, int, str, bool]


def pairs_of(photo: int) -> int:
    """How many pairs a photo has: some need two requests for their translations."""
    return MANY if photo % 6 == 0 else FEW


def is_awkward(photo: int) -> bool:
    """Whether the first Korean translation of a photo's first pair is wrong."""
    return photo % 5 == 0


UNITS = sum(pairs_of(photo) * len(TARGETS) + is_awkward(photo) for photo in range(QUERIES))


@dataclass
class Listener:
    """Answers by the messages alone, and knows what each of the server's keys stands for.

    A unit is a photo, a pair of it, a language, and whether it was asked again.
    """

    units: dict[str, list[Unit]] = field(default_factory=dict)

    def answer(self, messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        text = messages[-1]["content"]
        request = read_translation_request(text)
        if request is None:
            photo = int(text.removeprefix("Photo number ").rstrip("."))
            return "\n\n".join(
                f"Question: What is thing {pair} of photo {photo}?\n"
                f"Answer: It is a wooden bench beside a narrow path, seen from place {pair}."
                for pair in range(1, pairs_of(photo) + 1)
            )
        reply = orjson.loads(draw_answer(messages, body))
        units: list[Unit] = []
        for place, asked in request["pairs"].items():
            pair, photo = map(int, ASKED.match(asked["instruction"]).groups())
            again = "rejected" in request
            units += [(photo, pair, code, again) for code in request["languages"]]
            if is_awkward(photo) and pair == 1 and not again and "ko" in reply[place]["answer"]:
                reply[place]["answer"]["ko"] = asked["answer"]
        self.units[hashlib.sha256(canonical_json(messages)).hexdigest()] = units
        return orjson.dumps(reply).decode()

    def seen(self, server: ScriptedServer) -> Counter[Unit]:
        """How often each unit arrived at the server."""
        counts: Counter[Unit] = Counter()
        for query in server.log.queries():
            for unit in self.units.get(query.key, ()):
                counts[unit] += query.seen
        return counts


def lines_of(folder: Path, stage: str) -> list[dict[str, Any]]:
    """The whole lines of a journal that hold replies."""
    journal = folder / "journal" / f"{stage}.jsonl"
    whole = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return [line for line in map(orjson.loads, whole) if line["kind"] == "reply"]


def journalled(folder: Path) -> set[Unit]:
    """The units whose replies stand in the journal."""
    return {
        (int(line["query"].removeprefix("p")), pair, code, line["turn"] > 0)
        for line in lines_of(folder, "translate")
        for pair in line["pairs"]
        for code in line["languages"]
    }


def wait_for(process: subprocess.Popen[bytes], due: Callable[[], bool]) -> None:
    """Waits until `due` holds or the process has ended, for 20 seconds at most."""
    until = time.monotonic() + 20
    while not due() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)


def finish(root: Path, settings: dict[str, Any]) -> None:
    """Runs the command to its end, which must be a good one."""
    with started(root, settings) as process:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()


def outputs(folder: Path) -> dict[str, Any]:
    """Every output file, without what tells of times."""
    files = {path.name: orjson.loads(path.read_bytes()) for path in folder.glob("*.json")}
    del files["run.json"]
    for name in files:
        if "_instructions" in name:
            del files[name]["meta"]["time"]
    # Attempts that were killed may have been billed a second time.
    del files["meta.json"]["time"], files["meta.json"]["perhaps_billed"]
    return files


def units_of(photos: int) -> set[Unit]:
    """All that has to be asked about so many photos, the first time."""
    return {
        (photo, pair, code, False)
        for photo in range(photos)
        for pair in range(1, pairs_of(photo) + 1)
        for code in TARGETS
    }


@pytest.fixture
def place(tmp_path: Path) -> Callable[[int], Path]:
    """A working folder with a plugin of so many photos."""

    def make(photos: int) -> Path:
        (tmp_path / "datasets").mkdir()
        (tmp_path / "datasets" / "photos.py").write_text(PLUGIN % photos)
        return tmp_path

    return make


def test_kills_lose_no_translation_and_pay_for_none_twice(place: Callable[[int], Path]) -> None:
    """After SIGKILL at five moments all files are those of a run that nothing happened to.

    The moments are drawn; the last comes when every reply is out and the files are being written.
    """
    dice = random.Random(3)  # noqa: S311 - moments, not secrets
    root = place(QUERIES)
    killed, calm = root / "killed", root / "calm"
    listener = Listener()
    settings: dict[str, Any] = {"name": "Photos.photos", "model": "m", "languages": "all"}
    kept_before: list[tuple[set[Unit], Counter[Unit]]] = []
    with ScriptedServer(Script(answer=listener.answer, latency=(0.01, 0.05))) as server:
        mine = {"base_url": server.base_url, "output_dir": killed, "num_threads": THREADS}
        for number in range(KILLS):
            asked = server.log.requests + dice.randrange(25, 75)
            last = number == KILLS - 1

            least = UNITS if last else min(UNITS, 1 + len(journalled(killed)))

            def due(asked: int = asked, least: int = least, *, last: bool = last) -> bool:
                is_far = last or server.log.requests >= asked
                return is_far and len(journalled(killed)) >= least

            with started(root, settings | mine) as process:
                wait_for(process, due)
                time.sleep(dice.uniform(0, 0.03))
                process.send_signal(signal.SIGKILL)
                process.wait()
            while server.log.in_flight:
                time.sleep(0.002)
            kept_before.append((journalled(killed), listener.seen(server)))
        finish(root, settings | mine)
        in_the_end = listener.seen(server)

    for kept, seen in kept_before:
        assert {unit: in_the_end[unit] for unit in kept} == {unit: seen[unit] for unit in kept}
    assert 0 < len(kept_before[0][0]) < len(kept_before[1][0]) < len(kept_before[-1][0]) == UNITS
    assert {unit for unit in in_the_end if not unit[3]} == units_of(QUERIES)
    assert len(in_the_end) == UNITS
    together = 5 * len(TARGETS)
    assert sum(in_the_end.values()) <= UNITS + KILLS * THREADS * together

    with ScriptedServer(Script(answer=Listener().answer)) as server:
        other = {"base_url": server.base_url, "output_dir": calm, "num_threads": 64}
        finish(root, settings | other)
    assert outputs(killed) == outputs(calm)
    english = outputs(killed)["PH_instructions.json"]["data"]
    assert len(english) == sum(map(pairs_of, range(QUERIES)))
    for code in TARGETS:
        assert list(outputs(killed)[f"PH_instructions_{code}.json"]["data"]) == list(english)
    assert not list(killed.rglob("*.part"))


def test_one_signal_writes_what_is_translated(place: Callable[[int], Path]) -> None:
    """Ctrl-C: status 3, every file in order, coverage as the files have it; then it goes on."""
    root, photos = place(60), 60
    folder = root / "out"
    listener = Listener()
    with ScriptedServer(Script(answer=listener.answer, latency=0.04)) as server:
        settings: dict[str, Any] = {
            "name": "Photos.photos",
            "model": "m",
            "base_url": server.base_url,
            "output_dir": folder,
            "num_threads": 4,
            "languages": "all",
        }
        with started(root, settings) as process:
            wait_for(process, lambda: len(lines_of(folder, "translate")) >= 8)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 3, err.decode()
        assert server.log.successes == server.log.requests
        kept, seen = journalled(folder), listener.seen(server)
        assert 0 < len(kept) < len(units_of(photos))
        check_stopped(folder, kept)
        before = {path.name for path in folder.glob("PH_*.json")}
        finish(root, settings)
        in_the_end = listener.seen(server)
    assert {unit: in_the_end[unit] for unit in kept} == {unit: seen[unit] for unit in kept}
    assert {path.name for path in folder.glob("PH_*.json")} == before
    english = outputs(folder)["PH_instructions.json"]["data"]
    for code in TARGETS:
        assert list(outputs(folder)[f"PH_instructions_{code}.json"]["data"]) == list(english)
    assert outputs(folder)["translation_errors.json"] == []


def check_stopped(folder: Path, kept: set[Unit]) -> None:
    """What a run that was stopped leaves: all English, and each translation that was paid for."""
    files = outputs(folder)
    english = files["PH_instructions.json"]["data"]
    answered = {line["query"] for line in lines_of(folder, "generate")}
    assert len(english) == sum(pairs_of(int(name.removeprefix("p"))) for name in answered)
    for code in TARGETS:
        found = files[f"PH_instructions_{code}.json"]["data"]
        good = {
            (photo, pair)
            for photo, pair, language, again in kept
            if language == code
            and (again or not (code == "ko" and pair == 1 and is_awkward(photo)))
        }
        assert len(found) == len(good)
        assert found.keys() <= english.keys()
        assert all(each in found for entry in found.values() for each in entry["rel_ins_ids"])
        coverage = files["meta.json"]["translations"][code]
        assert coverage["translated"] == len(found)
        assert coverage["missing"] == len(english) - len(found)
