"""The body of a chat completion."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from syphus.testing.script import Dialect

_BYTES_A_TOKEN = 4
# A square of 768 pixels by gpt-4o's formula.
_IMAGE_TOKENS = 765
_SAFE = {
    name: {"filtered": False, "severity": "safe"}
    for name in ("hate", "self_harm", "sexual", "violence")
}


def estimate_tokens(text: bytes) -> int:
    """Tokens in UTF-8 text: a token for every four bytes, rounded up."""
    return -(-len(text) // _BYTES_A_TOKEN)


def estimate_prompt(messages: Any, canonical: bytes) -> int:
    """Tokens of messages whose canonical JSON is given; an image counts `_IMAGE_TOKENS`."""
    addresses = [
        part["image_url"]["url"]
        for message in (messages if isinstance(messages, list) else ())
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
        if isinstance(part, dict) and part.get("type") == "image_url"
    ]
    text = len(canonical) - sum(map(len, addresses))
    return -(-text // _BYTES_A_TOKEN) + _IMAGE_TOKENS * len(addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One assistant message with its usage; `id` is unique at a server."""

    id: str
    model: str
    dialect: Dialect
    content: str | None
    prompt_tokens: int
    cached_tokens: int = 0
    finish_reason: str = "stop"
    refusal: str | None = None

    def value(self) -> dict[str, Any]:
        """The completion as JSON values."""
        content = (self.content or self.refusal or "").encode("utf-8", "surrogatepass")
        completion_tokens = estimate_tokens(content)
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": self.content, "refusal": self.refusal},
            "logprobs": None,
            "finish_reason": self.finish_reason,
        }
        value: dict[str, Any] = {
            "id": self.id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.model,
            "choices": [choice],
            "usage": {
                "prompt_tokens": self.prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": self.prompt_tokens + completion_tokens,
                "prompt_tokens_details": {
                    "cached_tokens": min(self.cached_tokens, self.prompt_tokens)
                },
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
            "system_fingerprint": "fp_scripted",
        }
        if self.dialect == "azure":
            choice["content_filter_results"] = _SAFE
            value["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        return value

    def encode(self) -> bytes:
        """The completion as it is sent; lone surrogates as escapes, the rest as UTF-8."""
        value = self.value()
        try:
            return orjson.dumps(value)
        except TypeError:
            return json.dumps(value).encode("ascii")


def cut_to(content: str, tokens: int) -> str:
    """The beginning of `content` that fits into that many estimated tokens."""
    encoded = content.encode("utf-8", "surrogatepass")[: tokens * _BYTES_A_TOKEN]
    return encoded.decode("utf-8", "ignore")
