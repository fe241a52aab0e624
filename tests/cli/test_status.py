"""`syphus status RUN` and `syphus datasets`."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

from syphus.testing import Fault, Script, ScriptedServer

NAME = ("--name", "Photos.photos")


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
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = desk.call("status", "out")
    assert done.status == 0
    assert "killed" in done.out
    assert "same command" in done.out
    assert json.loads(desk.call("status", "out", "--json").out)["state"] == "killed"


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
