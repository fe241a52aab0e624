"""The command line, in this process or as one of its own, in a folder with plugins."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus.cli.app import run_app
from syphus.prompting import tokens
from syphus.testing import ScriptedServer

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, str(ROOT / "main.py"))
NAME = "Photos.photos"
LONGEST_LINE = 700
NO_TRANSLATION = ("--languages", "none")
PROMPT = {
    "system_message": "Write pairs about the photo.",
    "in_context": [
        {"role": "user", "content": "A boat on a lake."},
        {"role": "assistant", "content": "Question: What is it?\nAnswer: A boat."},
    ],
}
PLUGIN = """
    import json
    from pathlib import Path
    from syphus import AbstractDataset, read_json

    class Photos(AbstractDataset):
        '''Photos with a caption.'''

        short = "PH"
        prompt_path = "prompts/photos.json"
        query_inputs_path = "photos.json"

        def _load_query_inputs(self, path):
            return read_json(path)
"""


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@dataclass
class Desk:
    """A working folder with a plugin, a prompt and annotations; `env` is all a process gets.

    Runs have only their first stage.
    """

    root: Path
    capsys: pytest.CaptureFixture[str]
    env: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})

    def write(self, path: str, content: object) -> Path:
        """Writes a file in the working folder: a text as it is, anything else as JSON."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            file.write_text(textwrap.dedent(content))
        else:
            file.write_bytes(orjson.dumps(content))
        return file

    def photos(self, count: int) -> None:
        """Annotates so many photos."""
        texts = [{"id": f"p{at}", "sentences": f"Photo number {at}."} for at in range(count)]
        self.write("photos.json", texts)

    def call(self, *arguments: object) -> Done:
        """Runs a command in this process."""
        self.capsys.readouterr()
        if arguments[0] == "run":
            arguments += NO_TRANSLATION
        status = run_app([str(each) for each in arguments], root=self.root)
        printed = self.capsys.readouterr()
        return Done(status, printed.out, printed.err)

    def main(self, *arguments: object, cwd: Path | None = None, timeout: float = 60) -> Done:
        """Runs `python main.py ARGUMENTS` to its end."""
        done = subprocess.run(
            [*COMMAND, *map(str, arguments), *NO_TRANSLATION],
            cwd=cwd or self.root,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def spawn(self, *arguments: object) -> Iterator[subprocess.Popen[str]]:
        """Starts `python main.py ARGUMENTS`; whatever is left of it is killed in the end."""
        with subprocess.Popen(
            [*COMMAND, *map(str, arguments), *NO_TRANSLATION],
            cwd=self.root,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def read(self, path: str) -> Any:
        """The JSON in a file of the working folder."""
        return orjson.loads((self.root / path).read_bytes())


load_vocabulary_once = functools.cache(tokens._load_vocabulary)


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """A desk with five photos; no endpoint, key or plugin from elsewhere reaches it.

    The vocabulary, a sixth of a second, is loaded once for all commands in this process.
    """
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "AZURE_OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(tokens, "_load_vocabulary", load_vocabulary_once)
    root = tmp_path / "work"
    desk = Desk(root, capsys)
    desk.write("datasets/photos.py", PLUGIN)
    desk.write("prompts/photos.json", PROMPT)
    desk.photos(5)
    monkeypatch.chdir(root)
    path, modules = sys.path.copy(), set(sys.modules)
    yield desk
    sys.path[:] = path
    for name in sys.modules.keys() - modules:
        if name.startswith(("_syphus_dataset_", "abstract_dataset")):
            del sys.modules[name]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers three pairs at once."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def refused(server: ScriptedServer) -> Callable[[Done], str]:
    """The one line of a command that was refused, checked to be one, with nothing sent."""

    def check(done: Done) -> str:
        assert done.status == 2, done.err
        assert done.out == ""
        assert done.err.count("\n") == 1, done.err
        assert done.err.startswith("syphus: ")
        assert "Traceback" not in done.err
        assert len(done.err) < LONGEST_LINE
        assert server.log.requests == 0
        return done.err

    return check


@pytest.fixture
def refuse(
    desk: Desk, server: ScriptedServer, refused: Callable[[Done], str]
) -> Callable[..., str]:
    """Runs a command that must be refused; gives the line that says why."""

    def run(*arguments: object, name: str = NAME, endpoint: bool = True) -> str:
        reach = ("--base_url", server.base_url, "--model", "m") if endpoint else ()
        return refused(desk.call("run", "--name", name, *reach, *arguments))

    return run


@dataclass
class Heard:
    """The paths and headers of the requests that a listener got, in order."""

    base: str
    paths: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)


@pytest.fixture
def listener() -> Callable[[], AbstractContextManager[Heard]]:
    """A server that remembers addresses and headers, which the scripted one doesn't."""

    @contextmanager
    def listen() -> Iterator[Heard]:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                heard.paths.append(self.path)
                heard.headers.append({name.lower(): text for name, text in self.headers.items()})
                message = {"role": "assistant", "content": "Question: What?\nAnswer: That."}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
                body = orjson.dumps({"choices": [choice], "usage": usage})
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
            heard = Heard(f"http://127.0.0.1:{running.server_port}")
            thread = threading.Thread(target=running.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield heard
            finally:
                running.shutdown()
                thread.join()

    return listen
