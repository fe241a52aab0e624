"""A wall clock that jumps: limits, waits and seconds go by the monotonic one."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Self

import orjson
import pytest

from syphus.backends.chat import ChatBackend
from syphus.testing import Script, ScriptedServer
from tests.pipeline.eight_photos import STAGES, UNITS, Place, answer, lines_of

DAY = 86400.0
PER_MINUTE = 600
REAL_TIME = time.time


class Wall:
    """A wall clock `shift` seconds off, and, `restless`, a century either way at each look."""

    def __init__(self) -> None:
        self.shift = 0.0
        self.restless = False
        self.looks = 0
        self._dice = random.Random(8)  # noqa: S311 - moments, not secrets

    def time(self) -> float:
        self.looks += 1
        if self.restless:
            self.shift = self._dice.uniform(-50, 50) * 365 * DAY
        return REAL_TIME() + self.shift


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """The clock that `time.time` and `datetime.now` show."""
    wall = Wall()

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(wall.time(), tz)

    monkeypatch.setattr(time, "time", wall.time)
    monkeypatch.setattr("syphus.pipeline.run_facts.datetime", Now)
    monkeypatch.setitem(ChatBackend.__init__.__kwdefaults__, "wall_clock", wall.time)
    return wall


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder to run in, and a server that takes a moment."""
    with ScriptedServer(Script(answer=answer, latency=(0.005, 0.03))) as server:
        yield Place(tmp_path, server)


@pytest.fixture
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run whose clock is right."""
    with ScriptedServer(Script(answer=answer)) as server:
        place = Place(tmp_path_factory.mktemp("calm"), server)
        assert place.run().exit_status == 0
    return place.files()


def seconds_of(place: Place) -> float:
    """How long all sittings took, as `meta.json` says."""
    meta = orjson.loads((place.folder / "meta.json").read_bytes())
    return float(meta["time"])


def check_times(place: Place) -> None:
    """No reply came before it was asked for, and a run takes less than a minute."""
    latencies = [
        line["latency"]
        for stage in STAGES
        for line in lines_of(place.folder, stage)
        if line["kind"] == "reply"
    ]
    assert len(latencies) == len(UNITS)
    assert all(0 < latency < 60 for latency in latencies)
    assert 0 < seconds_of(place) < 60


def test_a_clock_that_jumps_in_mid_run_changes_nothing(
    calm: dict[str, bytes], place: Place, wall: Wall
) -> None:
    """A century forwards, a century back, at every look: nothing is lost, nothing asked twice."""
    wall.restless = True
    assert place.run().exit_status == 0
    assert wall.looks > len(UNITS)
    assert place.seen() == Counter(UNITS)
    assert place.files() == calm
    check_times(place)


@pytest.mark.parametrize("jump", [-400 * DAY, 400 * DAY])
def test_a_clock_that_jumps_between_sittings_changes_nothing(
    calm: dict[str, bytes], place: Place, wall: Wall, jump: float
) -> None:
    """The second sitting goes on with what the first one, a year later or earlier, has left."""
    first = place.run_until(5)
    assert first.exit_status == 3
    before, began = seconds_of(place), started_of(place)
    assert before > 0
    wall.shift = jump
    assert place.run().exit_status == 0
    assert place.seen() == Counter(UNITS)
    assert place.files() == calm
    assert seconds_of(place) > before
    assert started_of(place) == began
    check_times(place)


def started_of(place: Place) -> tuple[str, str]:
    """When the run began, in `run.json` and in the head of the instructions."""
    run = orjson.loads((place.folder / "run.json").read_bytes())
    head = orjson.loads((place.folder / "PH_instructions.json").read_bytes())["meta"]
    return run["started"], head["time"]


def test_limits_go_by_the_monotonic_clock(place: Place, wall: Wall) -> None:
    """A day back neither stops the sending, nor does a day forwards let it go too fast."""
    wall.restless = True
    place.server.play(Script(answer=answer))
    place.more = {"rpm": PER_MINUTE, "num_threads": 16}

    async def go() -> Any:
        async with asyncio.timeout(30):
            return await place.begin().run()

    assert asyncio.run(go()).exit_status == 0
    log = place.server.log
    assert log.first_arrival is not None
    assert log.last_arrival is not None
    # The first second's share may go out at once; half of the rest allows for a machine that waits.
    least = (len(UNITS) - PER_MINUTE / 60) / (PER_MINUTE / 60)
    assert log.last_arrival - log.first_arrival > least / 2
    assert wall.looks > 0


def test_the_moments_in_the_files_are_those_of_the_clock(place: Place, wall: Wall) -> None:
    """What the tests above turn is the clock that a run shows."""
    wall.shift = -10_000 * DAY
    assert place.run().exit_status == 0
    began = datetime.fromisoformat(started_of(place)[0])
    assert abs(began.timestamp() - wall.time()) < 60
    assert began.tzinfo == UTC
    noted = [line["time"] for line in lines_of(place.folder, "generate") if "time" in line]
    assert all(abs(moment - wall.time()) < 60 for moment in noted)
