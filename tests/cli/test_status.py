"""`syphus status RUN` and `syphus datasets`."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from syphus.testing import Fault, Script, ScriptedServer

NAME = ("--name", "Photos.photos")


def wait_for(due: Callable[[], bool]) -> None:
    """Waits until `due` holds, for half a minute at most."""
    until = time.monotonic() + 30
    while not due():
        assert time.monotonic() < until
        time.sleep(0.01)


def reach(server: ScriptedServer) -> tuple[object, ...]:
    """The flags that lead to the server, and a short name for the folder."""
    return ("--base_url", server.base_url, "--model", "m", "--output_dir", "out")


def test_the_status_of_a_finished_run(desk: Any, server: ScriptedServer) -> None:
    """How many are done and valid, tokens and the model, in words and as JSON."""
    server.play(Script(faults=[Fault("bad_request", containing="number 2")]))
    assert desk.call("run", *NAME, *reach(server)).status == 4
    done = desk.call("status", "out")
    assert done.status == 0
    assert "finished" in done.out
    assert "5 of 5" in done.out
    assert "same command" not in done.out
    facts = json.loads(desk.call("status", "out", "--json").out)
    assert facts["state"] == "finished"
    assert facts["model"] == "m"
    counts = facts["counts"]
    assert (counts["valid"], counts["invalid"], counts["failed"]) == (4, 0, 1)
    assert counts["prompt_tokens"] == desk.read("out/meta.json")["prompt_tokens"]


def test_the_status_tells_how_much_is_translated(desk: Any) -> None:
    """A line a language, also for one that lacks all: a run may be finished without them."""
    desk.photos(1)
    with ScriptedServer() as server:
        assert desk.call("run", *NAME, *reach(server)).status == 0
    facts = desk.read("out/run.json")
    facts["counts"]["translated"] = {"zh": 3, "de": 0}
    desk.write("out/run.json", facts)
    shown = desk.call("status", "out").out
    assert "in zh     3 pairs\nin de     0 pairs\ntokens" in shown
    facts["state"] = "running"
    desk.write("out/run.json", facts)
    assert "in zh     at least 3 pairs\n" in desk.call("status", "out").out


def test_the_status_of_a_stopped_run(desk: Any, server: ScriptedServer) -> None:
    """It says why the run stopped, how far it came, and how to go on."""
    server.play(Script(faults=[Fault("insufficient_quota", after=2)]))
    assert desk.call("run", *NAME, *reach(server), "--num_threads", 1).status == 3
    done = desk.call("status", "out")
    assert "stopped" in done.out
    assert "2 of 5" in done.out
    assert "429" in done.out
    assert "same command" in done.out
    facts = json.loads(desk.call("status", "out", "--json").out)
    assert facts["state"] == "stopped"
    assert "429" in facts["stopped_by"]


def test_the_status_of_a_running_and_of_a_killed_run(desk: Any, server: ScriptedServer) -> None:
    """A run is running as long as its process holds it; afterwards it was killed."""
    server.play(Script(latency=30))
    with desk.spawn(*NAME, *reach(server)) as process:
        until = time.monotonic() + 20
        while server.log.in_flight < 5 and time.monotonic() < until:
            time.sleep(0.01)
        assert json.loads(desk.call("status", "out", "--json").out)["state"] == "running"
        assert "same command" not in desk.call("status", "out").out
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = desk.call("status", "out")
    assert done.status == 0
    assert "killed" in done.out
    assert "same command" in done.out
    assert json.loads(desk.call("status", "out", "--json").out)["state"] == "killed"


def test_the_status_of_a_run_that_has_just_begun(desk: Any, server: ScriptedServer) -> None:
    """How many queries there are, and what is answered, long before the first ten seconds end."""
    server.play(Script(faults=[Fault("stall", after=3)]))
    with desk.spawn(*NAME, *reach(server), "--num_threads", 5) as process:
        wait_for(lambda: "3 of 5" in desk.call("status", "out").out)
        assert desk.read("out/run.json")["seconds"] < 9
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_status_of_a_killed_run_is_that_of_its_journal(
    desk: Any, server: ScriptedServer, how: signal.Signals
) -> None:
    """Two Ctrl-Cs in the first seconds, before the run's file told of any reply: all are told."""
    desk.photos(40)
    desk.write(
        "d.toml",
        f"""
        [[deployments]]
        base_url = "{server.base_url}"
        model = "m"
        price = {{ prompt = 1000, completion = 1000 }}
        """,
    )
    command = (*NAME, "--config", "d.toml", "--output_dir", "out", "--num_threads", 4)
    journal = desk.root / "out/journal/generate.jsonl"
    script = Script(faults=[Fault("bad_request", containing="number 3.")], latency=0.02)
    server.play(script)
    with desk.spawn(*command) as process:
        wait_for(lambda: server.log.successes >= 12)
        server.play(Script(latency=60))
        wait_for(lambda: server.log.in_flight == 4)
        time.sleep(0.3)
        process.send_signal(how)
        if how == signal.SIGINT:
            assert "once more" in process.stderr.readline()
            process.send_signal(how)
        process.wait(timeout=20)
    lines = [json.loads(line) for line in journal.read_bytes().splitlines()]
    replies = [line for line in lines if line["kind"] == "reply"]
    ended = {line["query"] for line in lines if line["kind"] in ("reply", "failed")}
    assert len(ended) >= 13
    done = desk.call("status", "out")
    assert f"answered  {len(ended)} of 40\n" in done.out
    cost = sum(line["cost"] for line in replies)
    assert f"cost      ${cost:.4f}, at the end ${cost * 40 / len(ended):.4f}\n" in done.out
    counts = json.loads(desk.call("status", "out", "--json").out)["counts"]
    assert counts["answered"] == len(ended)
    assert counts["prompt_tokens"] == sum(line["usage"][0] for line in replies)

    server.play(Script(latency=60))
    desk.write("d.toml", (desk.root / "d.toml").read_text().replace('"m"', '"other"'))
    with desk.spawn(*command) as process:
        wait_for(lambda: server.log.in_flight == 4)
        process.kill()
        process.wait(timeout=20)
    assert "answered  0 of 40\n" in desk.call("status", "out").out


def test_asking_for_the_status_disturbs_no_run(desk: Any, server: ScriptedServer) -> None:
    """A run that is looked at goes on, and one that begins meanwhile isn't refused."""
    assert desk.call("run", *NAME, *reach(server)).status == 0
    before = desk.read("out/run.json")
    for _ in range(3):
        desk.call("status", "out")
    assert desk.read("out/run.json") == before
    assert desk.call("run", *NAME, *reach(server)).status == 0


def test_the_status_of_no_run(desk: Any) -> None:
    """A folder without a run, a file, and nothing at all give one line and status 2."""
    desk.write("broken/run.json", "{")
    desk.write("foreign/run.json", {"scripts": {}})
    for path in ("datasets", "photos.json", "nowhere", "broken", "foreign"):
        done = desk.call("status", path)
        assert done.status == 2
        assert done.out == ""
        assert done.err.count("\n") == 1
        assert path in done.err


def test_the_data_sets_are_listed(desk: Any) -> None:
    """Every plugin with its first line, and a broken one with what is wrong with it."""
    desk.write("datasets/broken.py", "import nothing_of_that_name\n")
    desk.write("datasets/_private.py", "raise RuntimeError\n")
    done = desk.call("datasets")
    assert done.status == 0
    (good,) = [line for line in done.out.splitlines() if line.startswith("Photos.photos")]
    assert good.endswith("Photos with a caption.")
    (broken,) = [line for line in done.out.splitlines() if line.startswith("broken")]
    assert "nothing_of_that_name" in broken
    assert "private" not in done.out


def test_no_data_sets(desk: Any) -> None:
    """An empty folder is said on stderr, with its path."""
    for file in (desk.root / "datasets").iterdir():
        file.unlink()
    done = desk.call("datasets")
    assert done.out == ""
    assert "datasets" in done.err


def test_the_status_tells_what_the_whole_run_will_cost(desk: Any, server: ScriptedServer) -> None:
    """What is paid so far, and in proportion what all will; at the end only the sum."""
    desk.write(
        "d.toml",
        f"""
        [[deployments]]
        base_url = "{server.base_url}"
        model = "m"
        price = {{ prompt = 1000, completion = 1000 }}
        """,
    )
    arguments = ("run", *NAME, "--config", "d.toml", "--output_dir", "out", "--num_threads", 1)
    server.play(Script(faults=[Fault("insufficient_quota", after=2)]))
    assert desk.call(*arguments).status == 3
    cost = desk.read("out/run.json")["counts"]["cost"]
    assert cost > 0
    line = f"cost      ${cost:.4f}, at the end ${cost * 5 / 2:.4f}\n"
    assert line in desk.call("status", "out").out
    server.play(Script())
    assert desk.call(*arguments).status == 0
    assert "at the end" not in desk.call("status", "out").out
