"""Where a deployment's requests go, and the headers that open it.

They are what the openai package's own clients would use: the tests hold each against theirs. The
package itself takes 0.6 s to import, which is more than ten thousand requests' worth of work here.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

from syphus.core.errors import SettingsError
from syphus.core.secrets import secrets_in_url

if TYPE_CHECKING:
    from pydantic import SecretStr

    from syphus.core.deployments import Deployment

_CHAT = "/chat/completions"
# Marks of a path that are sent as they stand, beside letters and digits.
_KEPT = "/%:@!$&'()*+,;=~"
_AZURE_HOSTS = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The URLs and headers of one deployment.

    `models_url` lists the models that can be asked for; None on Azure, whose list names what the
    resource could deploy and not what it has deployed. `headers` holds the credential, and
    `secrets` what no message may repeat. None of them is shown by the representation.
    """

    chat_url: str = field(repr=False)
    models_url: str | None = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def address_of(deployment: Deployment) -> Address:
    """The address of `deployment`.

    A trailing slash or a trailing `/chat/completions` of the base URL is dropped, a bare
    `http://host:port` gets `/v1` (`/openai/v1` on Azure's hosts), and an Azure endpoint may be
    given with its path or as the whole target address. Azure's own `/openai/v1` works as any
    compatible endpoint does: key as Bearer, no API version, model in the body.

    A user name and password in the base URL become basic authorization.

    Raises SettingsError for an address or key that can't be used.
    """
    parts = _split(deployment)
    path = parts.path.rstrip("/").removesuffix(_CHAT).rstrip("/")
    if deployment.api_type == "azure" and not path.endswith("/openai/v1"):
        return _azure(deployment, parts, path)
    return _openai(deployment, parts, path or _default_path(parts))


def _openai(deployment: Deployment, parts: SplitResult, path: str) -> Address:
    key = _secret(deployment, deployment.api_key or deployment.entra_token)
    base = _root(parts) + quote(path, safe=_KEPT)
    query = f"?{parts.query}" if parts.query else ""
    headers = _bearer(key) if key else {}
    return Address(
        chat_url=f"{base}{_CHAT}{query}",
        models_url=f"{base}/models{query}",
        headers=headers | _basic(deployment, parts, headers),
        secrets=_secrets(key, deployment),
    )


def _azure(deployment: Deployment, parts: SplitResult, path: str) -> Address:
    if not deployment.api_version:
        raise SettingsError(
            f"deployment {deployment.name!r}: Azure needs an API version, "
            "such as OPENAI_API_VERSION=2024-10-21"
        )
    # What stands before /openai belongs to a gateway in front of the resource.
    before = f"{path}/".partition("/openai/")[0].rstrip("/")
    base = f"{_root(parts)}{quote(before, safe=_KEPT)}/openai"
    query = urlencode({"api-version": deployment.api_version})
    token = _secret(deployment, deployment.entra_token)
    key = None if token else _secret(deployment, deployment.api_key)
    headers = _bearer(token) if token else {"api-key": key} if key else {}
    return Address(
        chat_url=f"{base}/deployments/{quote(deployment.model, safe='')}{_CHAT}?{query}",
        models_url=None,
        headers=headers | _basic(deployment, parts, headers),
        secrets=_secrets(token or key, deployment),
    )


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _split(deployment: Deployment) -> SplitResult:
    try:
        parts = urlsplit(deployment.base_url.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, an unclosed bracket
        usable = False
    if not usable:
        # The address itself may hold a password, so it isn't repeated.
        raise SettingsError(
            f"deployment {deployment.name!r}: the base URL must be a whole address "
            "such as https://api.openai.com/v1 or http://localhost:8000"
        )
    return parts


def _root(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _default_path(parts: SplitResult) -> str:
    return "/openai/v1" if (parts.hostname or "").endswith(_AZURE_HOSTS) else "/v1"


def _secret(deployment: Deployment, secret: SecretStr | None) -> str | None:
    value = secret.get_secret_value().strip() if secret else ""
    if not value.isascii() or not value.isprintable():
        raise SettingsError(
            f"deployment {deployment.name!r}: the key holds characters that no key has; "
            "was it copied whole, and alone?"
        )
    return value or None


def _basic(deployment: Deployment, parts: SplitResult, headers: dict[str, str]) -> dict[str, str]:
    if parts.username is None:
        return {}
    if headers:
        raise SettingsError(
            f"deployment {deployment.name!r}: both a key and a user name in the base URL; give one"
        )
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _secrets(key: str | None, deployment: Deployment) -> tuple[str, ...]:
    found = (key, *secrets_in_url(deployment.base_url.strip()))
    return tuple(secret for secret in found if secret)
