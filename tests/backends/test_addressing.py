"""Addresses and credentials."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from pydantic import SecretStr

from syphus.backends.addressing import address_of
from syphus.core.deployments import Deployment
from syphus.core.errors import SettingsError

AZURE = {"api_type": "azure", "api_version": "2024-10-21"}


@pytest.mark.parametrize(
    ("base_url", "chat_url"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
        (
            "https://api.openai.com/v1/chat/completions",
            "https://api.openai.com/v1/chat/completions",
        ),
        ("https://gw/v1/chat/completions/ ", "https://gw/v1/chat/completions"),
        ("http://localhost:8000", "http://localhost:8000/v1/chat/completions"),
        ("http://localhost:8000/", "http://localhost:8000/v1/chat/completions"),
        ("http://[::1]:8000", "http://[::1]:8000/v1/chat/completions"),
        ("https://gw/v1?team=a&x=1", "https://gw/v1/chat/completions?team=a&x=1"),
        ("https://gw/api/paas/v4", "https://gw/api/paas/v4/chat/completions"),
        (
            "https://res.openai.azure.com/openai/v1/",
            "https://res.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "https://res.openai.azure.com",
            "https://res.openai.azure.com/openai/v1/chat/completions",
        ),
    ],
)
def test_compatible_addresses(kit: Any, base_url: str, chat_url: str) -> None:
    """However the base URL is written, completions are asked for at one place."""
    address = address_of(kit.deployment(base_url=base_url))
    assert address.chat_url == chat_url
    assert address.models_url == chat_url.replace("/chat/completions", "/models")
    assert address.headers == {"Authorization": f"Bearer {kit.key}"}


@pytest.mark.parametrize(
    "base_url",
    [
        "https://res.openai.azure.com",
        "https://res.openai.azure.com/",
        "https://res.openai.azure.com/openai",
        "https://res.openai.azure.com/openai/deployments/other/chat/completions?api-version=1",
    ],
)
def test_azure_addresses(kit: Any, base_url: str) -> None:
    """Azure's address holds the deployment and the version, and its key has a header of its own."""
    address = address_of(kit.deployment(base_url=base_url, **AZURE))
    assert address.chat_url == (
        "https://res.openai.azure.com/openai/deployments/gpt-4o/chat/completions"
        "?api-version=2024-10-21"
    )
    assert address.models_url is None
    assert address.headers == {"api-key": kit.key}


def test_azure_behind_a_gateway(kit: Any) -> None:
    """What stands before Azure's own path stays."""
    address = address_of(kit.deployment(base_url="https://gw.azure-api.net/team", **AZURE))
    assert address.chat_url.startswith("https://gw.azure-api.net/team/openai/deployments/gpt-4o/")


def test_azure_type_with_its_newer_address(kit: Any) -> None:
    """Azure's /openai/v1 takes no version, wherever the type says azure."""
    address = address_of(
        kit.deployment(base_url="https://res.openai.azure.com/openai/v1/", api_type="azure")
    )
    assert address.chat_url == "https://res.openai.azure.com/openai/v1/chat/completions"
    assert address.headers == {"Authorization": f"Bearer {kit.key}"}


@pytest.mark.parametrize("api_type", ["azure", "openai"])
def test_entra_token_is_a_bearer(kit: Any, api_type: str) -> None:
    """An Entra token goes where Entra tokens go, on either kind of address."""
    address = address_of(
        kit.deployment(
            base_url="https://res.openai.azure.com",
            api_type=api_type,
            api_version="2024-10-21",
            api_key=None,
            entra_token=SecretStr("token-0123456789"),
        )
    )
    assert address.headers == {"Authorization": "Bearer token-0123456789"}


@pytest.mark.parametrize(
    ("model", "quoted"),
    [
        ("my gpt 4", "my%20gpt%204"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("../secrets?x=#", "..%2Fsecrets%3Fx%3D%23"),
        ("100%25", "100%2525"),
    ],
)
def test_azure_deployment_names_are_quoted(kit: Any, model: str, quoted: str) -> None:
    """A deployment's name is one step of the path, whatever characters it has."""
    address = address_of(
        kit.deployment(base_url="https://res.openai.azure.com", model=model, **AZURE)
    )
    assert f"/openai/deployments/{quoted}/chat/completions?" in address.chat_url


@pytest.mark.parametrize("settings", [{}, AZURE])
@pytest.mark.parametrize("key", [None, SecretStr(""), SecretStr("  \n")])
def test_no_key_no_header(kit: Any, settings: Any, key: SecretStr | None) -> None:
    """Where there is no key, nothing is sent that looks like one."""
    address = address_of(kit.deployment(base_url="http://localhost:1", api_key=key, **settings))
    assert address.headers == {}


@pytest.mark.parametrize("settings", [{}, AZURE])
def test_environment_fills_no_gap(kit: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, addresses and proxies of the environment don't come in by the side door."""
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"):
        monkeypatch.setenv(name, "from-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    deployment = kit.deployment(base_url="http://localhost:1", api_key=None, **settings)
    address = address_of(deployment)
    assert address.headers == {}
    assert address.chat_url.startswith("http://localhost:1/")


def test_key_is_stripped(kit: Any) -> None:
    """A line end that came along with a copied key is no part of it."""
    address = address_of(kit.deployment(api_key=SecretStr(f" {kit.key}\n")))
    assert address.headers == {"Authorization": f"Bearer {kit.key}"}


def test_user_name_in_the_address(kit: Any) -> None:
    """A user name and password become basic authorization and leave the address."""
    address = address_of(kit.deployment(base_url="https://me:p%40ss@gw/v1", api_key=None))
    assert address.chat_url == "https://gw/v1/chat/completions"
    assert address.headers == {"Authorization": "Basic " + base64.b64encode(b"me:p@ss").decode()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": "api.openai.com/v1"}, "base URL"),
        ({"base_url": "localhost:8000"}, "base URL"),
        ({"base_url": "ftp://host/v1"}, "base URL"),
        ({"base_url": "http://host:port/v1"}, "base URL"),
        ({"base_url": "http://[::1/v1"}, "base URL"),
        ({"base_url": ""}, "base URL"),
        ({"base_url": "https://me:pass@gw/v1"}, "give one"),
        ({"api_key": SecretStr("sk-one\nsk-two")}, "copied whole"),
        ({"api_key": SecretStr("sk-…")}, "copied whole"),
        ({"api_type": "azure"}, "OPENAI_API_VERSION"),
    ],
)
def test_unusable_settings(kit: Any, changes: Any, words: str) -> None:
    """What can't work is refused with its deployment's name and without its secrets."""
    with pytest.raises(SettingsError, match=words) as caught:
        address_of(kit.deployment(**changes))
    assert "'here'" in str(caught.value)
    assert "sk-" not in str(caught.value)
    assert "pass" not in str(caught.value)


def test_nothing_secret_in_the_representation(kit: Any) -> None:
    """An address can be printed."""
    assert kit.key not in repr(address_of(kit.deployment()))


def sent_by_the_sdk(base_url: str, key: str, deployment: Deployment) -> list[tuple[str, Any, Any]]:
    """Address and credentials with which the openai package asks for a completion and for models.

    Azure's client gets no path: what may stand there is ours to read.
    """
    import openai  # noqa: PLC0415 - slow to import

    sent = []

    def keep(request: Any) -> None:
        found = request.headers
        sent.append((str(request.url), found.get("Authorization"), found.get("api-key")))
        raise ConnectionRefusedError

    http = openai.DefaultHttpxClient(trust_env=False, event_hooks={"request": [keep]})
    client: openai.OpenAI = (
        openai.AzureOpenAI(
            azure_endpoint=base_url,
            azure_deployment=quote(deployment.model, safe=""),
            api_version=deployment.api_version,
            api_key=None if deployment.entra_token else key,
            azure_ad_token=key if deployment.entra_token else None,
            http_client=http,
            max_retries=0,
        )
        if deployment.api_type == "azure"
        else openai.OpenAI(base_url=base_url, api_key=key, http_client=http, max_retries=0)
    )
    with client:
        for ask in (
            lambda: client.chat.completions.create(model=deployment.model, messages=[]),
            client.models.list,
        ):
            with pytest.raises((openai.APIConnectionError, ConnectionRefusedError)):
                ask()
    return sent


@pytest.mark.parametrize("entra", [False, True])
@pytest.mark.parametrize("settings", [{}, AZURE, {**AZURE, "model": "größe 4/é%"}])
@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.openai.com/v1",
        "https://res.openai.azure.com",
        "https://gw.azure-api.net/team a/größe/v1/",
        "https://gw.azure-api.net/team%20a/(b)+c@d,e;f=g:h/v1",
        "http://localhost:8000/api",
        "http://[::1]:8000/v1",
    ],
)
def test_addresses_are_those_of_the_sdk(
    kit: Any, base_url: str, settings: Any, *, entra: bool
) -> None:
    """The openai package's own clients, asked for one call, send it where we do, opened alike."""
    secret = SecretStr(kit.key)
    credential = {"api_key": None, "entra_token": secret} if entra else {"api_key": secret}
    deployment = kit.deployment(base_url=base_url, **credential, **settings)
    address = address_of(deployment)
    given = base_url
    if deployment.api_type != "azure" and not urlsplit(base_url).path:
        given += "/openai/v1"  # the default that we add to a bare Azure host
    completion, models = sent_by_the_sdk(given, kit.key, deployment)
    headers = address.headers
    assert completion == (address.chat_url, headers.get("Authorization"), headers.get("api-key"))
    if address.models_url is not None:
        assert models[0] == address.models_url
