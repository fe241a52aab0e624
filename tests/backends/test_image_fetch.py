"""Images from addresses in the data: only public ones, bounded, and none behind a redirect."""

from __future__ import annotations

import asyncio
import gzip
import socket
from typing import Any

import pytest
from aiohttp import web

from syphus.backends import image_fetch
from syphus.backends.image_fetch import PublicResolver, fetch_image
from syphus.core.errors import ImageUnusable

PUBLIC = "93.184.215.14"
_OPEN_SOCKET = image_fetch._open_socket
_BODIES = {"/a.jpg": b"image", "/large": b"x" * 5000}
_MOVED = {
    "/round": "/round",
    "/moved": "/a.jpg",
    "/cookie": "/seen",
    "/inside": "http://127.0.0.1/a.jpg",
    "/by_name": "http://inside.example/a.jpg",
}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.jpg",
        "http://[::1]/a.jpg",
        "http://[::ffff:127.0.0.1]/a.jpg",
        "http://2130706433/a.jpg",
        "http://0x7f000001/a.jpg",
        "http://127.1/a.jpg",
        "http://0177.0.0.1/a.jpg",
        "https://user:key@example.com/a.jpg",
        "https://example.com:8443/a.jpg",
        "http://example.com:22/a.jpg",
        "https://example.com:80/a.jpg",
        "ftp://example.com/a.jpg",
        "file:///etc/passwd",
        "http:///a.jpg",
        "http://[bad/a.jpg",
        "http://example.com:x/a.jpg",
    ],
)
def test_an_address_is_refused_before_anything_is_looked_up(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers in any spelling, users, other ports, other schemes, and what is no address."""
    monkeypatch.setattr(image_fetch, "_look_up", None)
    with pytest.raises(ImageUnusable):
        fetch_image(url)


@pytest.mark.parametrize(
    "host",
    [
        "127\u30020\u30020\u30021",
        "127\uff610\uff610\uff611",
        "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
        "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
        "169\u3002254\u3002169\u3002254",
        "127.0.0.1.",
        "[::ffff:7f00:1]",
        "[::ffff:169.254.169.254]",
    ],
)
def test_a_number_in_other_letters_is_refused_before_a_connection(host: str) -> None:
    """The client reads them as digits and dots, and would ask no resolver."""
    with pytest.raises(ImageUnusable, match="isn't a public address"):
        fetch_image(f"http://{host}/a.jpg")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:key@127.0.0.1/a.jpg?token=key\x1b",
        "http://user:key/key@photos.example/a.jpg",
        "http://photos.example:key/a.jpg",
        "http://[key/a.jpg",
        "ftp://user:key@photos.example/a.jpg#key",
    ],
)
def test_a_refusal_does_not_repeat_a_key(url: str) -> None:
    """The query and the user of an address may be secrets, and parts of a broken one."""
    with pytest.raises(ImageUnusable) as refused:
        fetch_image(url)
    shown = str(refused.value).replace("photos.example:key", "").replace("[key", "")
    assert "key" not in shown
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("addresses", "is_given"),
    [([PUBLIC], True), ([PUBLIC, "10.0.0.1"], False), (["127.0.0.1"], False), (["::1"], False)],
)
def test_a_name_counts_only_if_all_its_addresses_are_public(
    addresses: list[str], *, is_given: bool
) -> None:
    """A name of anybody's may lead to the loopback; the connection is made to what was checked."""

    async def look_up(_host: str, _port: int) -> list[tuple[Any, str]]:
        return [(socket.AF_INET, address) for address in addresses]

    resolving = PublicResolver(look_up).resolve("images.example", 443)
    if is_given:
        assert [each["host"] for each in asyncio.run(resolving)] == addresses
    else:
        with pytest.raises(ImageUnusable, match=r"images\.example"):
            asyncio.run(resolving)


class Site:
    """A server on the loopback that is taken for a public one, under the names of `hosts`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hosts = {"images.example": PUBLIC}
        self.asked: list[str] = []
        self.port = 0
        monkeypatch.setattr(image_fetch, "_look_up", self._look_up)
        monkeypatch.setattr(PublicResolver, "resolve", self._led(PublicResolver.resolve))
        monkeypatch.setattr(image_fetch, "_open_socket", lambda info: socket.socket(*info[:3]))

    async def _look_up(self, host: str, _port: int) -> list[tuple[Any, str]]:
        return [(socket.AF_INET, self.hosts[host])]

    def _led(self, resolve: Any) -> Any:
        async def led(resolver: PublicResolver, host: str, port: int = 0, family: Any = 0) -> Any:
            found = await resolve(resolver, host, port, family)
            return [{**each, "host": "127.0.0.1", "port": self.port} for each in found]

        return led

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path == "/slow":
            await asyncio.sleep(60)
        if request.path == "/drops":
            return await self._drip(request, most=400)
        if request.path == "/packed":
            head = {"Content-Encoding": "gzip"}
            return web.Response(body=gzip.compress(bytes(1 << 20)), headers=head)
        if request.path == "/seen":
            return web.Response(text=repr([request.headers.get("Cookie"), request.path_qs]))
        if request.path in _BODIES:
            return web.Response(body=_BODIES[request.path])
        if request.path in _MOVED:
            cookie = {"Set-Cookie": "id=1", "Location": _MOVED[request.path]}
            return web.Response(status=302, headers=cookie)
        return web.Response(status=404)

    async def _drip(self, request: web.Request, *, most: int) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(most):
            await response.write(b"x")
            await asyncio.sleep(0.02)
        return response

    def fetch(self, path: str, **bounds: Any) -> bytes:
        """What `fetch_image` gives for a path of the site."""

        async def serve() -> bytes:
            runner = web.AppRunner(self._app(), handler_cancellation=True)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            try:
                url = f"http://images.example{path}"
                return await asyncio.to_thread(fetch_image, url, **bounds)
            finally:
                await runner.cleanup()

        return asyncio.run(serve())

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        return app


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site that nobody but the test reaches."""
    return Site(monkeypatch)


@pytest.mark.parametrize("path", ["/a.jpg", "/moved"])
def test_a_public_image_is_fetched(site: Site, path: str) -> None:
    """As it is, and where it has moved to."""
    assert site.fetch(path) == b"image"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/inside", "127.0.0.1 isn't a public address"),
        ("/by_name", "inside.example is 10.0.0.1"),
        ("/round", "redirects"),
        ("/large", "has over 1000 bytes"),
        ("/none", "HTTP 404"),
    ],
)
def test_what_leads_inside_or_on_and_on_or_is_too_large_is_refused(
    site: Site, path: str, words: str
) -> None:
    """Each hop is checked like the first, and bytes are counted as they come."""
    site.hosts["inside.example"] = "10.0.0.1"
    with pytest.raises(ImageUnusable, match=words):
        site.fetch(path, most_bytes=1000)
    assert "/a.jpg" not in site.asked


def test_each_redirect_of_another_kind_is_refused(site: Site) -> None:
    """Another scheme, a port, a user, a number in other letters, and what is no address."""
    for at, target in enumerate(
        (
            "file:///etc/passwd",
            "http://images.example:8080/a.jpg",
            "http://user:key@images.example/a.jpg",
            "http://127\u30020\u30020\u30021/a.jpg",
            "http://[key",
        )
    ):
        _MOVED[f"/to{at}"] = target
        with pytest.raises(ImageUnusable) as refused:
            site.fetch(f"/to{at}")
        assert "key" not in str(refused.value)
    assert "/a.jpg" not in site.asked


def test_the_socket_looks_once_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that is led astray behind the check connects to nothing inside."""
    monkeypatch.setattr(image_fetch, "_open_socket", _OPEN_SOCKET)
    with pytest.raises(ImageUnusable, match=r"127\.0\.0\.1 isn't a public address"):
        site.fetch("/a.jpg")
    assert site.asked == []


def test_no_proxy_and_no_cookie_takes_part(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment names would see the addresses, and reach what it can."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert site.fetch("/cookie") == b"[None, '/seen']"


def test_what_is_packed_stays_packed(site: Site) -> None:
    """A megabyte of zeros comes as its thousand bytes; nothing is unpacked."""
    assert len(site.fetch("/packed", most_bytes=2000)) < 2000


@pytest.mark.parametrize(
    ("head", "words"),
    [("Content-Length: 9", "can't be fetched"), (f"Content-Length: {1 << 60}", "has over")],
)
def test_a_length_that_lies_is_found_out(site: Site, head: str, words: str) -> None:
    """Less than was promised is no image, and more than is allowed isn't waited for."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\nimage".encode())
        await writer.drain()
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            site.port = server.sockets[0].getsockname()[1]
            await asyncio.to_thread(fetch_image, "http://images.example/a.jpg")

    with pytest.raises(ImageUnusable, match=words):
        asyncio.run(serve())


def test_an_answer_that_is_no_http_does_not_repeat_a_key(site: Site) -> None:
    """The client's own words for it end with the whole address, whose query may be a signature."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"no HTTP at all\r\n\r\n")
        await writer.drain()
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            site.port = server.sockets[0].getsockname()[1]
            await asyncio.to_thread(fetch_image, "http://images.example/a.jpg?signature=key")

    with pytest.raises(ImageUnusable, match=r"images\.example/a\.jpg: can't be fetched") as refused:
        asyncio.run(serve())
    assert "key" not in str(refused.value)


def test_it_may_be_called_where_a_loop_runs() -> None:
    """A batch's lines are written in the loop."""

    async def main() -> None:
        fetch_image("http://127.0.0.1/a.jpg")

    with pytest.raises(ImageUnusable):
        asyncio.run(main())


@pytest.mark.parametrize("path", ["/slow", "/drops"])
def test_a_slow_server_is_left(site: Site, path: str) -> None:
    """The bound holds for all hops together, and however often a byte comes."""
    with pytest.raises(ImageUnusable, match=r"not fetched within 0\.2 s"):
        site.fetch(path, seconds=0.2)
