r"""One line of the journal.

A line is ASCII JSON that ends in a checksum and a newline:

    {"key":"<32 hex digits>","kind":"reply", ... ,"crc":"<8 hex digits>"}\n

Why so: JSON lines can be read by anything; ASCII means that no byte but the separator looks like
a newline; key and kind stand at fixed places, so a resume finds them in millions of lines without
parsing one, and knows a line of another version; the CRC-32 covers every byte before `,"crc"`, so
a damaged line is known as one.

Five kinds: `sent` (an attempt is about to be made), `not_billed` (that attempt came to nothing and
cost nothing), and the outcomes: `reply`, `truncated` (a reply that the token limit cut off),
`failed` (the request was given up). The last outcome of a key counts. What a reply cost stands
right behind its kind, so that a resume can add it up without parsing the text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any, Literal, TypeAlias, get_args

import orjson
from zlib_ng.zlib_ng import crc32  # ten times as fast as zlib's on 4 KB

from syphus.core.images import SentImage, describe_images, read_images
from syphus.core.records import Failure, Reply, Request, Usage

Kind: TypeAlias = Literal["sent", "not_billed", "reply", "truncated", "failed"]
Head: TypeAlias = tuple[int, Kind, float | None, int, int, int]
"""What a resume needs of a line: key (128 bits), kind, US dollars, and three counts of tokens.

The dollars are what a reply cost (None where no price was known), or the most that the attempt of a
`sent` line may cost; the tokens are a reply's of prompt and completion, and those cached.
"""

_KIND_AT = 50
_TAIL = b',"crc":"%08x"}\n'
_TAIL_BYTES = len(_TAIL % 0)
_KINDS: dict[bytes, Kind] = {name.encode(): name for name in get_args(Kind)}
_HEAD = re.compile(
    rb'\{"key":"([0-9a-f]{32})",'
    rb'"kind":"(sent|not_billed|failed|(?:reply|truncated)(?=","usage":\[))"'
    rb'(?:,"most_cost":([^,]+),|,"usage":\[(\d+),(\d+),(\d+)\],"cost":([^,]+),)?'
)
# Quotes inside a text are escaped, so these stand nowhere but at the fields themselves.
_ORIGIN = re.compile(
    rb',"deployment":("[^"\\]*(?:\\.[^"\\]*)*"),"attempt":[^,]+,"latency":[^,]+,'
    rb'"headers":\{(.*?)\},"finish_reason":'
)
_CUSTOM_ID = b'"custom_id":"'
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An outcome read back: exactly one of `reply` and `failure` is set.

    `pairs` are those that a request behind the first stage was about, `languages` those that it
    asked for; `images` were sent.
    """

    key: str
    kind: Kind
    query_id: str
    turn: int
    pairs: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()
    images: tuple[SentImage, ...] = ()
    reply: Reply | None = None
    failure: Failure | None = None


def _seal(key: str, kind: Kind, rest: str) -> bytes:
    body = f'{{"key":"{key}","kind":"{kind}",{rest}'.encode("ascii")
    return body + _TAIL % crc32(body)


def encode_sent(
    request: Request, *, attempt: int, deployment: str, most_cost: float = 0.0
) -> bytes:
    """The line written before an attempt: without an outcome after it, it may have been billed.

    `most_cost` is the most that it may cost, in US dollars.
    """
    return _seal(
        request.key,
        "sent",
        f'"most_cost":{most_cost!r},"query":{_encode(request.query_id)},"attempt":{attempt},"deployment":{_encode(deployment)}',
    )


def encode_not_billed(request: Request) -> bytes:
    """The line after an attempt that surely cost nothing and will be made again."""
    return _seal(request.key, "not_billed", '"at":"retry"')


def encode_reply(request: Request, reply: Reply, *, time: float) -> bytes:
    """The line of a reply; `time` is seconds since the epoch."""
    usage = reply.usage
    headers = _encode(dict(reply.headers)) if reply.headers else "{}"
    # By hand: the encoder takes three times as long for the same bytes.
    rest = (
        f'"usage":[{usage.prompt_tokens},{usage.completion_tokens},{usage.cached_tokens}],'
        f'"cost":{_number(reply.cost)},{_asked(request)},"time":{_number(round(time, 3))},'
        f'"deployment":{_text(reply.deployment)},"attempt":{reply.attempt},'
        f'"latency":{_number(round(reply.latency, 4))},"headers":{headers},'
        f'"finish_reason":{_text(reply.finish_reason)},"refusal":{_text(reply.refusal)},'
        f'"text":{_text(reply.text)}'
    )
    return _seal(request.key, "truncated" if reply.finish_reason == "length" else "reply", rest)


def encode_failure(request: Request, failure: Failure, *, time: float) -> bytes:
    """The line of a request that was given up; `time` is seconds since the epoch."""
    facts = {
        "time": round(time, 3),
        "error": failure.kind,
        "message": failure.message,
        "attempts": failure.attempts,
        "status": failure.status,
        "maybe_billed": failure.maybe_billed,
    }
    return _seal(request.key, "failed", f"{_asked(request)},{_encode(facts)[1:-1]}")


def _asked(request: Request) -> str:
    asked = f'"query":{_text(request.query_id)},"turn":{request.turn}'
    if request.pairs:
        asked += f',"pairs":{_encode(request.pairs)},"languages":{_encode(request.languages)}'
    if request.images:
        asked += f',"images":{_encode(describe_images(request.images))}'
    return asked


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring_ascii(value)


def _number(value: float | None) -> str:
    return repr(value) if value is not None and isfinite(value) else _encode(value)


def is_whole(line: bytes | memoryview) -> bool:
    """Whether a line, with its newline, is exactly what was written."""
    body = line[:-_TAIL_BYTES]
    return len(body) > _KIND_AT and line[-_TAIL_BYTES:] == _TAIL % crc32(body)


def read_head(line: bytes | memoryview) -> Head | None:
    """What a resume needs of a whole line; None where another version wrote it in a way of its own.

    The 128 bits of its key; its kind; US dollars: what a reply cost (0 where no price was known),
    or the most that the attempt of a `sent` line may cost; prompt, completion and cached tokens.
    """
    found = _HEAD.match(line)
    if found is None:
        return None
    key, kind, most_cost, prompt, completion, cached, cost = found.groups()
    if prompt is None:
        return int(key, 16), _KINDS[kind], float(most_cost or 0), 0, 0, 0
    paid = None if cost == b"null" else float(cost)
    return int(key, 16), _KINDS[kind], paid, int(prompt), int(completion), int(cached)


def read_origin(line: bytes | memoryview) -> tuple[str, bool]:
    """The deployment of a reply's line, and whether it came in a batch: it then has a custom id.

    The text isn't read. Empty and False for lines of other kinds.
    """
    found = _ORIGIN.search(line)
    return (_name(found[1]), _CUSTOM_ID in found[2]) if found else ("", False)


@lru_cache(maxsize=64)
def _name(quoted: bytes) -> str:
    return str(json.loads(quoted))


def decode(line: bytes) -> Record:
    """The record of a whole line that holds an outcome."""
    facts = _loads(line)
    kind: Kind = facts["kind"]
    reply = failure = None
    if kind == "failed":
        failure = Failure(
            kind=facts["error"],
            message=facts["message"],
            attempts=facts["attempts"],
            status=facts["status"],
            maybe_billed=facts["maybe_billed"],
        )
    else:
        prompt, completion, cached = facts["usage"]
        reply = Reply(
            text=facts["text"],
            finish_reason=facts["finish_reason"],
            refusal=facts["refusal"],
            usage=Usage(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached),
            latency=facts["latency"],
            deployment=facts["deployment"],
            attempt=facts["attempt"],
            cost=facts["cost"],
            headers=facts["headers"],
        )
    return Record(
        key=facts["key"],
        kind=kind,
        query_id=facts["query"],
        turn=facts["turn"],
        pairs=tuple(facts.get("pairs", ())),
        languages=tuple(facts.get("languages", ())),
        images=read_images(facts.get("images", ())),
        reply=reply,
        failure=failure,
    )


def _loads(line: bytes) -> dict[str, Any]:
    """A line's JSON by the quick reader, which refuses lone surrogates, or by the patient one."""
    try:
        return orjson.loads(line)  # type: ignore[no-any-return]
    except orjson.JSONDecodeError:
        return json.loads(line)  # type: ignore[no-any-return]
