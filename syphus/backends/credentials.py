"""Entra tokens, which expire during a run."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from syphus.backends.server_text import show
from syphus.core.errors import AccessDenied, ConnectionFailed, SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TokenProvider: TypeAlias = "Callable[[], Awaitable[str]]"

# "Microsoft Entra ID authentication" in Azure OpenAI's documentation.
_SCOPE = "https://cognitiveservices.azure.com/.default"
_REMEMBERED = 4


@asynccontextmanager
async def entra_identity() -> AsyncIterator[TokenProvider]:
    """Tokens of whoever runs Syphus: azure-identity's `DefaultAzureCredential`.

    That is the environment's service principal, else the managed identity, else `az login`.

    Raises SettingsError where azure-identity isn't installed.
    """
    try:
        from azure.identity.aio import (  # noqa: PLC0415 - an extra, and 0.3 s
            DefaultAzureCredential,
            get_bearer_token_provider,
        )
    except ImportError as error:
        raise SettingsError(
            "Entra tokens need the package azure-identity: pip install 'syphus-engine[entra]', "
            "or set AZURE_OPENAI_AD_TOKEN"
        ) from error
    # It logs each failure at length; without a handler that would end on stderr.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    async with DefaultAzureCredential() as credential:
        yield get_bearer_token_provider(credential, _SCOPE)


class EntraToken:
    """The current token of one deployment; however many requests want one, it is fetched once.

    `issued` are the last tokens: a reply to a request with an older one may still repeat it.
    """

    def __init__(self, provider: TokenProvider) -> None:
        self._provider = provider
        self._lock = asyncio.Lock()
        self._refused: str | None = None
        self.value: str | None = None
        self.issued: tuple[str, ...] = ()

    async def current(self) -> str:
        """The provider's present token: it is asked each time, for it knows when one expires.

        Raises as `renewed` does.
        """
        async with self._lock:
            await self._take()
            return self._value_unless_refused()

    async def renewed(self, refused: str | None) -> str:
        """A token other than `refused`, fetched unless another request has fetched it already.

        Raises ConnectionFailed if the provider can't be reached, AccessDenied if it has no other
        token or gives none for another reason.
        """
        async with self._lock:
            if self.value is None or (self.value == refused and refused != self._refused):
                await self._take()
                if self.value == refused:
                    self._refused = refused
            return self._value_unless_refused()

    async def _take(self) -> None:
        token = await self._fetch()
        if token != self.value:
            self.value = token
            self.issued = (token, *self.issued)[:_REMEMBERED]

    def _value_unless_refused(self) -> str:
        if self.value is None or self.value == self._refused:
            raise AccessDenied("the Entra token was refused, and there is no newer one")
        return self.value

    async def _fetch(self) -> str:
        try:
            token = (await self._provider()).strip()
        except OSError as exc:
            message = show(f"no Entra token: {exc}", secrets=())
            raise ConnectionFailed(message) from exc
        except Exception as exc:
            # azure-identity tells what it tried in lines of their own; the first one says enough.
            said = str(exc).strip().partition("\n")[0].rstrip(".: ")
            message = show(f"no Entra token: {type(exc).__name__}: {said}", secrets=())
            raise AccessDenied(message) from exc
        if not token:
            raise AccessDenied("no Entra token: an empty one was given")
        if not token.isascii() or not token.isprintable():
            raise AccessDenied("no Entra token: what was given holds characters that no token has")
        return token
