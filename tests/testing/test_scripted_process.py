from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.testing.__main__ import _faults
from syphus.testing.faults import FAULT_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "syphus.testing"]


@contextmanager
def _serving(*options: str, cwd: Path | None = None) -> Iterator[tuple[str, Any]]:
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, cwd=cwd) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().decode().strip(), process
        finally:
            process.kill()


def _fetch(url: str, body: Any = None) -> Any:
    data = None if body is None else orjson.dumps(body)
    with urllib.request.urlopen(url, data, timeout=5) as response:  # noqa: S310 - loopback
        return orjson.loads(response.read())


def _ask(url: str, text: str) -> str:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    answer = _fetch(f"{url}/chat/completions", body)
    content: str = answer["choices"][0]["message"]["content"]
    return content


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_process_prints_its_address_and_stops_when_told(sent: signal.Signals) -> None:
    """The first line is the base URL; it answers there and ends with status 0 on a signal."""
    with _serving("--pairs", "2", "--seed", "5") as (url, process):
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/v1")
        assert _ask(url, "A cat.").count("Question:") == 2
        assert _fetch(url.replace("/v1", "/_seen"))["successes"] == 1
        process.send_signal(sent)
        assert process.wait(5) == 0


def test_options_make_limits_faults_and_a_log(tmp_path: Path) -> None:
    """Limits refuse, faults come at their rate, and both stand in the log file."""
    log = tmp_path / "log"
    limits = ["--rpm", "120", "--window", "10"]
    faults = ["--fault-rate", "0.5", "--fault", "conflict", "--fault", "unavailable"]
    with _serving(*limits, *faults, "--log", str(log)) as (url, _):
        for number in range(24):
            try:
                _ask(url, f"Number {number}.")
            except urllib.error.HTTPError as error:
                error.close()
        seen = _fetch(url.replace("/v1", "/_seen"))
    met = [orjson.loads(line)["fault"] for line in log.read_bytes().splitlines()]
    assert len(met) == seen["requests"] == 24
    assert met.count("limit") == seen["rate_limited"] == 4
    assert set(met) == {None, "limit", "conflict", "unavailable"}
    assert met.count(None) == seen["successes"]
    assert 4 <= seen["successes"] <= 16  # 10 expected of 20


def test_the_help_lists_every_kind_of_fault() -> None:
    """What --fault takes can be read there, and each of them is taken."""
    wide = {**os.environ, "COLUMNS": "120"}
    done = subprocess.run(
        [*COMMAND, "--help"], env=wide, capture_output=True, text=True, check=True
    )
    assert set(FAULT_KINDS) <= set(re.findall(r"\w+", done.stdout))
    assert _faults(0.5, list(FAULT_KINDS))


def test_instant_answers_keep_their_latency() -> None:
    """The instant form answers every request alike, after its latency, and counts."""
    with _serving("--instant", "--latency", "0.05") as (url, process):
        begin = time.monotonic()
        assert _ask(url, "One.") == _ask(url, "Another." * 20_000)
        assert time.monotonic() - begin >= 0.1
        seen = _fetch(url.replace("/v1", "/_seen"))
        assert (seen["requests"], seen["successes"], seen["most_in_flight"]) == (2, 2, 1)
        process.terminate()
        assert process.wait(5) == 0


def test_a_process_serves_batches(connect: Any) -> None:
    """A batch is in progress for as long as told, then completed; /_seen counts it."""
    for seconds, expected in (("0", "completed"), ("1000", "in_progress")):
        with _serving("--batch-seconds", seconds) as (url, _):
            customer = connect(SimpleNamespace(base_url=url, azure_endpoint=url[:-3]))
            batch = customer.look(customer.create(["A cat."]))
            assert batch.status == expected
            seen = _fetch(url.replace("/v1", "/_seen"))["batches"]
            assert (seen["creates"], seen["lines"]) == (1, 1)
            assert seen["lines_billed"] == (expected == "completed")


def test_a_script_may_come_from_a_module(tmp_path: Path) -> None:
    """`--script module:name` plays a Script written in Python."""
    (tmp_path / "mine.py").write_text(
        "from syphus.testing import Script\nscript = Script(answer='Mine.')\n"
    )
    with _serving("--script", "mine:script", cwd=tmp_path) as (url, _):
        assert _ask(url, "Whose?") == "Mine."


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--fault-rate", "0.1", "--fault", "explode"], "explode"),
        (["--style", "plain"], "plain"),
        (["--script", "no_such_module:x"], "no_such_module"),
        (["--latency", "soon"], "soon"),
        (["--fault-rate", "1.5"], "--fault-rate"),
        (["--fault", "reset"], "--fault-rate"),
    ],
)
def test_wrong_options_are_told(options: list[str], told: str) -> None:
    """A wrong option ends with status 2 and names what is wrong; nothing is served."""
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""


@given(rate=st.floats(0, 1), kinds=st.lists(st.sampled_from(["reset", "conflict"]), max_size=9))
def test_a_fault_rate_is_shared_evenly(rate: float, kinds: list[str]) -> None:
    """Each kind takes the same share of all attempts, and together they take the whole rate."""
    faults = _faults(rate, kinds if rate else [])
    unspoiled, shares = 1.0, []
    for fault in faults:
        assert fault.rate is not None
        shares.append(unspoiled * fault.rate)
        unspoiled -= shares[-1]
    assert unspoiled == pytest.approx(1 - rate, abs=1e-9)
    assert shares == pytest.approx([rate / len(shares)] * len(shares) if shares else [], abs=1e-9)
