"""Who answers a run: endpoints from flags, variables, a `.env` file or a settings file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syphus.testing import Script, ScriptedServer

KEY = "sk-proj-4f9vQ0aZ7wLkP2sT"
NAME = ("--name", "Photos.photos")
FOLDER = "output_Photos.photos_v1"


def contents(folder: Path) -> bytes:
    """All that the files below a folder hold."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_the_variables_of_the_mimic_it_readme(desk: Any, listener: Callable[..., Any]) -> None:
    """The five names lead to Azure's address, with the key in its header and the version."""
    with listener() as heard:
        desk.env |= {
            "OPENAI_API_TYPE": "azure",
            "OPENAI_API_KEY": KEY,
            "OPENAI_API_BASE": heard.base,
            "OPENAI_API_VERSION": "2023-05-15",
            "OPENAI_API_ENGINE": "chatgpt0301",
        }
        done = desk.main(*NAME)
    assert done.status == 0, done.err
    path = "/openai/deployments/chatgpt0301/chat/completions?api-version=2023-05-15"
    assert heard.paths == [path] * 5
    assert {headers["api-key"] for headers in heard.headers} == {KEY}
    assert not any("authorization" in headers for headers in heard.headers)
    assert KEY.encode() not in contents(desk.root)
    assert KEY not in done.out + done.err


def test_azure_answers_a_run(
    desk: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that insists on Azure's rules, and on the deployment's name, is satisfied."""
    server.play(Script(api_keys={KEY}, models={"chatgpt0301"}))
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.azure_endpoint)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_MODEL", "chatgpt0301")
    assert desk.call("run", *NAME).status == 0
    assert server.log.successes == 5


def test_azures_v1_address_answers_a_run(
    desk: Any, listener: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the model in the body and the key as a bearer, and no version."""
    with listener() as heard:
        monkeypatch.setenv("OPENAI_API_TYPE", "azure")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_API_BASE", f"{heard.base}/openai/v1/")
        monkeypatch.setenv("OPENAI_API_ENGINE", "gpt-4o")
        assert desk.call("run", *NAME).status == 0
    assert set(heard.paths) == {"/openai/v1/chat/completions"}
    assert {headers["authorization"] for headers in heard.headers} == {f"Bearer {KEY}"}


def test_a_bare_address_and_the_only_model_are_enough(desk: Any, server: ScriptedServer) -> None:
    """A host and a port get /v1, and a server that offers one model is asked for that one."""
    done = desk.call("run", *NAME, "--base_url", server.azure_endpoint)
    assert done.status == 0
    assert "scripted" in done.err
    assert desk.read(f"{FOLDER}/run.json")["model"] == "scripted"


def test_several_models_must_be_chosen_from(desk: Any, server: ScriptedServer) -> None:
    """Where a server offers more than one model the run asks which, and sends nothing."""
    server.play(Script(models={"large", "small"}))
    done = desk.call("run", *NAME, "--base_url", server.base_url)
    assert done.status == 2
    assert "large, small" in done.err
    assert "--model" in done.err
    assert server.log.requests == 0


def test_an_env_file_is_read(desk: Any, server: ScriptedServer) -> None:
    """Address, key and model may stand in `.env` in the working folder; the key stays there."""
    server.play(Script(api_keys={KEY}, models={"from-file"}))
    lines = [f"OPENAI_BASE_URL={server.base_url}", f'OPENAI_API_KEY="{KEY}"']
    desk.write(".env", "\n".join([*lines, "export OPENAI_MODEL=from-file"]))
    assert desk.call("run", *NAME).status == 0
    assert server.log.successes == 5
    assert KEY.encode() not in contents(desk.root / FOLDER)


def test_two_deployments_share_the_work(
    desk: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both endpoints of a settings file are asked, each with its key, each query once."""
    server.play(Script(latency=0.03, api_keys={"k-east"}))
    desk.photos(30)
    with ScriptedServer(Script(latency=0.03, api_keys={"k-west"})) as west:
        desk.write(
            "two.toml",
            f"""
            num_threads = 4
            [[deployments]]
            name = "east"
            base_url = "{server.base_url}"
            model = "m"
            api_key_env = "EAST_KEY"
            [[deployments]]
            name = "west"
            api_type = "azure"
            base_url = "{west.azure_endpoint}"
            api_version = "2024-10-21"
            model = "m"
            api_key = "k-west"
            """,
        )
        monkeypatch.setenv("EAST_KEY", "k-east")
        assert desk.call("run", *NAME, "--config", "two.toml").status == 0
        assert server.log.successes + west.log.successes == 30
        assert min(server.log.successes, west.log.successes) >= 5
    kept = contents(desk.root / FOLDER)
    assert b"k-west" not in kept
    assert b"k-east" not in kept


@pytest.mark.parametrize("model", ["gpt-4", "gpt-3.5-turbo", "gpt-35-turbo", "gpt-5", "o3", "x/y"])
def test_any_model_can_be_asked(desk: Any, server: ScriptedServer, model: str) -> None:
    """A model whose tokens nobody here can count is asked like any other."""
    done = desk.call("run", *NAME, "--base_url", server.base_url, "--model", model)
    assert done.status == 0
    assert server.log.successes == 5


@pytest.mark.parametrize("strongest", range(5))
def test_flag_then_variable_then_env_file_then_settings_file_then_default(
    desk: Any, monkeypatch: pytest.MonkeyPatch, strongest: int
) -> None:
    """Model and address each come from the first of these places that names one."""
    names = ("flag", "variable", "env-file", "settings-file")
    flags: tuple[object, ...] = ()
    if strongest <= 3:
        text = "model = 'settings-file'\nbase_url = 'http://settings-file/v1'\nnum_threads = 2"
        desk.write("run.toml", text)
        flags = ("--config", "run.toml")
    if strongest <= 2:
        desk.write(".env", "OPENAI_MODEL=env-file\nOPENAI_BASE_URL=http://env-file/v1\n")
    if strongest <= 1:
        monkeypatch.setenv("OPENAI_MODEL", "variable")
        monkeypatch.setenv("OPENAI_BASE_URL", "http://variable/v1")
    if strongest == 0:
        flags += ("--model", "flag", "--base_url", "http://flag/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    done = desk.call("run", *NAME, "--dry_run", *flags)
    assert done.status == 0, done.err
    shown = dict(line.split(maxsplit=1) for line in done.out.splitlines() if line[:5] == "model")
    answered = next(line for line in done.out.splitlines() if line.startswith("answered by"))
    if strongest <= 3:
        assert shown["model"] == names[strongest]
        assert answered.split()[-1] == names[strongest]
    else:
        assert shown["model"].startswith("gpt-")
        assert answered.split()[-1] == "openai"
