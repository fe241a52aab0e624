"""The heads of requests, and the way they go."""

from __future__ import annotations

import pytest

from syphus.backends.transport.route import Origin, Route


def lines(url: str, *, proxy: str | None = None, **headers: str) -> list[str]:
    """The lines of a request's head."""
    head = Route.to(url, proxy=proxy).head("POST", url, headers)
    assert head.endswith(b"\r\n")
    return head.decode().split("\r\n")[:-1]


@pytest.mark.parametrize(
    ("url", "target", "host"),
    [
        ("http://h/v1/chat", "/v1/chat", "h"),
        ("http://h:80", "/", "h"),
        ("https://H:443/a", "/a", "h"),
        ("https://h:80/a", "/a", "h:80"),
        ("http://[::1]:8000/v1?a=b&c=%2F", "/v1?a=b&c=%2F", "[::1]:8000"),
        ("http://h/a b/ü?q=ü z", "/a%20b/%C3%BC?q=%C3%BC%20z", "h"),
        ("http://bücher.example/", "/", "xn--bcher-kva.example"),
        ("http://me:pass@h/v1", "/v1", "h"),
    ],
)
def test_target_and_host(url: str, target: str, host: str) -> None:
    """Path and query as they are, but for what HTTP can't carry; ports where they are needed."""
    assert lines(url, Accept="x") == [f"POST {target} HTTP/1.1", f"Host: {host}", "Accept: x"]


def test_a_proxy_for_http_gets_the_whole_address() -> None:
    """And the credentials of its own."""
    assert lines("http://h:8000/v1?a=b", proxy="http://me:p%40ss@proxy:3128") == [
        "POST http://h:8000/v1?a=b HTTP/1.1",
        "Host: h:8000",
        "Proxy-Authorization: Basic bWU6cEBzcw==",
    ]


def test_a_proxy_for_https_sees_no_request() -> None:
    """Its credentials are in the request for a tunnel alone."""
    proxy = "http://me:p%40ss@proxy:3128"
    assert lines("https://h/v1", proxy=proxy) == ["POST /v1 HTTP/1.1", "Host: h"]
    assert Route.to("https://[::1]/v1", proxy=proxy).tunnel_head() == (
        b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n"
        b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"
    )


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\x00", "ü", "\u2028"])
def test_a_header_is_one_line(value: str) -> None:
    """A value with a line end in it would be a request of somebody else's."""
    with pytest.raises(ValueError, match="Authorization") as caught:
        lines("http://h/", Authorization=value)
    assert value not in str(caught.value)


def test_representations_show_no_credentials() -> None:
    """A proxy's password may be in its address."""
    assert "p%40ss" not in repr(Route.to("http://h/", proxy="http://me:p%40ss@proxy"))
    assert "bWU6" not in repr(Route.to("http://h/", proxy="http://me:p%40ss@proxy"))


def test_what_is_no_origin() -> None:
    """A port that is no number isn't guessed."""
    with pytest.raises(ValueError, match="out of range"):
        Origin.of("http://h:99999/")
