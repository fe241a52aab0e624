"""Proxies of the environment."""

from __future__ import annotations

import pytest

from syphus.backends.proxies import proxy_for
from syphus.core.errors import SettingsError

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def test_no_proxy_by_default(env: pytest.MonkeyPatch) -> None:
    """Without settings the way is direct."""
    del env
    assert proxy_for("https://api.openai.com/v1") is None


def test_proxy_by_scheme(env: pytest.MonkeyPatch) -> None:
    """Each scheme has its proxy, and one may stand for all."""
    env.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert proxy_for("https://api.openai.com/v1") == "http://proxy:3128"
    assert proxy_for("http://gw/v1") is None
    env.setenv("ALL_PROXY", "other:3128")
    assert proxy_for("http://gw/v1") == "http://other:3128"


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8000/v1", "http://127.0.0.1:8000/v1", "http://[::1]:8000/v1",
     "https://models.corp:8443/v1"],
)  # fmt: skip
def test_direct_addresses(env: pytest.MonkeyPatch, url: str) -> None:
    """This computer and what NO_PROXY names are asked directly."""
    env.setenv("HTTP_PROXY", "http://proxy:3128")
    env.setenv("HTTPS_PROXY", "http://proxy:3128")
    env.setenv("NO_PROXY", "models.corp")
    assert proxy_for(url) is None


def test_socks_is_refused(env: pytest.MonkeyPatch) -> None:
    """A proxy that can't be used is said before anything is sent."""
    env.setenv("ALL_PROXY", "socks5://proxy:1080")
    with pytest.raises(SettingsError, match="NO_PROXY"):
        proxy_for("https://api.openai.com/v1")


@pytest.mark.parametrize("proxy", ["http://me:pa/ss@proxy:3128", "http://proxy:port", "http://"])
def test_what_is_no_address_is_refused(env: pytest.MonkeyPatch, proxy: str) -> None:
    """A mistyped proxy is said before anything is sent, and its password isn't repeated."""
    env.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(SettingsError, match="is no address") as caught:
        proxy_for("https://api.openai.com/v1")
    assert "pa" not in str(caught.value).replace("is no address", "")
