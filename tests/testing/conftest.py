from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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


class Customer:
    """OpenAI's own client, and the steps of a batch with it."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def line(self, custom_id: str, text: str, **settings: Any) -> dict[str, Any]:
        """A request as a line of an input file."""
        url = "/v1/chat/completions"
        return {
            "custom_id": custom_id,
            "method": "POST",
            "url": url,
            "body": _body_of(text, **settings),
        }

    def upload(self, lines: Sequence[Any] | bytes, **settings: Any) -> Any:
        """Uploads lines, each asking one text if it is a text, as q-0, q-1 and so on."""
        if not isinstance(lines, bytes):
            values = [
                self.line(f"q-{number}", line) if isinstance(line, str) else line
                for number, line in enumerate(lines)
            ]
            lines = b"".join(orjson.dumps(value) + b"\n" for value in values)
        return self.client.files.create(
            file=("input.jsonl", lines, "application/jsonl"), purpose="batch", **settings
        )

    def create(self, lines: Sequence[Any] | bytes, **settings: Any) -> Any:
        """Uploads lines and makes a batch of them."""
        return self.order(self.upload(lines).id, **settings)

    def order(self, file_id: str, **settings: Any) -> Any:
        """Makes a batch of an uploaded file."""
        return self.client.batches.create(
            input_file_id=file_id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            **settings,
        )

    def look(self, batch: Any, times: int = 1) -> Any:
        """Looks at a batch so many times; gives what the last look showed."""
        for _ in range(times):
            batch = self.client.batches.retrieve(batch.id)
        return batch

    def end(self, batch: Any) -> Any:
        """Looks at a batch until it has ended."""
        for _ in range(50):
            batch = self.look(batch)
            if batch.status in ("completed", "expired", "cancelled", "failed"):
                return batch
        raise AssertionError(f"still {batch.status}")

    def download(self, file_id: str) -> bytes:
        """A file's bytes."""
        content: bytes = self.client.files.content(file_id).content
        return content

    def read(self, file_id: str | None) -> list[dict[str, Any]]:
        """A file's lines, none if there is no file."""
        return [orjson.loads(one) for one in self.download(file_id).splitlines()] if file_id else []


@pytest.fixture
def connect() -> Iterator[Callable[..., Customer]]:
    """Connects OpenAI's client, for one dialect: openai, azure, or azure-v1."""
    import openai  # noqa: PLC0415 - slow to import

    with ExitStack() as stack:

        def open_client(server: ScriptedServer, dialect: str = "openai") -> Customer:
            settings: dict[str, Any] = {"api_key": "k", "max_retries": 0, "timeout": 10}
            if dialect == "azure":
                endpoint = server.azure_endpoint
                client: Any = openai.AzureOpenAI(
                    azure_endpoint=endpoint, api_version="2024-10-21", **settings
                )
            else:
                root = server.azure_endpoint + "/openai/v1"
                url = server.base_url if dialect == "openai" else root
                client = openai.OpenAI(base_url=url, **settings)
            return Customer(stack.enter_context(client))

        yield open_client
