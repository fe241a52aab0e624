"""OpenAI's own client for files and batches, and its errors.

The addresses and credentials are those of chat requests (`syphus.backends.addressing`), so what
works online works here. The client never retries by itself: a creation that is tried twice may be
paid for twice.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from syphus.backends.addressing import address_of
from syphus.backends.classify import http_error
from syphus.backends.credentials import EntraToken
from syphus.backends.headers import keep_headers
from syphus.backends.proxies import proxy_for
from syphus.backends.server_text import show
from syphus.core.errors import ConnectionFailed, MalformedReply, RequestError, TimedOut
from syphus.core.secrets import secrets_in_url

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from syphus.backends.credentials import TokenProvider
    from syphus.core.deployments import Deployment

_CHAT = "/chat/completions"
_NO_KEY = "no-key"
_BEARER = "Bearer "
_BASIC = "Basic "
_CONNECT_SECONDS = 30.0


@dataclass(slots=True, kw_only=True)
class Client:
    """The SDK's client of one deployment.

    `endpoint` names the place without a secret; `chat_path` is how a batch's lines call it.
    `fixed_secrets` are those that don't change; `token` is the Entra token where there is one.
    """

    sdk: AsyncOpenAI = field(repr=False)
    endpoint: str
    chat_path: str
    fixed_secrets: tuple[str, ...] = field(repr=False)
    token: EntraToken | None = field(repr=False, default=None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may repeat: keys, passwords, the last tokens."""
        return self.fixed_secrets + (self.token.issued if self.token else ())

    async def renew(self) -> bool:
        """After a 401: fetches another token; False where the credential is no token that can be.

        Raises ConnectionFailed, or AccessDenied where there is no newer one.
        """
        if self.token is None:
            return False
        await self.token.renewed(self.token.value)
        return True

    def error(self, exc: Exception) -> RequestError:
        """The error of ours for whatever a call of the SDK raised.

        `maybe_billed` stays False: whether a creation came to something is looked up.
        """
        import openai  # noqa: PLC0415 - 0.6 s, not needed by --help

        if isinstance(exc, RequestError):
            return exc
        if isinstance(exc, openai.APIStatusError):
            headers = keep_headers(exc.response.headers.raw)
            body = exc.response.content
            return http_error(exc.status_code, body, headers, secrets=self.secrets, now=time.time())
        if isinstance(exc, openai.APITimeoutError | TimeoutError):
            return TimedOut("no whole answer within the timeout")
        if isinstance(exc, openai.APIResponseValidationError | ValueError):
            said = show(str(exc), secrets=self.secrets)
            return MalformedReply(f"an answer that can't be understood: {said[:80]}")
        cause = exc.__cause__ or exc
        said = show(str(cause), secrets=self.secrets) or type(cause).__name__
        return ConnectionFailed(f"the connection failed: {said}")


def connect(
    deployment: Deployment, *, timeout: float, token_provider: TokenProvider | None = None
) -> Client:
    """A client for `deployment`; close its `sdk` after use. `timeout` is seconds without a byte.

    Raises SettingsError for an address, key or proxy that can't work.
    """
    from openai import (  # noqa: PLC0415 - 0.6 s, not needed by --help
        AsyncAzureOpenAI,
        AsyncOpenAI,
        DefaultAsyncHttpxClient,
        Timeout,
    )

    address = address_of(deployment)
    parts = urlsplit(address.chat_url)
    path = parts.path.removesuffix(_CHAT)
    proxy = proxy_for(address.chat_url)
    is_azure = address.models_url is None
    settings: dict[str, Any] = {
        "max_retries": 0,
        "timeout": Timeout(timeout, connect=_CONNECT_SECONDS),
        "http_client": DefaultAsyncHttpxClient(
            # The authorities that chat requests trust: the SDK's own would be certifi's.
            verify=ssl.create_default_context(),
            trust_env=False,
            proxy=proxy,
            follow_redirects=False,
        ),
    }
    entra = EntraToken(token_provider) if token_provider else None
    bearer = address.headers.get("Authorization", "")
    if bearer.startswith(_BASIC):
        settings["default_headers"] = {"Authorization": bearer}
    token = bearer.removeprefix(_BEARER) if bearer.startswith(_BEARER) else None
    sdk: AsyncOpenAI
    if is_azure:
        before = path.partition("/openai/deployments/")[0]
        sdk = AsyncAzureOpenAI(
            azure_endpoint=f"{parts.scheme}://{parts.netloc}{before}",
            api_version=deployment.api_version,
            api_key=None if entra or token else address.headers.get("api-key", _NO_KEY),
            azure_ad_token=None if entra else token,
            azure_ad_token_provider=entra.current if entra else None,
            **settings,
        )
    else:
        sdk = AsyncOpenAI(
            base_url=f"{parts.scheme}://{parts.netloc}{path}",
            api_key=entra.current if entra else token or _NO_KEY,
            default_query=dict(parse_qsl(parts.query)),
            **settings,
        )
    # The SDK fills these from the environment, which only the settings may read.
    sdk.organization = sdk.project = None
    return Client(
        sdk=sdk,
        endpoint=f"{parts.scheme}://{parts.netloc}{before if is_azure else path}",
        # Each as the provider's own pages on batches have it.
        chat_path=_CHAT if is_azure else f"/v1{_CHAT}",
        fixed_secrets=(*address.secrets, *secrets_in_url(proxy or "")),
        token=entra,
    )
