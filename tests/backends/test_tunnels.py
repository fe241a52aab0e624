"""Proxies on the way to a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import trustme

from syphus.backends.transport.errors import (
    NoConnection,
    ProxyRefused,
)
from tests.backends.dialing_kit import Answering, Run, exchange, free_port, serving


class Proxy:
    """Opens tunnels to `port`, whatever is asked for; answers with `refusal` if it has one."""

    def __init__(self, port: int, refusal: bytes | None = None) -> None:
        self.port = port
        self.refusal = refusal
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        if self.refusal is not None:
            writer.write(self.refusal)
            return
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self.port)
        for piece in (b"HTTP/1.1 20", b"0 Connection established\r\nX: y\r\n\r", b"\n"):
            writer.write(piece)
            await asyncio.sleep(0.002)
        try:
            await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer))
        finally:
            other_writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Passes bytes on until there are no more."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_tunnel(kit: Any, run: Run, authority: trustme.CA, scheme: str) -> None:
    """Through a proxy, itself by TLS or not, TLS reaches the server, asked by its own name."""
    names: list[Any] = []
    server = Answering(kit)

    async def go() -> None:
        async with kit.listen(server, ssl=serving(authority, "models.test", seen=names)) as port:
            proxy = Proxy(port)
            context = serving(authority, "localhost") if scheme == "https" else None
            async with kit.listen(proxy, ssl=context) as proxy_port:
                address = f"{scheme}://me:pass@localhost:{proxy_port}"
                answers = await exchange("https://models.test/v1", proxy=address, asks=3)
                assert [len(answer.body) for answer in answers] == [200_000] * 3
            (head,) = proxy.heads
            assert head == (
                b"CONNECT models.test:443 HTTP/1.1\r\nHost: models.test:443\r\n"
                b"Proxy-Authorization: Basic bWU6cGFzcw==\r\n\r\n"
            )

    run(go())
    assert names == ["models.test"]
    assert server.opened == 1
    assert not any(b"Proxy" in head for head in server.heads)


@pytest.mark.usefixtures("trusted")
def test_a_tunnel_to_somebody_else(kit: Any, run: Run, authority: trustme.CA) -> None:
    """A proxy can't stand in for the server."""

    async def go() -> None:
        async with (
            kit.listen(Answering(kit), ssl=serving(authority, "evil.test")) as port,
            kit.listen(Proxy(port)) as proxy_port,
        ):
            with pytest.raises(NoConnection, match=r"certificate of models\.test:443"):
                await exchange("https://models.test/", proxy=f"http://127.0.0.1:{proxy_port}")

    run(go())


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy answers HTTP 407"),
        (b"HTTP/1.0 503 Later\r\nContent-Length: 1\r\n\r\nx", "the proxy answers HTTP 503"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the proxy's answer isn't HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "the proxy's answer isn't HTTP"),
        (b"HTTP/1.1 200 ", "no connection to the proxy: it closed at once"),
        (b"", "no connection to the proxy: it closed at once"),
        (b"HTTP/1.1 200 OK\r\n\r\nnot TLS at all", "no connection to models.test:443: "),
    ],
)
def test_a_proxy_that_opens_no_tunnel(kit: Any, run: Run, refusal: bytes, words: str) -> None:
    """Its status is told, whatever else it says; nothing was sent."""

    async def go() -> None:
        async with kit.listen(Proxy(0, refusal)) as port:
            with pytest.raises(NoConnection) as caught:
                await exchange("https://models.test/v1", proxy=f"http://127.0.0.1:{port}")
            assert str(caught.value).startswith(words)
            assert isinstance(caught.value, ProxyRefused) is ("answers HTTP" in words)

    run(go())


def test_a_name_that_tls_cannot_ask_for(kit: Any, run: Run) -> None:
    """The proxy may open a tunnel to it all the same; it is no way to the server."""

    async def go() -> None:
        opened = b"HTTP/1.1 200 OK\r\n\r\n"
        async with kit.listen(Proxy(0, opened)) as port:
            for name in (".models.test", f"{'m' * 64}.test"):
                with pytest.raises(NoConnection, match=rf"no connection to {name}:443: \S"):
                    await exchange(f"https://{name}/", proxy=f"http://127.0.0.1:{port}")

    run(go())


def test_a_proxy_that_is_away(run: Run) -> None:
    """It is named as what can't be reached."""
    port = free_port()
    with pytest.raises(NoConnection, match="no connection to the proxy: "):
        run(exchange("https://models.test/v1", proxy=f"http://127.0.0.1:{port}"))


def test_a_proxy_for_http(kit: Any, run: Run) -> None:
    """It gets the requests themselves, on connections that are kept."""
    server = Answering(kit)

    async def go() -> None:
        async with kit.listen(server) as port:
            answers = await exchange(
                "http://models.test/v1?a=b", proxy=f"http://me:pass@127.0.0.1:{port}", asks=2
            )
            assert [len(answer.body) for answer in answers] == [200_000] * 2

    run(go())
    assert server.opened == 1
    assert server.heads[0].startswith(
        b"POST http://models.test/v1?a=b HTTP/1.1\r\nHost: models.test\r\nAccept: x\r\n"
        b"Proxy-Authorization: Basic bWU6cGFzcw==\r\nContent-Length: 200000\r\n"
    )
