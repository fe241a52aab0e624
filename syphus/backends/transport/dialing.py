"""Opens connections: names, addresses, tunnels, TLS."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from typing import TYPE_CHECKING, TypeVar, cast

from aiohappyeyeballs import AddrInfoType, start_connection

from syphus.backends.transport.connection import Connection
from syphus.backends.transport.errors import (
    ConnectTimedOut,
    DeadlinePassed,
    NameUnknown,
    NoConnection,
    ProxyRefused,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from syphus.backends.transport.route import Origin, Route

_Protocol = TypeVar("_Protocol", bound=asyncio.Protocol)

_NAMES_KEPT = 300.0
# RFC 8305's "Connection Attempt Delay".
_NEXT_ADDRESS = 0.25
_MOST_HEAD = 64 << 10
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_OPENED = range(200, 300)


class Dialer:
    """Opens connections along one route, each within `timeout` seconds from name to handshake.

    The name is looked up once for all that wait for it, and again after five minutes. The
    addresses found are tried side by side, as RFC 8305 says ("happy eyeballs"). Certificates are
    checked against the system's, or those that `SSL_CERT_FILE` names.
    """

    def __init__(self, route: Route, *, timeout: float) -> None:
        self._route = route
        self._timeout = timeout
        self._next_hop = route.proxy or route.origin
        self._tls = _tls() if route.origin.is_tls or self._next_hop.is_tls else None
        self._lookup: asyncio.Task[list[AddrInfoType]] | None = None
        self._looked_up_at = 0.0

    async def dial(self, deadline: float) -> Connection:
        """A connection that takes requests for the origin, before `deadline` in the loop's time.

        Raises NoConnection, DeadlinePassed.
        """
        latest = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout_at(min(latest, deadline)):
                connection = await self._dial()
        except TimeoutError as exc:
            if deadline < latest:
                raise DeadlinePassed(sent=False) from exc
            raise ConnectTimedOut("no connection within the connect timeout") from exc
        if not connection.is_open:
            raise NoConnection(f"no connection to {self._next_hop.netloc}: it closed at once")
        return connection

    def close(self) -> None:
        """Stops looking up the name."""
        if self._lookup is not None:
            self._lookup.cancel()

    async def _dial(self) -> Connection:
        sock = await self._connect()
        try:
            if self._route.has_tunnel:
                return await self._open_tunnel(sock)
            _, connection = await self._attach(sock, Connection)
        except BaseException:
            # A loop may let go of a socket whose handshake fails, without closing it.
            sock.close()
            raise
        return connection

    async def _connect(self) -> socket.socket:
        addresses = await self._addresses()
        try:
            return await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS)
        except (OSError, RuntimeError) as exc:  # uvloop raises either
            if self._route.proxy is not None:
                raise NoConnection(f"no connection to the proxy: {_reason(exc)}") from exc
            raise _no_connection(self._next_hop, exc) from exc

    async def _addresses(self) -> list[AddrInfoType]:
        lookup = self._lookup
        if lookup is None or (lookup.done() and not self._is_fresh(lookup)):
            self._looked_up_at = asyncio.get_running_loop().time()
            lookup = self._lookup = asyncio.ensure_future(self._look_up())
        try:
            # Shielded: one that gives up must not end it for all the others.
            return await asyncio.shield(lookup)
        except (OSError, UnicodeError) as exc:
            said = f"the name {self._next_hop.host} can't be resolved: {_reason(exc)}"
            if isinstance(exc, socket.gaierror) and exc.errno == socket.EAI_NONAME:
                raise NameUnknown(said) from exc
            raise NoConnection(said) from exc

    async def _look_up(self) -> list[AddrInfoType]:
        hop = self._next_hop
        # An address isn't asked for its address, even of a kind that this computer lacks.
        flags = socket.AI_NUMERICHOST if _is_address(hop.host) else socket.AI_ADDRCONFIG
        found = await asyncio.get_running_loop().getaddrinfo(
            hop.host, hop.port, type=socket.SOCK_STREAM, flags=flags
        )
        return cast("list[AddrInfoType]", found)

    def _is_fresh(self, lookup: asyncio.Task[list[AddrInfoType]]) -> bool:
        if lookup.cancelled() or lookup.exception() is not None:
            return False
        return asyncio.get_running_loop().time() - self._looked_up_at < _NAMES_KEPT

    async def _open_tunnel(self, sock: socket.socket) -> Connection:
        transport, tunnel = await self._attach(sock, _Tunnel)
        origin, connection = self._route.origin, Connection()
        try:
            transport.write(self._route.tunnel_head())
            await tunnel.opened
            inner = await asyncio.get_running_loop().start_tls(
                transport,
                connection,
                cast("ssl.SSLContext", self._tls),
                server_hostname=origin.name,
            )
        except (OSError, UnicodeError) as exc:  # a name that TLS can't ask for
            transport.abort()
            raise _no_connection(origin, exc) from exc
        except BaseException:
            transport.abort()
            raise
        # The loop calls the other methods, but not this one.
        connection.connection_made(cast("asyncio.Transport", inner))
        return connection

    async def _attach(
        self, sock: socket.socket, protocol: Callable[[], _Protocol]
    ) -> tuple[asyncio.Transport, _Protocol]:
        hop = self._next_hop
        try:
            return await asyncio.get_running_loop().create_connection(
                protocol,
                sock=sock,
                ssl=self._tls if hop.is_tls else None,
                server_hostname=hop.name if hop.is_tls else None,
            )
        except OSError as exc:
            raise _no_connection(hop, exc) from exc


class _Tunnel(asyncio.Protocol):
    """Reads what a proxy says to CONNECT; `opened` is done when it has agreed."""

    def __init__(self) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = b""

    def data_received(self, data: bytes) -> None:
        """Reads until the end of the head."""
        self._head += data
        is_whole = b"\r\n\r\n" in self._head
        if not is_whole and len(self._head) < _MOST_HEAD:
            return
        status = _STATUS.match(self._head)
        if status is None or not is_whole:
            self._refuse(NoConnection("the proxy's answer isn't HTTP"))
        elif int(status[1]) not in _OPENED:
            self._refuse(ProxyRefused(int(status[1])))
        elif not self.opened.done():
            self.opened.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The proxy has gone without a word."""
        why = _reason(exc) if exc else "it closed at once"
        self._refuse(NoConnection(f"no connection to the proxy: {why}"))

    def _refuse(self, error: NoConnection) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _no_connection(origin: Origin, exc: Exception) -> NoConnection:
    where = f"{origin.host}:{origin.port}"
    if isinstance(exc, ssl.SSLCertVerificationError):
        return NoConnection(f"the certificate of {where} isn't trusted: {_reason(exc)}")
    return NoConnection(f"no connection to {where}: {_reason(exc)}")


def _reason(exc: Exception) -> str:
    """What went wrong; the system's own words where it has some."""
    return str(exc) or type(exc).__name__
