"""Fetches an image from an address that came with the data; only where the user allows it.

Such an address may be anybody's, so it must not reach what only this machine can: each host, that
of a redirect too, is looked up once, all its addresses have to be public, and the connection is
made to one of those that were checked. What is checked is the address as the client reads it, which
takes digits in circles for digits and an ideographic full stop for a dot; the socket looks once
more. No proxy, no cookie and no key of the user's takes part.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from aiohttp import (
    ClientError,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from syphus.backends.public_address import is_public
from syphus.core.errors import ImageUnusable
from syphus.core.images import show_address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MOST_BYTES = 32 << 20
SECONDS = 30.0
_MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_GOOD = 200
_PORTS = {"http": 80, "https": 443}
_CHUNK = 1 << 16


def fetch_image(url: str, *, most_bytes: int = MOST_BYTES, seconds: float = SECONDS) -> bytes:
    """The bytes at `url`. Blocks. Raises ImageUnusable."""

    def fetch() -> bytes:
        return asyncio.run(_fetch(url, most_bytes=most_bytes, seconds=seconds))

    try:
        with ThreadPoolExecutor(1) as alone:  # the caller's thread may have a loop already
            return alone.submit(fetch).result()
    except TimeoutError:
        raise ImageUnusable(f"{show_address(url)}: not fetched within {seconds:g} s") from None
    except (ClientError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, InvalidURL) or not isinstance(error, (ClientError, OSError)):
            reason = "no address of the web"  # theirs may hold any part of it, a key too
        elif isinstance(error, ClientResponseError):
            reason = "the answer isn't HTTP"  # theirs ends with the whole address
        raise ImageUnusable(f"{show_address(url)}: can't be fetched: {reason}") from None


async def _fetch(url: str, *, most_bytes: int, seconds: float) -> bytes:
    async with asyncio.timeout(seconds):
        connector = TCPConnector(
            resolver=PublicResolver(_look_up), use_dns_cache=False, socket_factory=_open_socket
        )
        async with ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=seconds),
            auto_decompress=False,
            trust_env=False,
        ) as session:
            address = URL(url)
            for _ in range(_MOST_REDIRECTS + 1):
                check_address(address)
                async with session.get(
                    address, allow_redirects=False, headers={"Accept-Encoding": "identity"}
                ) as response:
                    if response.status in _REDIRECTS and "Location" in response.headers:
                        address = address.join(URL(response.headers["Location"]))
                        continue
                    if response.status != _GOOD:
                        raise ImageUnusable(f"{_show(address)}: HTTP {response.status}")
                    if (response.content_length or 0) > most_bytes:
                        raise ImageUnusable(f"{_show(address)}: has over {most_bytes} bytes")
                    content = bytearray()
                    async for chunk in response.content.iter_chunked(_CHUNK):
                        content += chunk
                        if len(content) > most_bytes:
                            raise ImageUnusable(f"{_show(address)}: has over {most_bytes} bytes")
                    return bytes(content)
        raise ImageUnusable(f"{_show(address)}: more than {_MOST_REDIRECTS} redirects")


def check_address(address: URL) -> None:
    """Raises ImageUnusable for what is no plain web address, or names a host that isn't public.

    A host by name is looked at when it is looked up.
    """
    host = address.host
    if address.scheme not in _PORTS or not host or "@" in address.raw_authority:
        raise ImageUnusable(f"{_show(address)}: no address of the web")
    if address.port != _PORTS[address.scheme]:
        raise ImageUnusable(f"{_show(address)}: port {address.port} isn't that of the web")
    looks_numeric = ":" in host or host.replace(".", "").isdigit() or host.startswith("0x")
    if looks_numeric and not is_public(host):
        raise ImageUnusable(f"{_show(address)}: {host} isn't a public address")


def _show(address: URL) -> str:
    return show_address(str(address))


def _open_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket to an address that was checked, however the connection came by it."""
    family, kind, protocol, _, (host, *_) = info
    if not is_public(host):
        raise PermissionError(errno.EACCES, f"{host} isn't a public address")
    return socket.socket(family, kind, protocol)


class PublicResolver(AbstractResolver):
    """Gives a host's addresses if all of them are public."""

    def __init__(self, look_up: Callable[[str, int], Awaitable[list[tuple[Any, str]]]]) -> None:
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses. Raises ImageUnusable where one isn't public."""
        del family
        found = await self._look_up(host, port)
        for _, address in found:
            if not is_public(address):
                raise ImageUnusable(f"{host} is {address}, which isn't a public address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=family,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for family, address in found
        ]

    async def close(self) -> None:
        """Holds nothing."""


async def _look_up(host: str, port: int) -> list[tuple[Any, str]]:
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(address[0])) for family, _, _, _, address in infos]
