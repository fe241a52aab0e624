from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from syphus.core.errors import AccessDenied
from syphus.testing import Script, ScriptedServer

DIALECTS = ["openai", "azure", "azure-v1"]
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
