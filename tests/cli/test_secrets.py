"""No credential is in anything that a run leaves or prints, however a server gives it back."""

from __future__ import annotations

import base64
import binascii
import http.server
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

import orjson
import pytest

from syphus.backends.chat import ChatBackend
from syphus.core.endpoints import choose_deployments
from syphus.core.settings import environment, load_settings
from syphus.pipeline.plan import make_plan

# Every character that one of the spellings writes in its own way.
KEY = 'kZ4f9v/Q0aZ7+wLk"P2sT\\xY1b6&8mN=Jd3'
OTHER = "Wq7-rT2yU9iO4pA6sD1fG3hJ5kL8zX0c"
NAME = ("--name", "Photos.photos", "--output_dir", "out", "--num_threads", "4")
PIECE = 16
ENCODED_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}")
CRASH = """
    def {method}(self, given):
        import os
        raise RuntimeError("the plugin says " + os.environ["OPENAI_API_KEY"])
"""


def pieces(secret: str) -> set[str]:
    """All pieces of a secret that would give it away."""
    return {secret[at : at + PIECE] for at in range(len(secret) - PIECE + 1)}


def readings(text: str) -> Iterator[str]:
    """A text as it is, and decoded in every way in which a secret may be spelled in it."""
    plain = [text, unquote(text), unquote_plus(text)]
    for _ in range(4):  # a journal's line is JSON, whose text may be JSON with JSON in it
        plain.append(re.sub(r'\\([\\"/])', r"\1", plain[-1 if len(plain) > 3 else 0]))
    yield from plain
    for run in set(ENCODED_RUN.findall("\n".join([text, plain[-1]]))):
        for skipped in range(4):
            part = run[skipped:].translate(str.maketrans("-_", "+/"))
            with suppress(binascii.Error):
                yield base64.b64decode(part[: len(part) // 4 * 4]).decode("latin-1")


def leaks(text: str, *secrets: str) -> set[str]:
    """The pieces of secrets that can be read in a text."""
    wanted = set().union(*map(pieces, secrets))
    return {piece for reading in readings(text) for piece in wanted if piece in reading}


def left_by(folder: Path) -> str:
    """The names and contents of all files of a run."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert {"run.json", "run.log", "generate.jsonl", "meta.json"} <= {path.name for path in files}
    return "\n".join(f"{path}\n{path.read_text()}" for path in files)


class Parrot(http.server.BaseHTTPRequestHandler):
    """Gives back what it was sent, in the way that the number of the photo chooses."""

    protocol_version = "HTTP/1.1"
    secrets: tuple[str, ...] = ()
    refuses_all = False
    seen: list[str]
    numbers: list[int]

    def do_POST(self) -> None:
        body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        echo = f"{self.path} {self.headers}"
        self.seen.append(echo)
        found = re.findall(r"Photo number (\d+)", str(body["messages"]))
        number = int(found[-1])
        if self.refuses_all:
            self._answer(401, {"error": {"message": self._spell(0, echo), "code": echo}})
        elif number == 0:
            refusal = {"message": self._spell(0, echo), "code": echo, "param": echo, "type": echo}
            self._answer(400, {"error": refusal})
        elif number == 1 and self._is_first(number):
            self._answer(500, f"it broke at {echo} {self._spell(0, '')}")
        elif number == 2 and self._is_first(number):
            self._answer(200, f"no JSON but {self._spell(0, echo)}")
        elif number == 3:
            self._answer(400, self._spell(0, echo))
        else:
            self._answer(200, self._completion(self._spell(number, echo)), echo)

    def _is_first(self, number: int) -> bool:
        self.numbers.append(number)
        return self.numbers.count(number) == 1

    def _spell(self, number: int, echo: str) -> str:
        spelled = [echo]
        for secret in self.secrets:
            raw = secret.encode()
            json_text = json.dumps(secret)
            spelled += [
                secret,
                quote(secret, safe=""),
                json_text,
                json.dumps({"in": json_text}),
                secret.replace("/", "\\/"),
                secret[1:21],
                secret[-17:],
                *(base64.b64encode(b"user:"[:skip] + raw).decode() for skip in range(4)),
                base64.urlsafe_b64encode(b":" + raw + b" etc.").decode(),
            ]
        return " ".join(spelled) if number == 0 else spelled[number % len(spelled)]

    def _completion(self, text: str) -> dict[str, Any]:
        content = f"Question: What is it?\nAnswer: It is {text}"
        message = {"role": "assistant", "content": content, "refusal": None}
        finish = "stop"
        if "Authorization" in text:
            message["refusal"], finish = text, text
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return {"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}

    def _answer(self, status: int, body: object, echo: str = "") -> None:
        raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        if echo:
            self.send_header("x-request-id", " ".join(echo.split()))
            self.send_header("x-ratelimit-echo", " ".join(echo.split()))
            self.send_header("set-cookie", " ".join(echo.split()))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Parrot]]:
    """A server that repeats what it should keep to itself; `base` is its address."""
    monkeypatch.setattr("syphus.engine.retry._FIRST_WAIT", 0.01)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    handler = type("Handler", (Parrot,), {"seen": [], "numbers": [], "secrets": (KEY,)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        handler.base = f"http://127.0.0.1:{running.server_port}"  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield handler
        finally:
            running.shutdown()
            thread.join()


def by_environment(desk: Any, base: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The key in a variable."""
    del desk
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return ("--base_url", base, "--model", "m")


def by_env_file(desk: Any, base: str, _: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The key in `.env`."""
    desk.write(".env", f"OPENAI_API_KEY='{KEY}'\n".replace("\\", "\\\\"))
    return ("--base_url", base, "--model", "m")


def by_table(desk: Any, base: str, _: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The key in the settings file."""
    desk.write("d.toml", f"[[deployments]]\nbase_url='{base}'\nmodel='m'\napi_key='{KEY}'\n")
    return ("--config", "d.toml")


def by_named_variable(desk: Any, base: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The key in a variable that the settings file names, which isn't named like one."""
    monkeypatch.setenv("EAST", KEY)
    desk.write("d.toml", f"[[deployments]]\nbase_url='{base}'\nmodel='m'\napi_key_env='EAST'\n")
    return ("--config", "d.toml")


def by_azure_key(_: Any, base: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The key in Azure's own header."""
    monkeypatch.setenv("OPENAI_API_TYPE", "azure")
    monkeypatch.setenv("OPENAI_API_BASE", base)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    return ("--model", "m")


def by_entra_token(_: Any, base: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """A token in its variable."""
    monkeypatch.setenv("OPENAI_API_TYPE", "azure")
    monkeypatch.setenv("OPENAI_API_BASE", base)
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", KEY)
    return ("--model", "m")


def by_query(name: str) -> Callable[..., tuple[str, ...]]:
    """The key in the query of the address."""

    def give(_: Any, base: str, __: pytest.MonkeyPatch) -> tuple[str, ...]:
        return ("--base_url", f"{base}/v1?{name}={quote(KEY, safe='')}", "--model", "m")

    return give


def by_proxy(_: Any, base: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The password of a proxy."""
    address = base.replace("//", f"//me:{quote(KEY, safe='')}@")
    monkeypatch.setenv("HTTP_PROXY", address)
    monkeypatch.setenv("http_proxy", address)
    return ("--base_url", "http://models.test/v1", "--model", "m")


WAYS = {
    "environment": by_environment,
    "env_file": by_env_file,
    "table": by_table,
    "named_variable": by_named_variable,
    "azure_key": by_azure_key,
    "entra_token": by_entra_token,
    "query_api_key": by_query("api-key"),
    "query_code": by_query("code"),
    "proxy": by_proxy,
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_a_run_leaves_holds_the_credential(
    desk: Any, parrot: Any, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Not after replies, refusals, failures and headers that repeat it in every spelling."""
    desk.photos(24)
    arguments = WAYS[way](desk, parrot.base, monkeypatch)
    done = desk.call("run", *NAME, *arguments)
    assert done.status == 4, done.err
    assert any(leaks(echo, KEY) for echo in parrot.seen), "the server never had the credential"
    left = left_by(desk.root / "out")
    assert "***" in left
    assert not leaks(left, KEY)
    assert not leaks(done.out + done.err, KEY)
    assert len(desk.read("out/error_messages.json")) == 2

    parrot.refuses_all = True
    desk.photos(30)
    done = desk.call("run", *NAME, *arguments)
    assert done.status == 3
    assert "HTTP 401" in done.err
    assert not leaks(left_by(desk.root / "out"), KEY)
    assert not leaks(done.out + done.err, KEY)


def test_the_search_finds_what_is_planted(tmp_path: Path) -> None:
    """In each spelling, in any file: a search that finds nothing in a leak proves nothing."""
    handler = type("Handler", (Parrot,), {"secrets": (KEY,)})
    count = len(Parrot._spell.__get__(handler)(0, "").split(" ")) - 1
    assert count >= 12
    for number in range(1, 13):
        text = Parrot._spell.__get__(handler)(number, "echo")
        assert leaks(f"before {text} after", KEY), text
        assert leaks(json.dumps({"text": f"it is {text}"}), KEY), text
    assert not leaks(f"{KEY[:15]} {KEY[20:]} ***", KEY)
    for name in ("run.json", "run.log", "generate.jsonl", "meta.json"):
        (tmp_path / name).write_text("{}")
    assert not leaks(left_by(tmp_path), KEY)
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "x.jsonl").write_text(json.dumps(KEY))
    assert leaks(left_by(tmp_path), KEY)


def test_a_terminal_shows_no_credential(desk: Any, parrot: Any) -> None:
    """The live table and the notices above it, on a terminal of their own."""
    desk.photos(24)
    arguments = (*NAME, "--base_url", parrot.base, "--model", "m", "--languages", "none")
    control, terminal = pty.openpty()
    command = [sys.executable, str(Path(__file__).parents[2] / "main.py"), *arguments]
    env = {**desk.env, "OPENAI_API_KEY": KEY, "TERM": "xterm-256color", "COLUMNS": "200"}
    with subprocess.Popen(
        command, cwd=desk.root, env=env, stdout=terminal, stderr=terminal, stdin=terminal
    ) as process:
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # how a terminal says that nobody writes to it any more
            while block := os.read(control, 1 << 16):
                shown += block
        os.close(control)
        assert process.wait(30) == 4, shown.decode()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]", "", shown.decode())
    assert "in flight" in text
    assert not leaks(text, KEY)
    assert not leaks(left_by(desk.root / "out"), KEY)


@pytest.mark.parametrize("method", ["parse", "user_message", "_load_query_inputs"])
def test_a_plugin_that_raises_with_the_key(
    desk: Any, parrot: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Its words are shown or kept, the key in them isn't."""
    plugin = desk.root / "datasets" / "photos.py"
    plugin.write_text(plugin.read_text() + CRASH.format(method=method))
    arguments = by_environment(desk, parrot.base, monkeypatch)
    done = desk.call("run", *NAME, *arguments)
    kept = "".join(path.read_text() for path in desk.root.glob("out/**/*") if path.is_file())
    assert "the plugin says" in done.err + kept
    assert not leaks(done.out + done.err + kept, KEY)


@pytest.mark.parametrize("where", ["syphus.pipeline.run.Outputs.write", "syphus.cli.run.run_plan"])
def test_a_fault_of_ours_shows_where_and_not_the_key(
    desk: Any, parrot: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A traceback goes to stderr, without its locals and without a credential in its words."""

    def break_down(*_: object, **__: object) -> None:
        local = quote(KEY, safe="")
        raise RuntimeError(f"url='http://h/v1?api-key={local}'") from ValueError(f"Bearer {KEY}")

    monkeypatch.setattr(where, break_down)
    arguments = by_environment(desk, parrot.base, monkeypatch)
    done = desk.call("run", *NAME, *arguments)
    assert done.status == 1
    assert "Traceback" in done.err
    assert "in break_down" in done.err
    assert not leaks(done.out + done.err, KEY)


@pytest.mark.parametrize(
    "address",
    [
        f"http://me:{OTHER}@127.0.0.1:9/v1",
        f"http://me:{OTHER}#x@127.0.0.1:9/v1",
        f"ftp://me:{OTHER}@h/v1",
        f"h/v1?code={OTHER}",
        f"https://api.openai.com/v1?api-key={OTHER}",
        f"sk-{OTHER}",
    ],
)
@pytest.mark.parametrize("azure", [False, True])
def test_an_address_that_is_refused_is_not_repeated(
    desk: Any, monkeypatch: pytest.MonkeyPatch, address: str, *, azure: bool
) -> None:
    """One line says what is wrong with it; the password or key in it isn't shown."""
    if azure:
        monkeypatch.setenv("OPENAI_API_TYPE", "azure")
    done = desk.call("run", *NAME, "--base_url", address, "--model", "m")
    assert done.status == 2
    assert done.err.count("\n") == 1
    assert not leaks(done.out + done.err, OTHER)


def test_no_representation_shows_a_credential(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, deployments, backends and plans may end in a log or a debugger."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{OTHER}@p:1")
    desk.write(
        "d.toml",
        f"""
        [[deployments]]
        base_url = "https://h.test/v1?code={OTHER}"
        model = "m"
        api_key = '{KEY}'
        """,
    )
    flags = {"name": "Photos.photos", "num_threads": 2}
    settings = load_settings(flags, config=desk.root / "d.toml")
    env = environment(desk.root)
    deployments = choose_deployments(settings, env)
    backend = ChatBackend(deployments[0], connections=1)
    plan = make_plan(settings, root=desk.root, env=env)
    by_flag = load_settings({**flags, "base_url": f"https://h.test/v1?code={OTHER}"})
    shown = repr((settings, by_flag, deployments, backend, backend._address, plan, plan.secrets))
    shown += str(settings) + settings.model_dump_json(exclude={"deployments"})
    assert "h.test" in deployments[0].base_url
    assert not leaks(shown, KEY, OTHER)
