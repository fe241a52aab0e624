"""Runs by batches from the command line: what they cost, show, and how they are cancelled."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from syphus.testing import Batches, RouteFault, Script, ScriptedServer

NAME = ("--name", "Photos.photos")
FOLDER = ("--output_dir", "out")


def reach(server: ScriptedServer) -> tuple[object, ...]:
    """The flags of a run by batches at the server."""
    return ("--base_url", server.base_url, "--model", "m", "--backend", "batch", "--poll_seconds")


def wait_for(due: Callable[[], bool]) -> None:
    """Waits until `due` holds, for half a minute at most."""
    until = time.monotonic() + 30
    while not due():
        assert time.monotonic() < until
        time.sleep(0.01)


def start_and_stop(
    desk: Any, server: ScriptedServer, *, looks: int, flags: tuple[object, ...] | None = None
) -> str:
    """Interrupts a run after so many looks at its batch; what it said."""
    with desk.spawn(*NAME, *(flags or reach(server)), 0.02, *FOLDER) as process:
        wait_for(lambda: server.log.batches.calls.get("find_batch", 0) >= looks)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 3
    said: str = err
    return said


@pytest.mark.parametrize(("model", "share"), [("gpt-4o-mini", 0.5), ("gpt-4.1", 0.5)])
def test_a_dry_run_shows_batch_prices(desk: Any, model: str, share: float) -> None:
    """Half of what the same run costs online; nothing is sent."""
    desk.env |= {"OPENAI_API_KEY": "sk-none"}
    desk.photos(500)
    costs = []
    for backend in ("openai", "batch"):
        done = desk.main(*NAME, "--model", model, "--backend", backend, "--dry_run")
        assert done.status == 0, done.err
        found = re.search(r"^cost +\$([\d.]+), at most \$([\d.]+)", done.out, re.MULTILINE)
        assert found, done.out
        costs.append([float(found[1]), float(found[2])])
    assert costs[1] == pytest.approx([share * cost for cost in costs[0]], abs=1e-4)
    assert costs[0][0] > 0


def test_an_interrupted_run_says_that_batches_go_on(desk: Any, server: ScriptedServer) -> None:
    """One Ctrl-C ends it at once, exit status 3; the status shows the batch, a resume ends it."""
    server.play(Script(batches=Batches(running=40)))
    said = start_and_stop(desk, server, looks=5)
    assert "batches go on" in said
    assert "the same command" in said
    assert server.log.batches.cancels == 0
    shown = desk.call("status", "out").out
    (line,) = [line for line in shown.splitlines() if line.startswith("batch ")]
    assert "in_progress" in line
    assert "of 5" in line
    assert "ago" in line
    assert "cost unknown" in line
    assert "$" not in line
    (batch,) = json.loads(desk.call("status", "out", "--json").out)["batches"]
    assert batch["remote_id"] == server.log.batches.batches()[0].id
    again = desk.call("run", *NAME, *reach(server), 0.01, *FOLDER)
    assert again.status == 0, again.err
    assert [batch.lines for batch in server.log.batches.batches()] == [5]
    (batch,) = json.loads(desk.call("status", "out", "--json").out)["batches"]
    assert (batch["status"], batch["done"]) == ("completed", 5)


def test_a_batch_that_is_lost_for_good_is_given_up(desk: Any, server: ScriptedServer) -> None:
    """Run and cancel stop for one that the endpoint doesn't know, and name the way on."""
    server.play(Script(batches=Batches(running=10_000)))
    start_and_stop(desk, server, looks=2)
    lost = [RouteFault("not_found", "find_batch"), RouteFault("not_found", "cancel")]
    server.play(Script(batches=Batches(faults=lost)))
    for command in (("run", *NAME, *FOLDER), ("cancel", "out")):
        flags = reach(server) if command[0] == "run" else (*reach(server)[:2], "--poll_seconds")
        stopped = desk.call(*command, *flags, 0.02)
        assert stopped.status != 0
        assert "knows no batch" in stopped.err
        assert "syphus cancel RUN --forget" in stopped.err
    given_up = desk.call("cancel", "out", *reach(server)[:2], "--poll_seconds", 0.02, "--forget")
    assert "gone from the endpoint" in given_up.err
    server.play(Script())
    again = desk.call("run", *NAME, "--base_url", server.base_url, "--model", "m", *FOLDER)
    assert again.status == 0, again.err
    assert len({record["id"] for record in desk.read("out/valid_output.json")}) == 5


@pytest.mark.parametrize(("route", "times"), [("upload", 2), ("create", 1), ("create", 2)])
def test_ctrl_c_while_an_answer_is_on_its_way_pays_nothing_twice(
    desk: Any, server: ScriptedServer, route: Any, times: int
) -> None:
    """Once or twice, in a call that was done and not heard of: the same command finds it."""
    fault = RouteFault("trickle", route, at={1})
    server.play(Script(batches=Batches(faults=[fault])))
    with desk.spawn(*NAME, *reach(server), 0.02, *FOLDER) as process:
        wait_for(lambda: bool(server.log.batches.faults))
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
        process.communicate(timeout=60)
        assert process.returncode
    server.play(Script())
    again = desk.call("run", *NAME, *reach(server), 0.01, *FOLDER)
    assert again.status == 0, again.err
    log = server.log.batches
    assert (log.uploads, log.creates) == (1, 1)
    assert {line.billed for line in log.lines()} == {1}
    assert len({record["id"] for record in desk.read("out/valid_output.json")}) == 5


def test_cancel_keeps_what_is_done_and_writes_the_files(desk: Any, server: ScriptedServer) -> None:
    """The endpoint is told; the same command online asks the others."""
    desk.photos(40)
    server.play(Script(batches=Batches(running=100)))
    start_and_stop(desk, server, looks=40)
    done = desk.call("cancel", "out", "--base_url", server.base_url, "--poll_seconds", 0.01)
    assert done.status == 3, done.err
    assert server.log.batches.cancels == 1
    kept = len({record["id"] for record in desk.read("out/valid_output.json")})
    assert 0 < kept < 40
    assert f"{kept} replies of theirs were kept" in done.err
    asked = server.log.requests
    online = desk.call("run", *NAME, "--base_url", server.base_url, "--model", "m", *FOLDER)
    assert online.status == 0, online.err
    assert server.log.requests - asked == 40 - kept


def test_a_finished_run_is_translated_by_batch(desk: Any, server: ScriptedServer) -> None:
    """`syphus translate RUN --backend batch` asks for the languages alone."""
    online = ("--base_url", server.base_url, "--model", "m")
    assert desk.call("run", *NAME, *online, *FOLDER).status == 0
    done = desk.call("translate", "out", "--languages", "de", *reach(server), 0.01)
    assert done.status == 0, done.err
    assert [batch.lines for batch in server.log.batches.batches()] == [5]
    assert len(desk.read("out/PH_instructions_de.json")["data"]) == 15


def test_there_may_be_nothing_to_cancel(desk: Any, refused: Callable[[Any], str]) -> None:
    """A folder without batches is said to be one."""
    assert "no run by batches" in refused(desk.call("cancel", "out"))


def test_a_run_goes_on_online_only_when_no_batch_is_out(desk: Any, server: ScriptedServer) -> None:
    """What is in a batch would be paid for twice: the line says what to do instead."""
    server.play(Script(batches=Batches(running=40)))
    start_and_stop(desk, server, looks=3)
    before = server.log.requests
    done = desk.call("run", *NAME, "--base_url", server.base_url, "--model", "m", *FOLDER)
    assert done.status == 2
    assert "syphus cancel out" in done.err
    assert server.log.requests == before


def test_the_status_tells_what_batches_cost(desk: Any, server: ScriptedServer) -> None:
    """At most while one is under way, truly once it is done, and the sum of both."""
    entry = f'[[deployments]]\nbase_url = "{server.base_url}"\nmodel = "m"\n'
    desk.write("d.toml", entry + "price = { prompt = 1000.0, completion = 1000.0 }\n")
    night = ("--config", "d.toml", "--backend", "batch", "--max_tokens", 200, "--poll_seconds")
    server.play(Script(batches=Batches(running=40)))
    with desk.spawn(*NAME, *night, 0.02, *FOLDER) as process:
        wait_for(lambda: server.log.batches.calls.get("find_batch", 0) >= 5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    shown = desk.call("status", "out").out
    assert re.search(r"^batch .*, at most \$[1-9][\d.]*, batch_", shown, re.MULTILINE), shown
    assert re.search(
        r"^batches   \$0.0000 for 0 that are done, at most \$[1-9]", shown, re.MULTILINE
    )
    done = desk.call("run", *NAME, *night, 0.01, *FOLDER)
    assert done.status == 0, done.err
    cost = desk.read("out/meta.json")["cost"]
    shown = desk.call("status", "out").out
    assert re.search(rf"^batch .* ago, \${cost:.4f}, batch_", shown, re.MULTILINE), shown
    assert f"batches   ${cost:.4f} for 1 that are done\n" in shown


def test_cancel_asks_the_endpoint_that_the_run_asked(
    desk: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an address it is the run's own, not the one that a key alone would mean."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    desk.photos(40)
    server.play(Script(batches=Batches(running=100)))
    start_and_stop(desk, server, looks=40)
    done = desk.call("cancel", "out", "--poll_seconds", 0.01)
    assert done.status == 3, done.err
    assert server.log.batches.cancels == 1
    assert "batches have ended" in done.err


def test_cancel_names_the_azure_address_that_it_needs(
    desk: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key alone doesn't say that a resource of Azure is meant: it is told, and nothing asked."""
    azure = {"OPENAI_API_TYPE": "azure", "AZURE_OPENAI_ENDPOINT": server.azure_endpoint}
    desk.env |= {"OPENAI_API_KEY": "sk-none"} | azure
    server.play(Script(batches=Batches(running=100)))
    start_and_stop(desk, server, looks=5, flags=reach(server)[2:])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    refused = desk.call("cancel", "out")
    assert refused.status == 2
    assert f"OPENAI_API_TYPE=azure and AZURE_OPENAI_ENDPOINT={server.azure_endpoint}" in refused.err
    assert server.log.batches.cancels == 0
