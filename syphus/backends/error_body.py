"""Reads error bodies: those of OpenAI, Azure, vLLM, llama.cpp, FastAPI, Ollama, Google and kin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syphus.backends.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTHING = ("None", "null")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFacts:
    """What an error body says.

    `names` are its codes and types, the outermost first; `status` an HTTP status given as a code;
    `flagged` that a moderation objected to the input without giving a code for it.
    """

    message: str = ""
    names: tuple[str, ...] = ()
    param: str | None = None
    status: int | None = None
    flagged: bool = False


def read_facts(body: bytes) -> ErrorFacts:
    """The facts in the body of a response, which may be JSON, text or nothing.

    A page of HTML says nothing that would fit a line.
    """
    try:
        payload = parse_json(body)
    except ValueError:
        text = body[:2000].decode("utf-8", "replace").strip()
        return ErrorFacts(message="" if text.startswith("<") else text)
    return facts_of(payload)


def facts_of(payload: Any) -> ErrorFacts:
    """The facts in a parsed error body."""
    if isinstance(payload, list) and payload:  # Google wraps its error in a list
        payload = payload[0]
    if not isinstance(payload, dict):
        return ErrorFacts(message=payload if isinstance(payload, str) else "")
    error = payload.get("error")
    if isinstance(error, str):
        return ErrorFacts(message=error, names=tuple(_names(payload)))
    if not isinstance(error, dict):
        error = payload
    detail = error.get("detail")
    metadata = error.get("metadata")
    return ErrorFacts(
        message=_text(error.get("message")) or _text(detail),
        names=tuple(_names(error)),
        param=_param(error.get("param")) or _location(detail),
        status=_status(error.get("code")),
        # OpenRouter's moderation answers 403, which would otherwise stop the run.
        flagged=isinstance(metadata, dict) and "flagged_input" in metadata,
    )


def _param(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value not in _NOTHING else None


def _names(error: dict[str, Any]) -> Iterator[str]:
    inner = error.get("innererror")
    nested = inner.get("code") if isinstance(inner, dict) else None
    for name in (error.get("code"), nested, error.get("type"), error.get("status")):
        if isinstance(name, str) and name and name not in _NOTHING:
            yield name


def _status(code: Any) -> int | None:
    """An HTTP status given as an error's code, as a number or in digits."""
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == len("200"):
        code = int(code)
    plausible = isinstance(code, int) and 400 <= code < 600  # noqa: PLR2004 - HTTP's error range
    return code if plausible else None


def _text(value: Any) -> str:
    if isinstance(value, dict):  # Mistral puts FastAPI's detail into the message
        value = value.get("detail") or value.get("message")
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = value[0].get("msg")
    return value if isinstance(value, str) else ""


def _location(detail: Any) -> str | None:
    """FastAPI names the refused field as `["body", "response_format", "type"]`."""
    if not (isinstance(detail, list) and detail and isinstance(detail[0], dict)):
        return None
    location = detail[0].get("loc")
    if not isinstance(location, list):
        return None
    return ".".join(str(step) for step in location if step != "body") or None
