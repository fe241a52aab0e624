from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from syphus.testing import BatchEnding, Batches, Script, ScriptedServer

SITTINGS = Path(__file__).with_name("batch_sittings.py")
LINES = 3
INSTANT = {"validating": 0, "running": 0, "finalizing": 0}


def _kill_everywhere(
    server: ScriptedServer, folder: Path, dialect: str, stride: int, signals: str = "KILL"
) -> list[dict[str, Any]]:
    url = server.azure_endpoint if dialect == "azure" else server.base_url
    done = subprocess.run(
        [sys.executable, SITTINGS, folder, url, dialect, str(LINES), str(stride), signals],
        cwd=SITTINGS.parents[2],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={"PYTHONPATH": str(SITTINGS.parents[2]), "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert [run["second"] for run in runs] == [0] * len(runs), done.stderr
    return runs


@pytest.mark.timeout(120)
def test_a_kill_at_any_point_makes_no_batch_twice(tmp_path: Path) -> None:
    """Killed around each call and each line of the ledger, with lists that lag by two looks.

    After the restart every line has its reply, the file was uploaded once, the batch created once,
    no line billed twice, and nothing is left at the endpoint.
    """
    batches = Batches(batches_unlisted_for=2, files_unlisted_for=2, **INSTANT)
    with ScriptedServer(Script(batches=batches)) as server:
        runs = _kill_everywhere(server, tmp_path, "openai", stride=1)
        log = server.log.batches
    assert [run["first"] for run in runs] == [-signal.SIGKILL] * (len(runs) - 1) + [0]
    # Nine lines of the ledger and seven calls, before and after each.
    assert len(runs) > 2 * (9 + 7)
    for run in runs:
        name = run["run"]
        assert run["good"] == [f"{name}-{number}-1" for number in range(LINES)], name
        (batch,) = [one for one in log.batches() if one.metadata["run"] == name]
        assert log.uploads_of(batch.input_sha256) == 1, name
    assert {line.billed for line in log.lines()} == {1}
    assert log.cancels == 0
    # An input and an output file for each batch, the first sitting's of all included.
    assert log.deletes == 2 * log.creates == 2 * (len(runs) + 1)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("signals", "stride"), [("INT", 2), ("INT,INT", 1)])
def test_ctrl_c_at_any_point_makes_no_batch_twice(
    tmp_path: Path, signals: str, stride: int
) -> None:
    """Ctrl-C, once and twice, around each call and each line of the ledger is as good as a kill.

    A creation that was cancelled while its answer was on the way is adopted by the next sitting;
    so is an upload, and a cancelled download, poll or deletion is made again.
    """
    batches = Batches(batches_unlisted_for=2, files_unlisted_for=2, **INSTANT)
    with ScriptedServer(Script(batches=batches)) as server:
        runs = _kill_everywhere(server, tmp_path, "openai", stride, signals)
        log = server.log.batches
    assert all(run["first"] for run in runs[:-1])
    assert not runs[-1]["first"]
    assert len(runs) > 2 * (9 + 7) // stride
    for run in runs:
        name = run["run"]
        assert run["good"] == [f"{name}-{number}-1" for number in range(LINES)], name
        (batch,) = [one for one in log.batches() if one.metadata["run"] == name]
        assert log.uploads_of(batch.input_sha256) == 1, name
    assert {line.billed for line in log.lines()} == {1}
    assert log.cancels == 0
    assert log.deletes == 2 * log.creates == 2 * (len(runs) + 1)


@pytest.mark.timeout(120)
def test_a_kill_while_a_rest_is_sent_again_pays_nothing_twice(tmp_path: Path) -> None:
    """Every other batch expires before its end: what was done is kept, the rest is sent again."""
    ending = BatchEnding("expired", at=range(1, 10_000, 2), done=0.5)
    with ScriptedServer(Script(batches=Batches(endings=[ending], **INSTANT))) as server:
        runs = _kill_everywhere(server, tmp_path, "azure", stride=4)
        log = server.log.batches
    assert len(runs) > 12
    for run in runs:
        numbers = [name.split("-")[1] for name in run["good"]]
        assert numbers == [str(number) for number in range(LINES)], run["run"]
    billed = [line.custom_id.rsplit("-", 1)[0] for line in log.lines() if line.billed]
    assert len(billed) == len(set(billed)) == LINES * (len(runs) + 1)
    assert max(line.billed for line in log.lines()) == 1
