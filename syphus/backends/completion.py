"""Reads the body of a chat completion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from syphus.core.records import Usage

UNKNOWN_FINISH = "unknown"
# The longest entries of today's vocabularies are 128 spaces; the longest that isn't repetition
# takes some 60 bytes, and twice that where every character is escaped.
_BYTES_A_TOKEN = 256
_BESIDE_THE_TEXT = 1 << 20
# Beyond it no number of tokens is one, nor has it a price: a float would overflow.
_MOST_TOKENS = 1 << 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The first choice of a chat completion. `usage` is None where the endpoint told none."""

    text: str | None
    refusal: str | None
    finish_reason: str
    usage: Usage | None


def most_bytes(max_tokens: int | None, *, ceiling: int) -> int:
    """The most bytes that the body of an honest completion may have, generously.

    256 bytes for each token that was allowed, a mebibyte for everything else, and never over
    `ceiling`.
    """
    if max_tokens is None:
        return ceiling
    return min(ceiling, _BESIDE_THE_TEXT + _BYTES_A_TOKEN * max_tokens)


def read_completion(payload: Any) -> Completion | None:
    """The completion in a parsed body; None if it holds none.

    Content may be text, a list of parts (their texts are joined) or null. A finish reason that is
    missing or null is `unknown`: nothing says that such a text is whole.
    """
    try:
        choice = payload["choices"][0]
        message = choice["message"]
        content = message.get("content")
        finish = choice.get("finish_reason")
        refusal = message.get("refusal")
    except (AttributeError, LookupError, TypeError):
        return None
    if content is not None and not isinstance(content, str):
        content = _joined(content)
        if content is None:
            return None
    return Completion(
        text=content,
        refusal=refusal if isinstance(refusal, str) and refusal else None,
        finish_reason=finish if isinstance(finish, str) and finish else UNKNOWN_FINISH,
        usage=_read_usage(payload.get("usage")),
    )


def holds_error(payload: Any) -> Any:
    """The part of a parsed body that reports an error in place of a completion, or None.

    Gateways put an error object beside or into the choices of a reply of status 200.
    """
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    if not isinstance(payload, dict):
        return None
    if payload.get("error") or payload.get("object") == "error":
        return payload
    choices = payload.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) and choice.get("error") else None


def _joined(content: Any) -> str | None:
    if not isinstance(content, list):
        return None
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _read_usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    prompt = _count(usage.get("prompt_tokens"))
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=min(cached, prompt),
    )


def _count(value: Any) -> int:
    return value if type(value) is int and 0 < value < _MOST_TOKENS else 0
