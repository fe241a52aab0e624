"""Which proxy leads to an address."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from syphus.backends.transport.route import Origin
from syphus.core.errors import SettingsError


def proxy_for(url: str) -> str | None:
    """The proxy that the system's settings (`HTTPS_PROXY`, `NO_PROXY`, ...) name for `url`.

    This computer itself is never asked for through a proxy.

    Raises SettingsError for a proxy that doesn't speak HTTP, such as SOCKS, and for what is no
    address.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_loopback(host) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if urlsplit(proxy).scheme not in ("http", "https"):
        raise SettingsError(
            f"the proxy set for {parts.scheme} addresses doesn't speak HTTP; "
            f"name one that does, or add {host} to NO_PROXY"
        )
    if not _has_origin(proxy):
        raise SettingsError(f"the proxy set for {parts.scheme} addresses is no address")
    return proxy


def _has_origin(proxy: str) -> bool:
    try:
        return bool(Origin.of(proxy).host)
    except ValueError:  # a port that is no number; its words may repeat a part of a password
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
