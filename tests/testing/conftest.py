from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syphus.testing import ScriptedServer


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)

    @property
    def content(self) -> str | None:
        """The assistant's content."""
        return self.value["choices"][0]["message"]["content"]

    @property
    def error(self) -> dict[str, Any]:
        """The provider's error object."""
        return self.value["error"]


def _body_of(text: str, **settings: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **settings}


def _address(server: ScriptedServer, dialect: str) -> str:
    if dialect == "azure":
        return (
            f"{server.azure_endpoint}/openai/deployments/d/chat/completions?api-version=2024-10-21"
        )
    return f"{server.base_url}/chat/completions"


async def _ask_all_async(
    server: ScriptedServer,
    texts: Sequence[str],
    *,
    dialect: str = "openai",
    headers: Mapping[str, str] | None = None,
    deadline: float = 10,
    at_once: int = 1000,
    **settings: Any,
) -> list[Answered]:
    gate = asyncio.Semaphore(at_once)

    async def ask_one(session: aiohttp.ClientSession, text: str) -> Answered:
        url = _address(server, dialect)
        async with gate, session.post(url, json=_body_of(text, **settings)) as response:
            return Answered(response.status, response.headers, await response.read())

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=deadline),
        headers=headers,
    ) as session:
        return list(await asyncio.gather(*(ask_one(session, text) for text in texts)))


@pytest.fixture
def ask_all() -> Callable[..., list[Answered]]:
    """Asks many texts at once, in their order if `at_once` is 1."""

    def run(server: ScriptedServer, texts: Sequence[str], **settings: Any) -> list[Answered]:
        return asyncio.run(_ask_all_async(server, texts, **settings))

    return run


@pytest.fixture
def ask() -> Callable[..., Answered]:
    """Asks one text."""

    def run(server: ScriptedServer, text: str = "A dog by a lake.", **settings: Any) -> Answered:
        return asyncio.run(_ask_all_async(server, [text], **settings))[0]

    return run


@pytest.fixture
def post_raw() -> Callable[[int], socket.socket]:
    """Sends one whole request over a plain socket, to see how the connection ends."""
    opened: list[socket.socket] = []

    def post(port: int) -> socket.socket:
        body = orjson.dumps(_body_of("A dog by a lake."))
        connection = socket.create_connection(("127.0.0.1", port), timeout=5)
        opened.append(connection)
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        return connection

    yield post
    for connection in opened:
        connection.close()
