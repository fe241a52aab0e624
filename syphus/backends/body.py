"""The body of a chat request, and what an endpoint has been found to accept in it.

The messages of a request are JSON already. The rest is the same for every request of a stage, so
a body is three byte strings put together, and nothing is encoded per request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from syphus.core.errors import UnsupportedParameter
from syphus.core.identity import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syphus.core.errors import RequestError
    from syphus.core.records import Request, RequestShape

ResponseFormatMode: TypeAlias = Literal["json_schema", "json_object", "none"]

_PLAINER: dict[ResponseFormatMode, ResponseFormatMode] = {
    "json_schema": "json_object",
    "json_object": "none",
}
_FORMAT_WORDS = frozenset({"response_format", "json_schema", "json_object"})
_MOST_SHAPES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Which parameters one endpoint accepts.

    `response_format_mode` says how much of a stage's response format is sent: all of it
    (`json_schema`), only that JSON is wanted (`json_object`), or nothing (`none`). In the latter
    two the messages have to describe the format.
    """

    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    response_format_mode: ResponseFormatMode = "json_schema"

    def after(self, refusal: RequestError) -> Dialect | None:
        """The dialect without what `refusal` names by code or parameter; None if it names nothing.

        OpenAI's reasoning models refuse `max_tokens` with code `unsupported_parameter` and
        `temperature` with code `unsupported_value`.
        """
        if _names_format(refusal.param) or _names_format(refusal.code):
            return self.with_plainer_format()
        if isinstance(refusal, UnsupportedParameter):
            if refusal.param == "max_tokens" and self.max_tokens_name == "max_tokens":
                return replace(self, max_tokens_name="max_completion_tokens")
            if refusal.param == "temperature" and self.temperature:
                return replace(self, temperature=False)
        return None

    def with_plainer_format(self) -> Dialect | None:
        """The dialect that says less of the response format; None if nothing is left to say."""
        plainer = _PLAINER.get(self.response_format_mode)
        return None if plainer is None else replace(self, response_format_mode=plainer)

    def changes_since(self, earlier: Dialect) -> Iterator[str]:
        """One sentence for each thing that is sent otherwise than in `earlier`."""
        if self.max_tokens_name != earlier.max_tokens_name:
            yield f"refuses {earlier.max_tokens_name}; {self.max_tokens_name} is sent instead"
        if self.temperature != earlier.temperature:
            yield "refuses temperature; its own default is used"
        if self.response_format_mode != earlier.response_format_mode:
            now = self.response_format_mode
            instead = "no response format" if now == "none" else now
            yield f"refuses {earlier.response_format_mode}; {instead} is sent instead"


class BodyWriter:
    """Writes request bodies for one model in one dialect.

    `is_guess` marks a dialect that is tried out and not known to be right.
    """

    def __init__(self, model: str, dialect: Dialect, *, is_guess: bool = False) -> None:
        self.dialect = dialect
        self.is_guess = is_guess
        self._head = b'{"model":' + canonical_json(model) + b',"messages":'
        self._tails: dict[RequestShape, bytes] = {}

    def write(self, request: Request) -> bytes:
        """The JSON body of `request`."""
        tail = self._tails.get(request.shape)
        if tail is None:
            tail = self._remember_tail(request.shape)
        return b"".join((self._head, request.messages, tail))

    def _remember_tail(self, shape: RequestShape) -> bytes:
        if len(self._tails) >= _MOST_SHAPES:
            self._tails.clear()
        tail = self._tails[shape] = self._tail(shape)
        return tail

    def _tail(self, shape: RequestShape) -> bytes:
        fields: dict[str, float] = {}
        if shape.sampling.max_tokens is not None:
            fields[self.dialect.max_tokens_name] = shape.sampling.max_tokens
        if shape.sampling.temperature is not None and self.dialect.temperature:
            fields["temperature"] = shape.sampling.temperature
        tail = b"".join(
            b',"' + name.encode() + b'":' + canonical_json(value) for name, value in fields.items()
        )
        response_format = self._response_format(shape)
        if response_format is not None:
            tail += b',"response_format":' + response_format
        return tail + b"}"

    def _response_format(self, shape: RequestShape) -> bytes | None:
        match self.dialect.response_format_mode:
            case "json_schema":
                return shape.response_format
            case "json_object":
                return shape.response_format and b'{"type":"json_object"}'
            case "none":
                return None


def _names_format(name: str | None) -> bool:
    return name is not None and not _FORMAT_WORDS.isdisjoint(re.findall(r"[a-z_]+", name.lower()))
