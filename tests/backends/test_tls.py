"""Certificates and handshakes on the way to a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import trustme

from syphus.backends.transport.errors import (
    ConnectTimedOut,
    DeadlinePassed,
    NoConnection,
)
from tests.backends.dialing_kit import Answering, Run, exchange, serving


@pytest.mark.usefixtures("trusted")
def test_https(kit: Any, run: Run, authority: trustme.CA) -> None:
    """A server that a trusted authority vouches for, asked by its name, on one connection."""
    names: list[Any] = []
    server = Answering(kit)

    async def go() -> None:
        async with kit.listen(server, ssl=serving(authority, "localhost", seen=names)) as port:
            answers = await exchange(f"https://localhost:{port}/v1", asks=3)
            assert [len(answer.body) for answer in answers] == [200_000] * 3

    run(go())
    assert server.opened == 1
    assert names == ["localhost"]
    assert server.protocols == {"http/1.1"}


@pytest.mark.usefixtures("trusted")
def test_https_to_an_address(kit: Any, run: Run, authority: trustme.CA) -> None:
    """A certificate may be for an address, too."""

    async def go() -> None:
        context = serving(authority, "127.0.0.1")
        async with kit.listen(Answering(kit), ssl=context) as port:
            assert (await exchange(f"https://127.0.0.1:{port}/"))[0].status == 200

    run(go())


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name(kit: Any, run: Run, authority: trustme.CA) -> None:
    """It isn't trusted, and nothing is sent."""
    server = Answering(kit)

    async def go() -> None:
        async with kit.listen(server, ssl=serving(authority, "example.org")) as port:
            where = f"the certificate of localhost:{port} isn't trusted: .*localhost"
            with pytest.raises(NoConnection, match=where):
                await exchange(f"https://localhost:{port}/v1")

    run(go())
    assert server.heads == []


def test_an_authority_that_nobody_trusts(kit: Any, run: Run, authority: trustme.CA) -> None:
    """Nor is what nobody vouches for."""

    async def go() -> None:
        async with kit.listen(Answering(kit), ssl=serving(authority, "localhost")) as port:
            with pytest.raises(NoConnection, match=r"isn't trusted: .*certificate"):
                await exchange(f"https://localhost:{port}/v1")

    run(go())


def test_no_tls_where_it_is_expected(kit: Any, run: Run) -> None:
    """A server that speaks plainly, and one that hangs up."""

    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def go() -> None:
        for treat in (hang_up, speak):
            async with kit.listen(treat) as port:
                with pytest.raises(NoConnection, match=rf"no connection to localhost:{port}: \S"):
                    await exchange(f"https://localhost:{port}/v1")

    run(go())


def test_a_handshake_that_never_ends(kit: Any, run: Run) -> None:
    """The connect timeout is for the handshake, too; the deadline is for all."""

    async def stay_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def go() -> None:
        async with kit.listen(stay_silent) as port:
            with pytest.raises(ConnectTimedOut):
                await exchange(f"https://localhost:{port}/v1", connect=0.2)
            with pytest.raises(DeadlinePassed) as caught:
                await exchange(f"https://localhost:{port}/v1", seconds=0.2)
            assert not caught.value.sent

    run(go())
