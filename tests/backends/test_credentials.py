"""Entra tokens that expire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from syphus.core.errors import AccessDenied, ConnectionFailed, RequestError
from syphus.core.records import Reply

AZURE = {"api_type": "azure", "api_version": "2024-10-21"}


class Issuer:
    """Gives out token-1, token-2, ... and a server that accepts some of them."""

    def __init__(self, kit: Any, *, accepted: set[str]) -> None:
        self.issued = 0
        self.seen: list[tuple[str | None, str | None]] = []
        self._accepted = accepted
        self._kit = kit

    async def provide(self) -> str:
        """The next token."""
        await asyncio.sleep(0.01)
        self.issued += 1
        return f"token-{self.issued}\n"

    async def handle(self, request: web.Request) -> web.Response:
        """Answers those whose token is accepted."""
        bearer = request.headers.get("Authorization")
        self.seen.append((bearer, request.headers.get("api-key")))
        if (bearer or "").removeprefix("Bearer ") in self._accepted:
            return web.json_response(self._kit.completion())
        return web.json_response({"error": {"message": f"expired: {bearer}"}}, status=401)

    def ask(self, times: int) -> list[Reply]:
        """The replies to as many asks at once."""

        async def run() -> list[Reply]:
            async with self._kit.backend(
                self.handle, token_provider=self.provide, deployment=AZURE
            ) as backend:
                asks = [backend.ask(self._kit.request(), attempt=1) for _ in range(times)]
                return await asyncio.gather(*asks)

        return asyncio.run(run())


def test_one_token_serves_all(kit: Any) -> None:
    """Asks at the same moment share one token, and the key isn't sent beside it."""
    issuer = Issuer(kit, accepted={"token-1"})
    assert len(issuer.ask(64)) == 64
    assert issuer.issued == 1
    assert set(issuer.seen) == {("Bearer token-1", None)}


def test_an_expired_token_is_renewed_once_for_all(kit: Any) -> None:
    """However many asks find the token expired, one new token is fetched."""
    issuer = Issuer(kit, accepted={"token-2"})
    assert len(issuer.ask(64)) == 64
    assert issuer.issued == 2
    assert len(issuer.seen) == 2 * 64


def test_a_second_refusal_is_final(kit: Any) -> None:
    """A new token that is refused too ends it, and isn't shown."""
    issuer = Issuer(kit, accepted=set())
    with pytest.raises(AccessDenied) as caught:
        issuer.ask(1)
    assert len(issuer.seen) == 2
    assert "token-2" not in str(caught.value)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (OSError("unreachable"), ConnectionFailed),
        (TimeoutError("slow"), ConnectionFailed),
        (RuntimeError("no identity for sk-0123456789"), AccessDenied),
    ],
)
def test_a_provider_that_fails(kit: Any, failure: Exception, kind: type[RequestError]) -> None:
    """A provider that can't be reached may be later; another failure is a refusal."""

    async def provide() -> str:
        raise failure

    async def run() -> None:
        async with kit.backend(
            Issuer(kit, accepted=set()).handle, token_provider=provide, deployment=AZURE
        ) as backend:
            await backend.ask(kit.request(), attempt=1)

    with pytest.raises(kind) as caught:
        asyncio.run(run())
    assert "sk-" not in str(caught.value)
