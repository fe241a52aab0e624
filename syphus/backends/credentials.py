"""Entra tokens, which expire during a run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from syphus.backends.redaction import show
from syphus.core.errors import AccessDenied, ConnectionFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TokenProvider: TypeAlias = "Callable[[], Awaitable[str]]"


class EntraToken:
    """The current token of one deployment; however many requests want one, it is fetched once."""

    def __init__(self, provider: TokenProvider) -> None:
        self._provider = provider
        self._lock = asyncio.Lock()
        self.value: str | None = None

    async def renewed(self, refused: str | None) -> str:
        """A token other than `refused`, fetched unless another request has fetched it already.

        Raises ConnectionFailed if the provider can't be reached, AccessDenied if it gives no
        token for another reason.
        """
        async with self._lock:
            if self.value is None or self.value == refused:
                self.value = await self._fetch()
            return self.value

    async def _fetch(self) -> str:
        try:
            return (await self._provider()).strip()
        except OSError as exc:
            message = show(f"no Entra token: {exc}", secrets=())
            raise ConnectionFailed(message) from exc
        except Exception as exc:
            message = show(f"no Entra token: {type(exc).__name__}: {exc}", secrets=())
            raise AccessDenied(message) from exc
