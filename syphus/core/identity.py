"""Who a request is: a hash of what is sent, so that a changed prompt is asked anew.

Only what decides the meaning of the answer is hashed: model, messages, response format. Sampling
limits stay out, so that raising `max_tokens` doesn't throw good answers away.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import orjson

ALGORITHM = "b2"
_DIGEST_BYTES = 16


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, UTF-8: equal values give equal bytes.

    Lone surrogates, which UTF-8 can't hold, are kept as escapes.

    Raises TypeError for what JSON has no word for: NaN, infinity, keys that aren't text, and
    objects of other kinds.
    """
    _refuse_foreign(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _refuse_foreign(value: Any) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key of JSON is a text, not {type(key).__name__}")
            _refuse_foreign(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_foreign(part)
    elif isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"JSON has no number {value}")


class IdentityHash:
    """Hashes requests that share a model, a response format and the head of their messages.

    The shared part is hashed once; `of` adds what differs. Two requests have the same identity
    exactly if model, response format and the canonical JSON of their messages are the same.
    """

    def __init__(self, *, model: str, response_format: bytes | None, head: bytes) -> None:
        settings = canonical_json({"model": model}) + b"\0" + (response_format or b"null") + b"\0"
        self._shared = hashlib.blake2b(settings + head, digest_size=_DIGEST_BYTES)

    def of(self, rest: bytes) -> str:
        """The identity of the request whose message array is `head + rest`."""
        digest = self._shared.copy()
        digest.update(rest)
        return f"{ALGORITHM}:{digest.hexdigest()}"


def journal_key(query_id: str, identity: str) -> str:
    """The name of one request of one query in the journal: 32 hexadecimal digits.

    Two queries with the same text are two requests, so the query's id is part of it.
    """
    name = f"{identity}\0{query_id}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(name, digest_size=_DIGEST_BYTES).hexdigest()
