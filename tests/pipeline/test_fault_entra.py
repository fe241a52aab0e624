"""Entra tokens in a run: given, fetched, expired, refused."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from syphus.core.errors import SettingsError
from syphus.testing import Fault, Script, draw_answer

SCOPE = "https://cognitiveservices.azure.com/.default"
FIRST, SECOND, THIRD = (f"eyJ0eXAi.{n}9vQ0aZ7wLkP2sT8xY1.s1gn{n}" for n in (1, 2, 3))


@dataclass
class Identity:
    """Stands for azure-identity: gives these tokens, one at each call."""

    tokens: list[str]
    failure: Exception | None = None
    calls: int = 0
    open: int = 0
    scopes: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def __aenter__(self) -> Self:
        self.open += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open -= 1

    def provider(self, credential: object, *scopes: str) -> Callable[[], Any]:
        """As `get_bearer_token_provider`."""
        assert credential is self
        self.scopes.update(scopes)

        async def provide() -> str:
            with self.lock:
                self.calls += 1
            if self.failure is not None:
                raise self.failure
            return self.tokens[min(self.calls, len(self.tokens)) - 1]

        return provide


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Identity]:
    """Puts an identity in the place of the machine's own."""

    def install(*tokens: str, failure: Exception | None = None) -> Identity:
        found = Identity(list(tokens), failure)
        module = types.ModuleType("azure.identity.aio")
        module.__dict__.update(
            DefaultAzureCredential=lambda: found, get_bearer_token_provider=found.provider
        )
        for name in ("azure", "azure.identity"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, "azure.identity.aio", module)
        return found

    return install


def entra(job: Any, **more: Any) -> dict[str, Any]:
    """Settings of a run on one Azure deployment by Entra."""
    entry = {"name": "az", "api_type": "azure", "model": "m", "entra": True, **more}
    return {
        "base_url": None,
        "model": None,
        "num_threads": 64,
        "deployments": [{"base_url": job.server.azure_endpoint, **entry}],
    }


def test_the_machines_identity_gives_the_token(
    job: Any, photos: Callable[..., Any], identity: Callable[..., Identity]
) -> None:
    """One token for all, of Azure's scope, and the credential is closed in the end."""
    found = identity(FIRST)
    job.server.play(Script(api_keys={FIRST}))
    assert job.run(photos(100), **entra(job)).counts == (100, 0, 0)
    assert (found.calls, found.open, found.scopes) == (1, 0, {SCOPE})
    assert job.server.log.statuses == {200: 100}


def test_the_type_azure_ad_without_a_token_means_the_identity(
    job: Any,
    photos: Callable[..., Any],
    identity: Callable[..., Identity],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By variables alone, as the first SDK spelled it."""
    identity(FIRST)
    job.server.play(Script(api_keys={FIRST}))
    monkeypatch.setenv("OPENAI_API_TYPE", "azure_ad")
    monkeypatch.setenv("OPENAI_API_BASE", job.server.azure_endpoint)
    assert job.run(photos(3), base_url=None).counts == (3, 0, 0)


def test_a_token_that_expires_is_fetched_once_for_all(
    job: Any, photos: Callable[..., Any], identity: Callable[..., Identity]
) -> None:
    """Whatever is in flight finds it expired: one new token, each asked once more, none failed."""
    found, accepted, answers = identity(FIRST, SECOND), {FIRST}, []

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        answers.append(1)
        if len(answers) == 150:
            accepted.symmetric_difference_update({FIRST, SECOND})
        return draw_answer(messages, body)

    job.server.play(Script(answer=answer, latency=0.03, api_keys=accepted))
    sitting = job.run(photos(500), **entra(job))
    assert sitting.counts == (500, 0, 0)
    assert found.calls == 2
    refused = job.server.log.statuses[401]
    assert 1 <= refused <= 64
    assert job.server.log.requests == 500 + refused
    assert sitting.outcome.snapshot.sent == 500


def test_one_refusal_in_mid_run(
    job: Any, photos: Callable[..., Any], identity: Callable[..., Identity]
) -> None:
    """A single 401 costs one request more, and nobody else is asked again."""
    found = identity(FIRST, SECOND)
    job.server.play(Script(latency=0.02, faults=[Fault("expired_token", at={70})]))
    sitting = job.run(photos(200), **entra(job))
    assert sitting.counts == (200, 0, 0)
    assert found.calls == 2
    assert job.server.log.requests == 201


def test_a_second_refusal_is_final(
    job: Any, photos: Callable[..., Any], identity: Callable[..., Identity]
) -> None:
    """The new token is refused too: no third one, the run ends and says so without a token."""
    found = identity(FIRST, SECOND, THIRD)
    job.server.play(Script(faults=[Fault("expired_token")]))
    sitting = job.run(photos(300), **entra(job))
    assert sitting.outcome.exit_status == 3
    assert "401" in str(sitting.outcome.stopped_by)
    assert found.calls == 2
    assert job.server.log.requests <= 2 * 64
    assert not {FIRST, SECOND} & set(sitting.said.split())


def test_an_identity_without_another_token_is_asked_once(
    job: Any, photos: Callable[..., Any], identity: Callable[..., Identity]
) -> None:
    """azure-identity gives its token until shortly before its end: a revoked one stays refused."""
    found = identity(FIRST)
    job.server.play(Script(latency=0.02, api_keys={SECOND}))
    sitting = job.run(photos(300), **entra(job))
    assert sitting.outcome.exit_status == 3
    assert "Entra token was refused" in str(sitting.outcome.stopped_by)
    assert found.calls == 2
    assert job.server.log.requests <= 64


def test_an_identity_that_fails_ends_the_run(
    job: Any, photos: Callable[..., Any], identity: Callable[..., Identity]
) -> None:
    """One line with the first of what azure-identity says; nothing was sent, all can go on."""
    many = "DefaultAzureCredential failed to retrieve a token.\nAttempted:\n\tEnvironment: none"
    identity(failure=RuntimeError(many))
    sitting = job.run(photos(50), **entra(job))
    assert sitting.outcome.exit_status == 3
    why = str(sitting.outcome.stopped_by)
    assert "no Entra token" in why
    assert "DefaultAzureCredential" in why
    assert "Attempted" not in why
    assert len(why) < 200
    assert job.server.log.requests == 0
    identity(FIRST)
    assert job.run(photos(50), **entra(job)).counts == (50, 0, 0)


def test_without_the_package_the_line_says_what_to_install(
    job: Any, photos: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """azure-identity is an extra."""
    monkeypatch.setitem(sys.modules, "azure.identity.aio", None)
    with pytest.raises(SettingsError, match=r"syphus-engine\[entra\]"):
        job.run(photos(3), **entra(job))
    assert job.server.log.requests == 0


def test_a_token_of_ones_own_needs_no_package(
    job: Any, photos: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the variable that the SDK reads too, or from one that the file names."""
    monkeypatch.setitem(sys.modules, "azure.identity.aio", None)
    job.server.play(Script(api_keys={FIRST}))
    monkeypatch.setenv("MY_TOKEN", FIRST)
    assert job.run(photos(2), **entra(job, api_key_env="MY_TOKEN")).counts == (2, 0, 0)
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", FIRST)
    assert job.run(photos(4), **entra(job)).counts == (4, 0, 0)


def test_the_real_package_fails_in_one_line(
    job: Any, photos: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing in the environment azure-identity's own error ends the run, without its log."""
    pytest.importorskip("azure.identity", reason="the extra isn't installed")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    sitting = job.run(photos(20), **entra(job))
    assert sitting.outcome.exit_status == 3
    assert "no Entra token" in str(sitting.outcome.stopped_by)
    assert len(str(sitting.outcome.stopped_by)) < 300
    assert job.server.log.requests == 0
