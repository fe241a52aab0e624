"""Where requests go: the server's own address, or a proxy before it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import SplitResult, quote, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS = {"http": 80, "https": 443}
# What a request's target may hold, and the mark of what is encoded already.
_TARGET = "!$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who answers at an address."""

    host: str
    port: int
    is_tls: bool

    @classmethod
    def of(cls, url: str) -> Self:
        """The origin of an http or https address."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode()
        return cls(
            host=host,
            port=parts.port or _PORTS[parts.scheme],
            is_tls=parts.scheme == "https",
        )

    @property
    def name(self) -> str:
        """The name that its certificate has to hold."""
        return self.host.rstrip(".")

    @property
    def netloc(self) -> str:
        """Host and port, as in an address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """The same without a port that goes without saying."""
        return self.netloc.removesuffix(":443" if self.is_tls else ":80")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way to `origin`, through `proxy` if there is one.

    A proxy is asked for a tunnel to an https server, and handed the requests to an http one.
    """

    origin: Origin
    proxy: Origin | None
    credentials: Mapping[str, str] = field(repr=False)

    @classmethod
    def to(cls, url: str, *, proxy: str | None = None) -> Self:
        """The way to `url`. A user name and password in the proxy's address open it."""
        return cls(
            origin=Origin.of(url),
            proxy=Origin.of(proxy) if proxy else None,
            credentials=_credentials(urlsplit(proxy)) if proxy else {},
        )

    @property
    def has_tunnel(self) -> bool:
        """Whether the proxy passes bytes on and sees no request."""
        return self.proxy is not None and self.origin.is_tls

    def head(self, method: str, url: str, headers: Mapping[str, str]) -> bytes:
        """The head of a request for `url`, which lies at the origin, without its end.

        Raises ValueError for a header that isn't one line of printable ASCII: whoever chose it
        could write a request of their own.
        """
        parts = urlsplit(url)
        target = quote(parts.path or "/", safe=_TARGET)
        if parts.query:
            target += "?" + quote(parts.query, safe=_TARGET)
        if self.proxy is not None and not self.has_tunnel:
            target = f"http://{self.origin.authority}{target}"
            headers = {**headers, **self.credentials}
        return _head(f"{method} {target}", {"Host": self.origin.authority, **headers})

    def tunnel_head(self) -> bytes:
        """The head of the request for a tunnel, whole."""
        netloc = self.origin.netloc
        return _head(f"CONNECT {netloc}", {"Host": netloc, **self.credentials}) + b"\r\n"


def _head(start: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{start} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    for line in lines:
        if not line.isascii() or not line.isprintable():
            raise ValueError(f"{line.partition(':')[0]}: not a line of printable ASCII")
    return "".join(f"{line}\r\n" for line in lines).encode()


def _credentials(proxy: SplitResult) -> Mapping[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
