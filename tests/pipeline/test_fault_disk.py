"""Disks that flip bits, fill up, lose syncs or can't be written; each run goes on afterwards."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus.cli.app import run_app
from syphus.core.errors import JournalDamaged, JournalError, JournalWriteFailed, SettingsError
from syphus.journal.format import _seal, is_whole
from syphus.journal.writer import JournalWriter
from syphus.testing import Script, ScriptedServer
from tests.core.test_durable import fill_the_disk
from tests.pipeline.eight_photos import STAGES, THREADS, UNITS, Place, answer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder to run in, and a server that answers at once."""
    with ScriptedServer(Script(answer=answer)) as server:
        yield Place(tmp_path, server)


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> str:
    """The stage whose journal is struck."""
    return str(request.param)


@pytest.fixture
def finished(place: Place) -> Place:
    """A run that has come to its end."""
    assert place.run().exit_status == 0
    return place


def everything_in(folder: Path) -> dict[Path, bytes]:
    """Every file but the log."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if path.name != "run.log"}


def check_refused(place: Place, capsys: pytest.CaptureFixture[str], *words: str) -> None:
    """Both ways to call it are refused, in one line with `words`; nothing is sent or changed."""
    before, asked = everything_in(place.folder), place.server.log.requests
    capsys.readouterr()
    assert run_app(["run", *place.command], root=place.root) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(word in said for word in words)
    assert everything_in(place.folder) == before
    assert place.server.log.requests == asked


# Bits and bytes


def test_a_flipped_bit_is_refused_and_told_where(
    finished: Place, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2 with the line's offset and nothing touched; cut there, as it says, it goes on."""
    journal = finished.journal(stage)
    files, lines = finished.files(), journal.read_bytes().splitlines(keepends=True)
    number = len(lines) // 2
    offset = sum(map(len, lines[:number]))
    for bit in (3, 8 * 45, 8 * 120 + 5, 8 * len(lines[number]) - 8 * 5, 8 * len(lines[number]) - 1):
        damaged = bytearray(b"".join(lines))
        damaged[offset + bit // 8] ^= 1 << bit % 8
        journal.write_bytes(damaged)
        with pytest.raises(JournalDamaged) as caught:
            finished.run()
        assert caught.value.offset == offset
        check_refused(finished, capsys, f"byte {offset}:", f"truncate -s {offset} ")
    os.truncate(journal, offset)
    kept, _ = finished.journalled()
    before = finished.seen()
    assert finished.run().exit_status == 0
    assert finished.seen() == before + Counter(UNITS - kept)
    assert finished.files() == files


def test_a_journal_of_another_version_is_refused(
    finished: Place, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sound line of a kind that isn't known: status 2, nothing sent, nothing cut off."""
    journal = finished.journal(stage)
    size = journal.stat().st_size
    with journal.open("ab") as file:
        file.write(_seal(f"{7:032x}", "paused", '"for":"the night"'))  # type: ignore[arg-type]
    with pytest.raises(JournalError, match="another version"):
        finished.run()
    check_refused(finished, capsys, "another version", f"byte {size},", "--output_dir")


def test_the_last_reply_cut_short_is_asked_again_alone(finished: Place, stage: str) -> None:
    """However much of the line is left; the bytes cut off are told, all else is kept.

    `tests/journal/test_journal_damage.py` cuts at every byte.
    """
    journal = finished.journal(stage)
    files, lines = finished.files(), journal.read_bytes().splitlines(keepends=True)
    assert b'"kind":"reply"' in lines[-1]
    unit = (stage, int(orjson.loads(lines[-1])["query"].removeprefix("p")))
    size = len(lines[-1])
    for left in (0, 1, 12, 41, 60, size // 2, size - 17, size - 3, size - 2):
        journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:left])
        before = finished.seen()
        assert finished.run().exit_status == 0
        assert finished.seen() == before + Counter([unit])
        assert (f"{left} bytes of an unfinished line were cut off" in finished.said) == (left > 0)
        assert "sent and have no reply: 1;" in finished.said
        assert finished.files() == files
        assert all(map(is_whole, journal.read_bytes().splitlines(keepends=True)))


def test_the_last_newline_alone_costs_nothing(finished: Place, stage: str) -> None:
    """A last line that lacks only its end is whole: nothing is asked, nothing is told lost."""
    journal = finished.journal(stage)
    files, content = finished.files(), journal.read_bytes()
    journal.write_bytes(content[:-1])
    before = finished.server.log.requests
    assert finished.run().exit_status == 0
    assert finished.server.log.requests == before
    assert "cut off" not in finished.said
    assert finished.files() == files
    assert journal.read_bytes() == content


# A disk that is full


@pytest.fixture
def fill(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int], Callable[[int], None]]:
    """Gives a file so many bytes of room; what it returns changes that."""

    def start(path: Path, room: int) -> Callable[[int], None]:
        real_write = os.write

        def write(handle: int, data: bytes) -> int:
            facts = os.fstat(handle)
            if not path.exists() or facts.st_ino != path.stat().st_ino:
                return real_write(handle, data)
            left = room - facts.st_size
            if left <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real_write(handle, data[:left])

        def change(new: int) -> None:
            nonlocal room
            room = new

        monkeypatch.setattr("syphus.journal.writer.os.write", write)
        return change

    return start


@pytest.mark.parametrize("room", [900, 1500, 1501, 2222, 3000])
def test_a_full_disk_stops_the_sending(
    place: Place, stage: str, room: int, fill: Callable[..., Any]
) -> None:
    """What is in flight is awaited, status 3, no half line; the same call goes on.

    Replies that the disk had no room for are told as perhaps billed.
    """
    change = fill(place.journal(stage), room)
    place.server.play(Script(answer=answer, latency=(0.005, 0.03)))
    outcome = place.run()
    assert outcome.exit_status == 3
    assert "the disk is full" in str(outcome.stopped_by)
    assert place.server.log.requests == place.server.log.successes
    assert all(map(is_whole, place.journal(stage).read_bytes().splitlines(keepends=True)))
    kept, lost = place.journalled()
    seen = place.seen()
    assert set(seen) == kept | lost
    assert 0 < len(lost) <= THREADS + 1

    change(1 << 30)
    assert place.run().exit_status == 0
    assert place.seen() == seen + Counter(UNITS - kept)
    for each in STAGES:
        count = sum(unit[0] == each for unit in lost)
        assert not count or f"sent and have no reply: {count};" in place.said
    assert orjson.loads((place.folder / "meta.json").read_bytes())["perhaps_billed"] == len(lost)


def test_a_disk_that_has_room_again_loses_no_reply(
    place: Place, stage: str, fill: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replies wait in memory while the disk is full, and are written before the run ends."""
    change = fill(place.journal(stage), 1500)
    close = JournalWriter.close

    def close_with_room(writer: JournalWriter[Any]) -> None:
        change(1 << 30)
        close(writer)

    monkeypatch.setattr(JournalWriter, "close", close_with_room)
    place.server.play(Script(answer=answer, latency=(0.005, 0.03)))
    assert place.run().exit_status == 3
    kept, lost = place.journalled()
    assert lost == frozenset()
    assert set(place.seen()) == kept
    assert place.run().exit_status == 0
    assert place.seen() == Counter(UNITS)


def test_a_limit_of_the_system_is_a_full_disk(place: Place) -> None:
    """As a process, with the kernel's own refusal of any file that grows past four kilobytes."""
    command = [sys.executable, str(ROOT / "main.py"), *place.command, "--no_progress"]
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 8 && exec "$@"', "sh", *command],
        cwd=place.root,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    assert place.server.log.requests == place.server.log.successes
    seen, (kept, _) = place.seen(), place.journalled()
    assert kept
    assert place.run().exit_status == 0
    assert place.seen() == seen + Counter(UNITS - kept)


@pytest.mark.parametrize("name", ["run.json", "valid_output.json"])
def test_the_file_that_had_no_room_is_told(
    finished: Place, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the file and what to do, status 3: the kernel's own words name no file."""
    fill_the_disk(monkeypatch, name)
    assert run_app(["run", *finished.command, "--no_progress"], root=finished.root) == 3
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("syphus: ")
    assert f"{finished.folder / name}" in said
    assert "No space left on device" in said
    assert "the same command" in said


# A disk that fails


def test_a_failed_sync_is_never_tried_again(
    place: Place, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends at once; what the journal holds afterwards isn't asked again."""
    failures: list[int] = []
    place.server.play(Script(answer=answer, latency=0.1))

    def sync(handle: int) -> None:
        if os.fstat(handle).st_ino == place.journal(stage).stat().st_ino:
            failures.append(handle)
            raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setitem(JournalWriter.__init__.__kwdefaults__, "sync", sync)
        with pytest.raises(JournalWriteFailed, match=f"can't sync .*{stage}"):
            place.run()
    assert len(failures) == 1
    while place.server.log.in_flight:
        time.sleep(0.005)
    kept, _ = place.journalled()
    seen = place.seen()
    assert seen < Counter(UNITS)
    assert place.run().exit_status == 0
    assert place.seen() == seen + Counter(UNITS - kept)


def test_a_failed_sync_is_an_early_stop(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 3, one line, no traceback."""

    def sync(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setitem(JournalWriter.__init__.__kwdefaults__, "sync", sync)
    assert run_app(["run", *place.command, "--no_progress"], root=place.root) == 3
    said = capsys.readouterr().err.splitlines()
    assert "can't sync" in said[-1]
    assert "same command" in said[-1]
    assert not any("Traceback" in line for line in said)


@pytest.mark.parametrize(
    ("call", "number"),
    [("os.fsync", errno.EIO), ("tempfile.mkstemp", errno.EROFS), ("tempfile.mkstemp", 28)],
)
def test_files_that_cannot_be_written_cost_no_reply(
    finished: Place, call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files before stay as they were, a sync isn't tried again, and nothing is asked anew."""
    files, calls = finished.files(), 0
    module, name = call.split(".")
    real = getattr(sys.modules[module], name)

    def fail(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        where = named.get("prefix") or Path(f"/proc/self/fd/{arguments[0]}").readlink()
        if ".valid_output.json." not in str(where):
            return real(*arguments, **named)
        calls += 1
        raise OSError(number, os.strerror(number))

    finished.server.play(Script(answer="never asked"))
    before = finished.server.log.requests
    with monkeypatch.context() as patch:
        patch.setattr(f"syphus.core.durable.{call}", fail)
        with pytest.raises(Exception, match="the same command writes them") as caught:
            finished.run()
    assert os.strerror(number) in str(caught.value)
    assert calls == 1
    assert finished.files() == files
    assert finished.run().exit_status == 0
    assert finished.server.log.requests == before
    assert finished.files() == files


@pytest.mark.parametrize("part", ["", "journal"])
def test_a_folder_that_cannot_be_written_is_refused(
    finished: Place, part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found before anything is sent, in the run's folder and in the journal's: status 2."""
    folder, touch = finished.folder / part, Path.touch

    def refuse(path: Path, *arguments: Any, **named: Any) -> None:
        if path.parent == folder:
            raise OSError(errno.EROFS, "Read-only file system")
        touch(path, *arguments, **named)

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(SettingsError, match="Read-only"):
        finished.run()
    check_refused(finished, capsys, f"--output_dir {finished.folder}:", "Read-only file system")


# Another process


def test_a_second_process_is_refused_and_harms_nothing(place: Place) -> None:
    """The second one ends with status 2 and sends nothing; the first one ends as it would have."""
    place.server.play(Script(answer=answer, latency=0.15))
    outcomes: list[Any] = []
    first = threading.Thread(target=lambda: outcomes.append(place.run()))
    first.start()
    while not place.server.log.requests:
        time.sleep(0.005)
    place.server.pause()
    second = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *place.command],
        cwd=place.root,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert first.is_alive()
    place.server.resume()
    first.join()
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "another process" in second.stderr
    assert str(place.folder) in second.stderr
    assert outcomes[0].exit_status == 0
    assert place.seen() == Counter(UNITS)
    for stage in STAGES:
        lines = place.journal(stage).read_bytes().splitlines(keepends=True)
        assert all(map(is_whole, lines))
        assert len(lines) == 2 * len(UNITS) // len(STAGES)
