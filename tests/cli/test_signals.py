"""Ctrl-C once ends a run in order, twice at once; neither loses what was answered."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus.testing import Script, ScriptedServer

NAME = ("--name", "Photos.photos", "--output_dir", "out", "--num_threads", 4)
INTERRUPTED = """
    def user_message(self, query):
        raise KeyboardInterrupt
"""


def wait_for(due: Callable[[], bool]) -> None:
    """Waits until `due` holds, for half a minute at most."""
    until = time.monotonic() + 30
    while not due():
        assert time.monotonic() < until
        time.sleep(0.01)


def answered(folder: Path) -> set[str]:
    """Ids of the queries whose replies stand in the journal."""
    lines = (folder / "journal" / "generate.jsonl").read_bytes().split(b"\n")[:-1]
    return {line["query"] for line in map(orjson.loads, lines) if line["kind"] == "reply"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_keeps_what_is_in_flight(
    desk: Any, server: ScriptedServer, number: signal.Signals
) -> None:
    """Nothing more is asked, replies under way end in the files, and the command goes on later."""
    reach = ("--base_url", server.base_url, "--model", "m")
    desk.photos(40)
    server.play(Script(latency=0.4))
    with desk.spawn(*NAME, *reach) as process:
        wait_for(lambda: server.log.successes >= 4 and server.log.in_flight == 4)
        asked = server.log.requests
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert server.log.requests <= asked + 4
    assert server.log.successes == server.log.requests == len(answered(desk.root / "out"))
    assert number.name in err
    assert "same command" in err
    assert "Traceback" not in err
    assert f"valid     {server.log.successes} " in out
    valid = desk.read("out/valid_output.json")
    assert {record["id"] for record in valid} == answered(desk.root / "out")
    assert (
        desk.read("out/PH_train.json").keys()
        == desk.read("out/PH_instructions.json")["data"].keys()
    )
    assert desk.read("out/run.json")["state"] == "stopped"

    server.play(Script())
    assert desk.call("run", *NAME, *reach).status == 0
    assert server.log.requests == server.log.successes == 40
    assert len(desk.read("out/valid_output.json")) == 120


def test_two_signals_leave_at_once(desk: Any, server: ScriptedServer) -> None:
    """The second Ctrl-C doesn't wait for replies; what was journalled isn't asked again."""
    reach = ("--base_url", server.base_url, "--model", "m")
    desk.photos(40)

    def answer(messages: list[dict[str, Any]], _: object) -> str:
        return f"Question: What?\nAnswer: {messages[-1]['content']}"

    server.play(Script(answer=answer, latency=0.1))
    with desk.spawn(*NAME, *reach) as process:
        wait_for(lambda: server.log.successes >= 6)
        server.play(Script(answer=answer, latency=60))
        wait_for(lambda: server.log.in_flight == 4)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert "once more" in process.stderr.readline()
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        assert time.monotonic() - pressed < 5
    assert process.returncode == 3
    kept = answered(desk.root / "out")
    assert len(kept) == server.log.successes

    server.play(Script(answer=answer))
    before = server.log.requests
    assert desk.call("run", *NAME, *reach).status == 0
    assert server.log.requests - before == 40 - len(kept)
    assert {record["id"] for record in desk.read("out/valid_output.json")} == {
        f"p{number}" for number in range(40)
    }


def test_a_signal_before_the_run_begins(desk: Any, server: ScriptedServer) -> None:
    """Ctrl-C while annotations are read is an early stop too: status 3, no traceback."""
    desk.write("datasets/photos.py", (desk.root / "datasets/photos.py").read_text() + INTERRUPTED)
    done = desk.call("run", *NAME, "--base_url", server.base_url, "--model", "m")
    assert done.status == 3
    assert "Traceback" not in done.err
    assert server.log.requests == 0
