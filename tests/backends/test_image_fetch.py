"""Images from addresses in the data: only public ones, bounded, and none behind a redirect."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import web

from syphus.backends import image_fetch
from syphus.backends.image_fetch import PublicResolver, fetch_image, is_public
from syphus.core.errors import ImageUnusable

PUBLIC = "93.184.215.14"
_BODIES = {"/a.jpg": b"image", "/large": b"x" * 5000}
_MOVED = {
    "/round": "/round",
    "/moved": "/a.jpg",
    "/inside": "http://127.0.0.1/a.jpg",
    "/by_name": "http://inside.example/a.jpg",
}


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "::127.0.0.1",
        "no address",
    ],
)
def test_addresses_that_only_this_machine_can_reach_are_not_public(address: str) -> None:
    """Loopback, private, link-local, shared, multicast, and IPv6 that carries one of them."""
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::6810:84e5"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """Those that anybody can reach."""
    assert is_public(address)


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


def test_a_refusal_does_not_repeat_a_key() -> None:
    """The query and the user of an address may be secrets."""
    with pytest.raises(ImageUnusable) as refused:
        fetch_image("http://user:key@127.0.0.1/a.jpg?token=key\x1b")
    assert "key" not in str(refused.value)
    assert str(refused.value).isprintable()


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
        if request.path in _BODIES:
            return web.Response(body=_BODIES[request.path])
        if request.path in _MOVED:
            return web.Response(status=302, headers={"Location": _MOVED[request.path]})
        return web.Response(status=404)

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


def test_it_may_be_called_where_a_loop_runs() -> None:
    """A batch's lines are written in the loop."""

    async def main() -> None:
        fetch_image("http://127.0.0.1/a.jpg")

    with pytest.raises(ImageUnusable):
        asyncio.run(main())


def test_a_slow_server_is_left(site: Site) -> None:
    """The bound holds for all hops together."""
    with pytest.raises(ImageUnusable, match=r"not fetched within 0\.2 s"):
        site.fetch("/slow", seconds=0.2)
