from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from syphus.backends.batch.client import connect
from syphus.backends.batch.remote import Remote
from syphus.core.errors import AccessDenied
from syphus.testing import Batches, RouteFault, Script, ScriptedServer
from tests.backends.dialing_kit import serving

DIALECTS = ["openai", "azure", "azure-v1"]
ROUTES = ["upload", "create", "find_batch", "find_file", "download", "delete"]
TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


def _works(batch_kit: Any, folder: Path, dialect: str, accepted: str, **settings: Any) -> bool:
    with ScriptedServer(Script(api_keys={accepted})) as server:
        outcomes, _ = batch_kit.run(server, folder, batch_kit.lines(2), dialect, **settings)
        assert server.log.batches.deletes == 2
    return all(outcome.reply for outcome in outcomes.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_deployments_key_opens_every_call(
    batch_kit: Any, kit: Any, tmp_path: Path, dialect: str
) -> None:
    """Files and batches are reached with the key that chat requests use, and with no other."""
    assert _works(batch_kit, tmp_path, dialect, kit.key)
    with ScriptedServer(Script(api_keys={"sk-another-0123456789"})) as server:
        with pytest.raises(AccessDenied):
            batch_kit.run(server, tmp_path / "b", batch_kit.lines(2), dialect)
        assert server.log.batches.uploads == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_entra_token_opens_every_call(batch_kit: Any, tmp_path: Path, dialect: str) -> None:
    """A token in place of the key goes as a bearer, on Azure too."""
    deployment = {"api_key": None, "entra_token": SecretStr(TOKEN)}
    assert _works(batch_kit, tmp_path, dialect, TOKEN, deployment=deployment)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_identity_gives_a_token_for_every_call(
    batch_kit: Any, tmp_path: Path, dialect: str
) -> None:
    """Whoever runs the program is asked for a token each time: a batch outlives many."""
    asked = []

    async def provide() -> str:
        asked.append(TOKEN)
        return TOKEN

    deployment = {"api_key": None, "entra_identity": True}
    settings = {"deployment": deployment, "token_provider": provide}
    assert _works(batch_kit, tmp_path, dialect, TOKEN, **settings)
    assert len(asked) > 5


def _refuse(*positions: int) -> Script:
    faults = [RouteFault("invalid_api_key", route, at=positions) for route in ROUTES]
    return Script(batches=Batches(faults=faults))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_expired_token_is_fetched_anew(batch_kit: Any, tmp_path: Path, dialect: str) -> None:
    """A 401 at any call has the token renewed and the call made again, which is done once."""
    issued: list[str] = []

    async def provide() -> str:
        issued.append(f"{TOKEN}{len(issued):04}")
        return issued[-1]

    deployment = {"api_key": None, "entra_identity": True}
    with ScriptedServer(_refuse(1)) as server:
        outcomes, notices = batch_kit.run(
            server,
            tmp_path,
            batch_kit.lines(3),
            dialect,
            deployment=deployment,
            token_provider=provide,
        )
        log = server.log.batches
    assert all(outcome.reply for outcome in outcomes.values())
    assert (log.uploads, log.creates, log.deletes) == (1, 1, 2)
    assert log.faults == {"invalid_api_key": len(ROUTES)}
    assert notices == []


@pytest.mark.parametrize("route", ["upload", "create", "find_batch", "download"])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_second_401_stops_the_run_and_loses_nothing(
    batch_kit: Any, tmp_path: Path, route: Any, *, is_new: bool
) -> None:
    """A new token that is refused too, or none that is new: the next sitting goes on there."""
    issued: list[str] = []

    async def provide() -> str:
        issued.append(f"{TOKEN}{len(issued):04}" if is_new else TOKEN)
        return issued[-1]

    deployment = {"api_key": None, "entra_identity": True}
    settings = {"deployment": deployment, "token_provider": provide}
    fault = RouteFault("invalid_api_key", route)
    with ScriptedServer(Script(batches=Batches(faults=[fault]))) as server:
        with pytest.raises(AccessDenied):
            batch_kit.run(server, tmp_path, batch_kit.lines(3), **settings)
        # A token that is no other isn't tried again.
        assert server.log.batches.faults == {"invalid_api_key": 2 if is_new else 1}
        server.play(Script())
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(3), **settings)
        log = server.log.batches
        assert (log.uploads, log.creates) == (1, 1)
        assert {line.billed for line in log.lines()} == {1}
    assert all(outcome.reply for outcome in outcomes.values())


def test_an_identity_without_a_token_stops_the_run(batch_kit: Any, tmp_path: Path) -> None:
    """Whoever isn't logged in any more is told so, and doesn't wait for ever."""

    async def provide() -> str:
        raise ValueError("please run 'az login'")

    settings = {"deployment": {"api_key": None, "entra_identity": True}, "token_provider": provide}
    with ScriptedServer() as server, pytest.raises(AccessDenied, match="az login"):
        batch_kit.run(server, tmp_path, batch_kit.lines(2), **settings)


def test_a_reply_that_repeats_the_token_is_told_without_it(batch_kit: Any, tmp_path: Path) -> None:
    """A token that was fetched is as secret as a key."""

    async def provide() -> str:
        return TOKEN

    settings = {"deployment": {"api_key": None, "entra_identity": True}, "token_provider": provide}
    with ScriptedServer(Script(answer=f"The token is {TOKEN}.")) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(2), **settings)
    assert not any(TOKEN in outcome.reply.text for outcome in outcomes.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_environment_gives_no_credential(
    batch_kit: Any, kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, dialect: str
) -> None:
    """Keys, tokens and addresses that only the environment names are never used."""
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"):
        monkeypatch.setenv(name, "sk-from-the-environment-0123")
    for name in ("OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert _works(batch_kit, tmp_path, dialect, kit.key)


@pytest.mark.usefixtures("trusted")
def test_batches_trust_whom_chat_requests_trust(kit: Any, authority: trustme.CA) -> None:
    """An authority that `SSL_CERT_FILE` names vouches for files and batches, too."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"data":[]}')

    async def go() -> list[Any]:
        async with kit.listen(answer, ssl=serving(authority, "localhost")) as port:
            client = connect(kit.deployment(base_url=f"https://localhost:{port}/v1"), timeout=60)
            async with client.sdk:
                return list(await Remote(client).files(name="a.jsonl", size=1))

    assert asyncio.run(go()) == []
