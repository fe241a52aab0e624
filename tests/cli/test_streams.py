"""Where nothing can be told, a run goes on, and its status says what happened to the data."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from syphus.testing import ScriptedServer

COMMAND = (sys.executable, str(Path(__file__).parents[2] / "main.py"))
RUN = ("--name", "Photos.photos", "--output_dir", "out", "--languages", "none", "--model", "m")
REDIRECTIONS = [">/dev/full", "2>/dev/full", ">&-", "2>&-", "<&- >&- 2>&-"]


def redirected(desk: Any, server: ScriptedServer, how: str) -> subprocess.CompletedProcess[str]:
    """The command, run by a shell that redirects its streams."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {how}', "sh", *COMMAND, *RUN, "--base_url", server.base_url],
        cwd=desk.root,
        env=desk.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def replies(desk: Any) -> int:
    """Replies in the journal."""
    return (desk.root / "out/journal/generate.jsonl").read_bytes().count(b'"kind":"reply"')


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
@pytest.mark.parametrize("how", REDIRECTIONS)
def test_a_stream_that_is_full_or_closed(desk: Any, server: ScriptedServer, how: str) -> None:
    """There is something to say; every query is asked, every file written, the status is 0."""
    desk.call("run", *RUN, "--base_url", server.base_url, "--slice_end", 2)
    done = redirected(desk, server, how)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert ("stdout can't be written" in done.stderr) == (how == ">/dev/full")
    assert replies(desk) == server.log.requests == 5
    assert len(desk.read("out/valid_output.json")) == 15
    assert desk.read("out/run.json")["state"] == "finished"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_pipe_that_nobody_reads(desk: Any, server: ScriptedServer, stream: str) -> None:
    """As `| head` leaves it: no word about it, and the status is that of the data."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *RUN, "--base_url", server.base_url],
            cwd=desk.root,
            env=desk.env,
            timeout=60,
            check=False,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing},
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert not (done.stderr or b"").strip()
    assert replies(desk) == 5


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="pipes have one size there")
def test_a_reader_that_has_stopped(desk: Any, server: ScriptedServer) -> None:
    """A pager that shows its first page holds up nothing; what it has no room for is left out."""
    desk.photos(7)
    desk.call("run", *RUN, "--base_url", server.base_url, "--slice_end", 5)
    reading, writing = os.pipe()
    try:
        size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1)
        os.write(writing, b"." * size)
        done = subprocess.run(
            [*COMMAND, *RUN, "--base_url", server.base_url],
            cwd=desk.root,
            env=desk.env,
            stdout=subprocess.PIPE,
            stderr=writing,
            timeout=60,
            check=False,
        )
        assert os.read(reading, 2 * size) == b"." * size
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == 0
    assert b"valid     7 " in done.stdout
    assert replies(desk) == 7


def test_a_folder_that_the_terminal_cannot_write(desk: Any, server: ScriptedServer) -> None:
    """A letter that the encoding lacks is spelled out; the summary is there."""
    reach = ("--base_url", server.base_url, "--model", "m")
    desk.env["PYTHONIOENCODING"] = "ascii"
    done = desk.main("--name", "Photos.photos", "--output_dir", "Fotos_\u00fc", *reach)
    assert done.status == 0, done.err
    assert "valid     5 " in done.out
    assert "Fotos_\\xfc" in done.out


@pytest.mark.parametrize("kind", ["full", "pipe", "folder"])
def test_a_log_that_cannot_be_written(desk: Any, server: ScriptedServer, kind: str) -> None:
    """`run.log` is there to tell: without it the run is the same."""
    log = desk.root / "out" / "run.log"
    log.parent.mkdir()
    if kind == "full":
        log.symlink_to("/dev/full")
    elif kind == "pipe":
        os.mkfifo(log)
    else:
        log.mkdir()
    done = desk.call("run", *RUN, "--base_url", server.base_url)
    assert done.status == 0, done.err
    assert replies(desk) == 5
    assert ("run.log can't be written" in done.err) == (kind != "full")
