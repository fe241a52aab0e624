"""SIGKILL at exact points of a run, and the power cut: each resumes by the same call."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus import Syphus
from syphus.journal.writer import JournalWriter
from syphus.pipeline.keeping import Reading
from syphus.testing import Script, ScriptedServer
from tests.pipeline.eight_photos import STAGES, UNITS, Place, Unit, answer

ROOT = Path(__file__).parents[2]
VICTIM = 4
IMPORTED_LATE = ("bpe_openai", "openai.types", "syphus.backends.chat", "eldc")


# In the process that dies


def die() -> None:
    """Ends this process as nothing can prevent."""
    os.kill(os.getpid(), signal.SIGKILL)


def is_due(writer: Any, line: bytes, unit: Unit, kind: str) -> bool:
    """Whether a line is the one at which to die."""
    stage, photo = unit
    head = line.startswith(b'"kind":"%s"' % kind.encode(), line.index(b'"kind"'))
    return writer._path.stem == stage and head and b'"query":"p%d"' % photo in line


def instead_of(owner: type, name: str, act: Callable[..., Any]) -> None:
    """Puts `act(original, self, ...)` in the place of a method."""
    original = getattr(owner, name)
    setattr(owner, name, lambda self, *rest: act(original, self, *rest))


def die_before_the_note(unit: Unit) -> None:
    """Nothing of the attempt is written, nothing is sent."""

    def note(original: Any, writer: Any, line: bytes) -> bool:
        if is_due(writer, line, unit, "sent"):
            die()
        return bool(original(writer, line))

    instead_of(JournalWriter, "note", note)


def die_before_the_send(unit: Unit) -> None:
    """The attempt is noted, and nothing is sent."""

    def note(original: Any, writer: Any, line: bytes) -> bool:
        written = bool(original(writer, line))
        if is_due(writer, line, unit, "sent"):
            die()
        return written

    instead_of(JournalWriter, "note", note)


def die_before_the_fsync(unit: Unit) -> None:
    """The reply's line is with the kernel and no sync has followed."""

    def append(original: Any, writer: Any, line: bytes, token: Any) -> int:
        offset = int(original(writer, line, token))
        if is_due(writer, line, unit, "reply"):
            die()
        return offset

    instead_of(JournalWriter, "append", append)


def die_after_the_fsync(unit: Unit) -> None:
    """The reply is on the disk, and nobody has read it yet."""

    def durable(original: Any, reading: Any, group: Any) -> None:
        requests = [kept.request for kept in group]
        if any((each.stage, each.query_id) == (unit[0], f"p{unit[1]}") for each in requests):
            die()
        original(reading, group)

    instead_of(Reading, "durable", durable)


def die_in_the_middle_of(kind: str) -> Callable[[Unit], None]:
    """Half of a line is written."""

    def build(unit: Unit) -> None:
        def write(original: Any, writer: Any, line: bytes) -> bool:
            if is_due(writer, line, unit, kind):
                os.write(writer._handle, line[: len(line) // 2])
                die()
            return bool(original(writer, line))

        instead_of(JournalWriter, "_write", write)

    return build


def die_before_file(number: int) -> Callable[[Unit], None]:
    """So many output files are in their places, the next one is written but not put there."""

    def build(_: Unit) -> None:
        left = number

        def replace(original: Any, path: Path, target: Path) -> Path:
            nonlocal left
            if target.name not in ("run.json", "query_input.json"):
                left -= 1
                if left < 0:
                    die()
            return Path(original(path, target))

        instead_of(Path, "replace", replace)

    return build


POINTS: dict[str, Callable[[Unit], None]] = {
    "before the note": die_before_the_note,
    "before the send": die_before_the_send,
    "before the fsync": die_before_the_fsync,
    "after the fsync": die_after_the_fsync,
    "half a note": die_in_the_middle_of("sent"),
    "half a reply": die_in_the_middle_of("reply"),
    "before the first file": die_before_file(0),
    "before the fourth file": die_before_file(3),
}


def live_until(point: str, unit: Unit, root: Path, settings: dict[str, Any]) -> None:
    """The run, in a process of its own, with its end built in."""
    POINTS[point](unit)
    asyncio.run(Syphus(root=root, **settings).run())


# In the process that looks on


@dataclass(frozen=True)
class Left:
    """What stood in the journals after the kill, and what the server had seen of each unit."""

    kept: frozenset[Unit]
    open: frozenset[Unit]
    seen: Counter[Unit]


@dataclass
class Scene(Place):
    """A run that dies and goes on; `calm` are the files of one that nothing happens to."""

    calm: dict[str, bytes] = field(default_factory=dict)

    def kill(self, point: str, unit: Unit) -> Left:
        """Lets the run die at a point that it comes to for `unit`."""
        child = multiprocessing.get_context("forkserver").Process(
            target=live_until, args=(point, unit, self.root, self.settings), daemon=True
        )
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
        child.close()
        return self.look()

    def look(self) -> Left:
        """What is left, once the server has nothing in flight any more."""
        for _ in range(2):  # whatever the dead process had written arrives before this does
            with closing(HTTPConnection("127.0.0.1", self.server.port, timeout=20)) as asking:
                asking.request("GET", "/v1/models")
                asking.getresponse()
            while self.server.log.in_flight:
                time.sleep(0.005)
        return Left(*self.journalled(), self.seen())

    def go_on(self, left: Left) -> Counter[Unit]:
        """The same call again; gives how often each unit's request arrived altogether.

        What holds after any kill: no request whose reply is in the journal is sent again, each
        other one is sent once more, attempts without an end are told and counted, and files are
        those of a run that nothing happened to.
        """
        assert self.run().exit_status == 0
        seen = self.seen()
        assert seen == left.seen + Counter(UNITS - left.kept)
        for stage in STAGES:
            lost = sum(unit[0] == stage for unit in left.open)
            told = f"sent and have no reply: {lost}; they may have been billed"
            assert not lost or told in self.said
        assert ("may have been billed" in self.said) == bool(left.open)
        meta = orjson.loads((self.folder / "meta.json").read_bytes())
        assert meta["perhaps_billed"] == len(left.open)
        assert self.files() == self.calm
        assert not list(self.folder.rglob("*.part"))
        return seen


@pytest.fixture(scope="module", autouse=True)
def _fork_server() -> None:
    """Children are forked from a process that has imported all this already."""
    multiprocessing.get_context("forkserver").set_forkserver_preload([__name__, *IMPORTED_LATE])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver.ensure_running()


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run that nothing happens to."""
    with ScriptedServer(Script(answer=answer)) as server:
        place = Place(tmp_path_factory.mktemp("calm"), server)
        assert place.run().exit_status == 0
    return place.files()


@pytest.fixture
def scene(tmp_path: Path, calm: dict[str, bytes]) -> Iterator[Scene]:
    """A run at a server that takes a moment."""
    with ScriptedServer(Script(answer=answer, latency=(0.005, 0.03))) as server:
        yield Scene(tmp_path, server, calm=calm)


@pytest.fixture(params=STAGES)
def unit(request: pytest.FixtureRequest) -> Unit:
    """The request at which a run dies, in either stage."""
    return request.param, VICTIM


def test_killed_before_an_attempt_is_noted(scene: Scene, unit: Unit) -> None:
    """Nothing was sent, so nothing is said of it, and it is asked once."""
    left = scene.kill("before the note", unit)
    assert unit not in left.seen
    assert unit not in left.open
    assert scene.go_on(left)[unit] == 1


def test_killed_before_a_send(scene: Scene, unit: Unit) -> None:
    """Nobody can know that the request didn't leave: it counts as perhaps billed, and is sent."""
    left = scene.kill("before the send", unit)
    assert unit not in left.seen
    assert unit in left.open
    assert scene.go_on(left)[unit] == 1


def test_killed_after_a_reply_and_before_its_fsync(scene: Scene, unit: Unit) -> None:
    """The kernel has the line, so the process's death loses nothing: it is not sent again."""
    left = scene.kill("before the fsync", unit)
    assert unit in left.kept
    assert scene.go_on(left)[unit] == 1


@pytest.mark.parametrize("bytes_left", [0, 1, 300])
def test_a_power_cut_before_the_fsync(scene: Scene, unit: Unit, bytes_left: int) -> None:
    """A line that the disk never got, or not all of: told as perhaps billed and sent again."""
    scene.kill("before the fsync", unit)
    journal = scene.journal(unit[0])
    lines = journal.read_bytes().splitlines(keepends=True)
    assert b'"kind":"reply"' in lines[-1]
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:bytes_left])
    left = scene.look()
    assert unit in left.open
    assert scene.go_on(left)[unit] == 2
    assert (f"{bytes_left} bytes of an unfinished line were cut off" in scene.said) == (
        bytes_left > 0
    )


def test_a_power_cut_that_took_the_note_too(scene: Scene, unit: Unit) -> None:
    """A note isn't synced: if it went with its reply, the request is sent again and not told."""
    scene.kill("before the fsync", unit)
    journal = scene.journal(unit[0])
    lines = journal.read_bytes().splitlines(keepends=True)
    noted = next(at for at, line in enumerate(lines) if b'"query":"p4"' in line)
    journal.write_bytes(b"".join(lines[:noted]))
    left = scene.look()
    assert unit not in left.kept | left.open
    assert scene.go_on(left)[unit] == 2


def test_killed_after_the_fsync(scene: Scene, unit: Unit) -> None:
    """What is on the disk is never asked again, though nobody had read it."""
    left = scene.kill("after the fsync", unit)
    assert unit in left.kept
    assert scene.go_on(left)[unit] == 1


def test_killed_in_the_middle_of_a_reply(scene: Scene, unit: Unit) -> None:
    """Half a line is cut off and said; its request was sent, so it may have been billed."""
    left = scene.kill("half a reply", unit)
    torn = scene.journal(unit[0]).read_bytes().split(b"\n")[-1]
    assert torn
    assert unit in left.open
    assert scene.go_on(left)[unit] == 2
    assert f"{len(torn)} bytes of an unfinished line were cut off" in scene.said


def test_killed_in_the_middle_of_a_note(scene: Scene, unit: Unit) -> None:
    """Half a note is cut off and said; the send that it announced was never made."""
    left = scene.kill("half a note", unit)
    torn = scene.journal(unit[0]).read_bytes().split(b"\n")[-1]
    assert torn
    assert unit not in left.open
    assert scene.go_on(left)[unit] == 1
    assert f"{len(torn)} bytes of an unfinished line were cut off" in scene.said


@pytest.mark.parametrize("point", ["before the first file", "before the fourth file"])
def test_killed_while_files_are_put_in_place(scene: Scene, point: str) -> None:
    """Every reply is in the journal: nothing is sent, and all files are written."""
    left = scene.kill(point, ("generate", VICTIM))
    assert list(scene.folder.glob(".*.part"))
    assert len(left.kept) == len(UNITS)
    scene.go_on(left)
