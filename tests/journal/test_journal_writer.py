"""Appending to a journal on a disk that may fail."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from syphus.core.errors import JournalInUse, JournalWriteFailed
from syphus.journal.format import encode_not_billed
from syphus.journal.lock import run_lock
from syphus.journal.reader import read_index
from syphus.journal.writer import JournalWriter
from tests.journal.conftest import request


def line(number: int) -> bytes:
    """One line."""
    return encode_not_billed(request("q", f"{number:032x}"))


class Disk:
    """Counts syncs and remembers what was told to be durable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.syncs = 0
        self.durable: list[int] = []
        self.refusals: list[JournalWriteFailed] = []
        self.fails = False

    def sync(self, _handle: int) -> None:
        self.syncs += 1
        if self.fails:
            raise OSError(errno.EIO, "Input/output error")

    def note(self, tokens: Sequence[int]) -> None:
        self.durable += tokens

    def writer(self, size: int = 0) -> JournalWriter[int]:
        return JournalWriter(
            self.path,
            size=size,
            on_durable=self.note,
            on_refused=self.refusals.append,
            sync=self.sync,
        )


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A journal's file."""
    return Disk(tmp_path / "j.jsonl")


def run_with(writer: JournalWriter[int], body: Callable[[], Any]) -> None:
    """Runs a writer around `body`."""

    async def go() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.run())
            result = body()
            if asyncio.iscoroutine(result):
                await result
            writer.close_when_synced()

    asyncio.run(go())


def test_bytes_are_with_the_kernel_before_append_returns(disk: Disk) -> None:
    """A process killed in the next instruction loses nothing: the file has the line already."""

    async def go() -> None:
        writer = disk.writer()
        writer.append(line(1), 1)
        assert disk.path.read_bytes() == line(1)
        assert disk.durable == []
        writer.close()

    asyncio.run(go())


def test_nothing_counts_as_durable_before_its_sync(disk: Disk) -> None:
    """Tokens come after a sync, in the order of their lines, each once."""
    seen: list[tuple[int, list[int]]] = []

    async def go() -> None:
        writer = disk.writer()
        disk.note = lambda tokens: seen.append((disk.syncs, list(tokens)))  # type: ignore[method-assign]
        writer = disk.writer()
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.run())
            for number in range(300):
                writer.append(line(number), number)
            await asyncio.sleep(0)
            writer.close_when_synced()
        writer.close()

    asyncio.run(go())
    assert [token for _, group in seen for token in group] == list(range(300))
    assert all(syncs >= position for position, (syncs, _) in enumerate(seen, start=1))


def test_offsets_lead_back_to_the_lines(disk: Disk) -> None:
    """What `append` returns is where the line begins."""

    async def go() -> None:
        writer = disk.writer()
        offsets = [writer.append(line(number), number) for number in range(3)]
        writer.close()
        content = disk.path.read_bytes()
        assert [content[at : at + len(line(0))] for at in offsets] == [line(n) for n in range(3)]

    asyncio.run(go())


def test_a_torn_end_is_cut_off_before_anything_is_added(disk: Disk) -> None:
    """A journal whose last line was never finished goes on as if it had not begun."""
    disk.path.write_bytes(line(1) + line(2)[:20])

    async def go() -> None:
        writer = disk.writer(read_index(disk.path).whole_bytes)
        writer.append(line(3), 3)
        writer.close()

    asyncio.run(go())
    assert disk.path.read_bytes() == line(1) + line(3)


def test_a_whole_line_that_lost_its_newline_gets_it_back(disk: Disk) -> None:
    """Cut at the very last byte, a line is still whole and stays."""
    disk.path.write_bytes(line(1)[:-1])

    async def go() -> None:
        writer = disk.writer(read_index(disk.path).whole_bytes)
        writer.append(line(2), 2)
        writer.close()

    asyncio.run(go())
    assert disk.path.read_bytes() == line(1) + line(2)


def test_a_full_disk_refuses_whole_lines_and_keeps_them(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that doesn't fit leaves no half behind, isn't durable, and is written once it fits."""
    room = len(line(1)) + 10
    real_write = os.write

    def write(handle: int, data: bytes) -> int:
        left = room - os.fstat(handle).st_size
        if left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(handle, data[:left])

    def body() -> None:
        nonlocal room
        writer.append(line(1), 1)
        writer.append(line(2), 2)
        assert not writer.note(line(3))
        assert disk.path.read_bytes() == line(1)
        assert "disk is full" in str(disk.refusals[0])
        room = 1 << 20
        writer.append(line(4), 4)

    monkeypatch.setattr("syphus.journal.writer.os.write", write)
    writer = disk.writer()
    run_with(writer, body)
    writer.close()
    assert disk.path.read_bytes() == line(1) + line(2) + line(4)
    assert disk.durable == [1, 2, 4]


def test_a_disk_that_refuses_all_calls_keeps_the_lines_and_leaves_no_half(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half line that can't be cut off at once is cut off before the next one."""
    writer = disk.writer()
    writer.append(line(1), 1)
    real_write, is_half = os.write, True

    def write(handle: int, data: bytes) -> int:
        nonlocal is_half
        if not is_half:
            raise OSError(errno.EROFS, "Read-only file system")
        is_half = False
        return real_write(handle, data[:10])

    def truncate(_handle: int, _size: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as broken:
        broken.setattr("syphus.journal.writer.os.write", write)
        broken.setattr("syphus.journal.writer.os.ftruncate", truncate)
        writer.append(line(2), 2)
        assert not writer.note(line(3))
    assert "Read-only" in str(disk.refusals[0])
    run_with(writer, lambda: writer.append(line(4), 4))
    writer.close()
    assert disk.path.read_bytes() == line(1) + line(2) + line(4)
    assert disk.durable == [1, 2, 4]


def test_where_there_is_no_fdatasync_there_is_fsync() -> None:
    """As on macOS: the journal can be imported."""
    program = "import os\nvars(os).pop('fdatasync', None)\nimport syphus.journal.writer"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_failed_sync_ends_the_run_and_is_never_tried_again(disk: Disk) -> None:
    """After a failed sync nobody knows what the disk holds, so nothing is told to be durable."""
    disk.fails = True
    writer = disk.writer()
    with pytest.raises(ExceptionGroup) as caught:
        run_with(writer, lambda: writer.append(line(1), 1))
    writer.close()
    assert caught.group_contains(JournalWriteFailed, match="can't sync")
    assert (disk.syncs, disk.durable) == (1, [])


def test_two_processes_cannot_work_on_one_run(tmp_path: Path) -> None:
    """The lock is the process's: another one is refused, and gets it when the first has ended."""
    holder = (
        "import sys\nfrom pathlib import Path\nfrom syphus.journal.lock import run_lock\n"
        "with run_lock(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(JournalInUse, match="another process"), run_lock(tmp_path):
            pass
        other.kill()
        other.wait()
    with run_lock(tmp_path):
        pass
