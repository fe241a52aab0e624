"""Names, certificates and proxies on the way to a server."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from syphus.backends.classify import transport_error
from syphus.backends.transport.errors import (
    ConnectTimedOut,
    DeadlinePassed,
    NameUnknown,
    NoConnection,
    ProxyRefused,
)
from syphus.backends.transport.pool import Pool
from syphus.backends.transport.reading import Answer
from syphus.backends.transport.route import Route
from syphus.core.errors import NoSuchName

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Run = Callable[[Any], Any]


async def exchange(
    url: str, *, proxy: str | None = None, asks: int = 1, connect: float = 20, seconds: float = 60
) -> list[Answer]:
    """The answers to several requests, one after another."""
    route = Route.to(url, proxy=proxy)
    pool = Pool(route, connections=2, connect_timeout=connect)
    deadline = asyncio.get_running_loop().time() + seconds
    head = route.head("POST", url, {"Accept": "x"})
    try:
        return [
            await pool.exchange(head, b"x" * 200_000, most=1 << 20, deadline=deadline)
            for _ in range(asks)
        ]
    finally:
        await pool.close()
        assert not pool._open


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who signs the certificates of these tests."""
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the authority one that OpenSSL trusts."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def serving(authority: trustme.CA, *names: str, seen: list[Any] | None = None) -> ssl.SSLContext:
    """A server's context for these names; `seen` gets the names and protocols asked for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])

    def note(connection: Any, name: str | None, _: ssl.SSLContext) -> None:
        del connection
        if seen is not None:
            seen.append(name)

    context.sni_callback = note
    return context


class Answering:
    """Answers every request with as many bytes as it had; counts connections."""

    def __init__(self, kit: Any) -> None:
        self.kit = kit
        self.opened = 0
        self.protocols: set[str | None] = set()
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        tls = writer.get_extra_info("ssl_object")
        self.protocols.add(tls.selected_alpn_protocol() if tls else None)
        while True:
            head, body = await self.kit.read_request(reader)
            self.heads.append(head)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


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


def test_a_name_that_nobody_has(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is told, and why it leads nowhere."""

    async def look_up(_: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("syphus.backends.transport.dialing.Dialer._look_up", look_up)
    words = r"the name models\.test can't be resolved: .*not known"
    with pytest.raises(NameUnknown, match=words) as caught:
        run(exchange("http://models.test/v1"))
    assert isinstance(transport_error(caught.value), NoSuchName)


def test_names_are_looked_up_once(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait for it, and whoever of them gives up; a failure isn't remembered."""
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, *arguments: Any, **settings: Any) -> Any:
        looked_up.append(host)
        if len(looked_up) == 1:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        time.sleep(0.05)
        return real("127.0.0.1", *arguments, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def go() -> None:
        async with kit.listen(Answering(kit)) as port:
            url = f"http://models.test:{port}/v1"
            route = Route.to(url)
            pool = Pool(route, connections=9, connect_timeout=9)
            head = route.head("POST", url, {})

            async def ask() -> Answer:
                deadline = asyncio.get_running_loop().time() + 60
                return await pool.exchange(head, b"{}", most=9, deadline=deadline)

            failed = await asyncio.gather(*(ask() for _ in range(9)), return_exceptions=True)
            assert {type(each) for each in failed} == {NoConnection}
            tasks = [asyncio.ensure_future(ask()) for _ in range(9)]
            await asyncio.sleep(0.01)
            tasks[0].cancel()
            answers = await asyncio.gather(*tasks[1:])
            assert [answer.status for answer in answers] == [200] * 8
            await pool.close()

    asyncio.run(go())
    assert looked_up == ["models.test"] * 2


def test_the_address_that_answers_is_taken(
    kit: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host with an address that leads nowhere is reached by its other one."""

    async def look_up(self: Any) -> list[Any]:
        port = self._route.origin.port
        stream = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [
            (socket.AF_INET, *stream, ("127.0.0.1", free_port())),
            (socket.AF_INET, *stream, ("127.0.0.1", port)),
        ]

    monkeypatch.setattr("syphus.backends.transport.dialing.Dialer._look_up", look_up)

    async def go() -> None:
        async with kit.listen(Answering(kit)) as port:
            assert (await exchange(f"http://models.test:{port}/v1"))[0].status == 200

    run(go())


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


def test_an_address_of_the_sixth_version(kit: Any, run: Run) -> None:
    """In brackets in the address and in the Host header."""
    server = Answering(kit)

    async def go() -> None:
        async with kit.listen(server, host="::1") as port:
            assert (await exchange(f"http://[::1]:{port}/v1"))[0].status == 200
            assert b"\r\nHost: [::1]:%d\r\n" % port in server.heads[0]

    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this computer has no IPv6")
    run(go())
