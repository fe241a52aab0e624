"""Ctrl-C once ends a run in order, twice at once; neither loses what was answered."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus.testing import Script, ScriptedServer
from tests.pipeline.eight_photos import PLUGIN, UNITS, Place, answer, lines_of

ROOT = Path(__file__).parents[2]
SIGNALS = [signal.SIGINT, signal.SIGTERM]
NAME = ("--name", "Photos.photos", "--output_dir", "out", "--num_threads", 4)
INTERRUPTED = """
    def _load_prefix(self):
        import signal

        signal.raise_signal(signal.N)
"""
AHEAD = 1000
CHUNK = 64
HANGING = f"""
    import time
    from pathlib import Path
    from syphus import AbstractDataset

    def hang():
        Path("hangs").touch()
        time.sleep(300)

    class Photos(AbstractDataset):
        short = "PH"
        hangs = "hang_at_items"

        def _load_query_inputs(self):
            for number in range({AHEAD} + 100):
                if number == {AHEAD} and self.hangs == "hang_at_items":
                    hang()
                yield {{"id": f"p{{number}}", "sentences": f"Photo number {{number}}."}}

        def _load_prefix(self):
            return {{"system_message": "Write pairs about the photo."}}

        def user_message(self, query):
            if query.id == "p{AHEAD}" and self.hangs == "hang_at_messages":
                hang()
            return query.text
"""
ENDLESS_JOURNAL = """
    import time
    from pathlib import Path
    import syphus.pipeline.run

    def read_for_ever(path):
        Path("reads").touch()
        while True:
            sum(range(1000))

    syphus.pipeline.run.read_index = read_for_ever
"""
SLOW_FILES = """
    def image_ids(self, query):
        import time
        from pathlib import Path

        if Path("out/valid_output.json").exists():
            time.sleep(0.15)
        return super().image_ids(query)
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


@pytest.mark.parametrize("number", SIGNALS)
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


@pytest.mark.parametrize("number", SIGNALS)
def test_two_signals_leave_at_once(
    desk: Any, server: ScriptedServer, number: signal.Signals
) -> None:
    """The second one doesn't wait for replies; what was journalled isn't asked again."""
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
        process.send_signal(number)
        assert "once more" in process.stderr.readline()
        pressed = time.monotonic()
        process.send_signal(number)
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


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", ["run", "translate"])
def test_a_signal_before_the_run_begins(
    desk: Any, server: ScriptedServer, command: str, number: signal.Signals
) -> None:
    """A signal while a plugin gives its prompt is an early stop too: status 3, no traceback."""
    reach = ("--base_url", server.base_url, "--model", "m")
    assert desk.call("run", *NAME, *reach).status == 0
    asked = server.log.requests
    plugin = (desk.root / "datasets/photos.py").read_text() + INTERRUPTED.replace("N", number.name)
    desk.write("datasets/photos.py", plugin)
    told = ("translate", "out") if command == "translate" else ("run", *NAME)
    done = subprocess.run(
        [sys.executable, "-c", "from syphus.cli import main; main()", *map(str, told), *reach],
        cwd=desk.root,
        env={**desk.env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "interrupted before anything was asked this time" in done.stderr
    assert "Traceback" not in done.stderr
    assert server.log.requests == asked


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_models_are_listed(desk: Any, number: signal.Signals) -> None:
    """A server that never answers isn't waited for; there is no run yet."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with desk.spawn(*NAME, "--base_url", address) as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(number)
                out, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert f"{number.name}, before anything was asked this time" in err
    assert "Traceback" not in err
    assert not out
    assert not (desk.root / "out" / "run.json").exists()


def test_a_signal_while_a_generator_hangs(desk: Any, server: ScriptedServer) -> None:
    """What it gave before is answered and stands in the files; the process doesn't wait for it."""
    desk.write("datasets/photos.py", HANGING)
    with desk.spawn(*NAME, "--base_url", server.base_url, "--model", "m") as process:
        wait_for(lambda: (desk.root / "hangs").exists() and server.log.successes > AHEAD - CHUNK)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=40)
    assert process.returncode == 3
    assert "Traceback" not in err
    assert "not all earlier answers" not in err
    assert len(desk.read("out/valid_output.json")) == 3 * server.log.successes
    assert desk.read("out/run.json")["state"] == "stopped"


def test_two_signals_while_a_method_hangs(desk: Any, server: ScriptedServer) -> None:
    """A plugin that holds up everything can't hold up the second one."""
    desk.write(
        "datasets/photos.py",
        HANGING.replace('hangs = "hang_at_items"', 'hangs = "hang_at_messages"'),
    )
    with desk.spawn(*NAME, "--base_url", server.base_url, "--model", "m") as process:
        wait_for((desk.root / "hangs").exists)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        for _ in range(40):  # two that come while a process is paused are one
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.5)
                break
    assert process.returncode == 3
    assert server.log.successes <= len(answered(desk.root / "out")) + 4


@pytest.fixture
def place(tmp_path: Path, server: ScriptedServer) -> Place:
    """Eight photos that are translated into two languages."""
    server.play(Script(answer=answer, latency=0.05))
    return Place(tmp_path, server)


@contextmanager
def started(place: Place) -> Iterator[subprocess.Popen[str]]:
    """The command as a process."""
    with subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *place.command, "--no_progress"],
        cwd=place.root,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def translations(place: Place) -> list[Any]:
    """The replies in the second journal."""
    return [line for line in lines_of(place.folder, "translate") if line["kind"] == "reply"]


@pytest.mark.parametrize("number", SIGNALS)
def test_one_signal_while_translating(place: Place, number: signal.Signals) -> None:
    """Translations in flight are awaited and stand in the files; the rest is asked later, once.

    By the same command, as it says: `--redo` is for what was asked in vain.
    """
    with started(place) as process:
        wait_for(lambda: len(translations(place)) >= 2)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert number.name in err
    assert "Traceback" not in err
    kept, open_sends = place.journalled()
    assert open_sends == frozenset()
    assert set(place.seen()) == kept < UNITS
    german = orjson.loads((place.folder / "PH_instructions_de.json").read_bytes())["data"]
    assert len(german) == len(translations(place))
    pairs = orjson.loads((place.folder / "PH_instructions.json").read_bytes())["data"]
    left = 2 * (len(pairs) - len(german))
    said = f"{left} translations are still to be asked for: the same command does that"
    assert (said in err) == (left > 0)
    assert "--redo" not in err
    assert place.run().exit_status == 0
    assert place.seen() == Counter(UNITS)


@pytest.mark.parametrize("number", SIGNALS)
def test_two_signals_while_translating(place: Place, number: signal.Signals) -> None:
    """Translations in flight are left, told as perhaps billed, and asked again; no other is."""
    with started(place) as process:
        wait_for(lambda: len(translations(place)) >= 2)
        place.server.play(Script(answer=answer, latency=60))
        wait_for(lambda: place.server.log.in_flight == 3)
        process.send_signal(number)
        assert "once more" in process.stderr.readline()
        process.send_signal(number)
        process.wait(timeout=20)
    assert process.returncode == 3
    kept, open_sends = place.journalled()
    seen = place.seen()
    assert 0 < len(open_sends) <= 3
    place.server.play(Script(answer=answer))
    assert place.run().exit_status == 0
    assert "may have been billed" in place.said
    assert place.seen() == seen + Counter(UNITS - kept)


@pytest.mark.parametrize("number", SIGNALS)
def test_one_signal_while_files_are_written(place: Place, number: signal.Signals) -> None:
    """There is nothing left to stop: the files are written and the status is 0."""
    plugin = place.root / "datasets" / "photos.py"
    plugin.write_text(PLUGIN + SLOW_FILES)
    with started(place) as process:
        wait_for((place.folder / "valid_output.json").exists)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert number.name in err
    files = place.files()
    plugin.write_text(PLUGIN)
    assert place.run().exit_status == 0
    assert place.files() == files
    assert place.seen() == Counter(UNITS)


@pytest.mark.parametrize("number", SIGNALS)
def test_two_signals_while_files_are_written(place: Place, number: signal.Signals) -> None:
    """No file is half there, and the same call writes them all without asking anything."""
    plugin = place.root / "datasets" / "photos.py"
    plugin.write_text(PLUGIN + SLOW_FILES)
    with started(place) as process:
        wait_for((place.folder / "valid_output.json").exists)
        process.send_signal(number)
        assert "once more" in process.stderr.readline()
        process.send_signal(number)
        process.wait(timeout=20)
    assert process.returncode == 3
    assert not (place.folder / "meta.json").exists()
    for path in place.folder.glob("*.json"):
        orjson.loads(path.read_bytes())
    plugin.write_text(PLUGIN)
    assert place.run().exit_status == 0
    assert place.seen() == Counter(UNITS)
    assert (place.folder / "meta.json").exists()
    assert not list(place.folder.glob(".*.part"))


@pytest.mark.parametrize("number", SIGNALS)
def test_one_signal_while_the_journal_is_read(
    desk: Any, server: ScriptedServer, number: signal.Signals
) -> None:
    """However long that takes the run leaves, says how to go on, and every file is as it was."""
    reach = ("--base_url", server.base_url, "--model", "m")
    assert desk.call("run", *NAME, *reach).status == 0
    before = {path: path.read_bytes() for path in desk.root.glob("out/**/*.json*")}
    plugin = desk.root / "datasets" / "photos.py"
    code = plugin.read_text()
    plugin.write_text(code + textwrap.dedent(ENDLESS_JOURNAL))
    with desk.spawn(*NAME, *reach) as process:
        wait_for((desk.root / "reads").exists)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 3, err
    assert f"{number.name}, before anything was asked this time; the same command goes on" in err
    assert not out
    assert {path: path.read_bytes() for path in desk.root.glob("out/**/*.json*")} == before
    plugin.write_text(code)
    asked = server.log.requests
    assert desk.call("run", *NAME, *reach).status == 0
    assert server.log.requests == asked
