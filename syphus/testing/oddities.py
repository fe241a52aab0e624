"""Replies of status 200 that aren't what was hoped for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from syphus.testing.completion import Completion
    from syphus.testing.faults import Fault

    _SpoilCompletion: TypeAlias = Callable[[Completion, Fault], Completion]
    _SpoilBody: TypeAlias = Callable[[Completion, Fault], bytes]

_PROSE = "This picture shows nothing that one could ask about, so there is nothing to add here."
_REFUSAL = "I can't help with that."
_HTML = b"<!doctype html><html><body><h1>It works</h1></body></html>"
_DIGITS = b"9" * 5000
_NOT_UTF8 = b"\xff\xfe"


def odd_reply(fault: Fault, completion: Completion) -> web.Response:
    """The reply that the fault makes of a good completion."""
    if fault.kind in _COMPLETIONS:
        body = _COMPLETIONS[fault.kind](completion, fault).encode()
    else:
        body = _BODIES[fault.kind](completion, fault)
    content_type = "text/html" if fault.kind == "html_200" else "application/json"
    return web.Response(body=body, content_type=content_type)


def _cut(completion: Completion, reason: str) -> Completion:
    content = completion.content or ""
    return replace(completion, content=content[: len(content) // 2], finish_reason=reason)


def _insert(completion: Completion, plain: str, in_json: str | None = None) -> Completion:
    """Puts something where text is: behind the first space after the middle."""
    content = completion.content or ""
    inserted = in_json if in_json and content.startswith(("{", "[")) else plain
    space = content.find(" ", len(content) // 2)
    return replace(completion, content=content[: space + 1] + inserted + content[space + 1 :])


def _repeat(completion: Completion, size: int) -> Completion:
    content = completion.content or "Nothing."
    times = size // (len(content.encode("utf-8", "surrogatepass")) + 2) + 1
    return replace(completion, content="\n\n".join([content] * times))


def _with_member(completion: Completion, member: bytes) -> bytes:
    return completion.encode()[:-1] + b"," + member + b"}"


def _truncate(completion: Completion, _fault: Fault) -> bytes:
    body = completion.encode()
    return body[: len(body) // 2]


def _break_utf8(completion: Completion, _fault: Fault) -> bytes:
    return _insert(completion, "\u2028").encode().replace("\u2028".encode(), _NOT_UTF8)


_COMPLETIONS: dict[str, _SpoilCompletion] = {
    "finish_length": lambda completion, _: _cut(completion, "length"),
    "finish_content_filter": lambda completion, _: _cut(completion, "content_filter"),
    "null_content": lambda completion, _: replace(completion, content=None),
    "refusal": lambda completion, _: replace(completion, content=None, refusal=_REFUSAL),
    "no_pairs": lambda completion, _: replace(completion, content=_PROSE),
    "lone_surrogate": lambda completion, _: _insert(completion, "\ud800", "\\ud800"),
    "u2028": lambda completion, _: _insert(completion, "\u2028"),
    "nul": lambda completion, _: _insert(completion, "\0", "\\u0000"),
    "deep_nesting": lambda completion, fault: replace(
        completion, content="[" * fault.depth + "]" * fault.depth
    ),
    "huge": lambda completion, fault: _repeat(completion, fault.size),
}
_BODIES: dict[str, _SpoilBody] = {
    "html_200": lambda _, _fault: _HTML,
    "empty_object": lambda _, _fault: b"{}",
    "truncated_json": _truncate,
    "not_utf8": _break_utf8,
    "huge_number": lambda completion, _: _with_member(completion, b'"number":' + _DIGITS),
    "deep_nesting_body": lambda completion, fault: _with_member(
        completion, b'"nested":' + b"[" * fault.depth + b"]" * fault.depth
    ),
}
