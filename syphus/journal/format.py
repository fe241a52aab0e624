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
import zlib
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from syphus.core.records import Failure, Reply, Request, Usage

Kind: TypeAlias = Literal["sent", "not_billed", "reply", "truncated", "failed"]

_KEY = slice(8, 40)
_KIND_AT = 50
_TAIL = b',"crc":"%08x"}\n'
_TAIL_BYTES = len(_TAIL % 0)
_KINDS: dict[bytes, Kind] = {name.encode(): name for name in get_args(Kind)}
_HEAD = re.compile(
    rb'\{"key":"[0-9a-f]{32}","kind":"(?:(sent|not_billed|failed)"|(reply|truncated)","usage":\[)'
)
_COST = re.compile(rb'"usage":\[(\d+),(\d+),(\d+)\],"cost":([^,]+),')
_MOST_COST = re.compile(rb'"most_cost":([^,]+),')
_COST_WITHIN = 200
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An outcome read back: exactly one of `reply` and `failure` is set.

    `pairs` and `languages` are those that a translation asked for.
    """

    key: str
    kind: Kind
    query_id: str
    turn: int
    pairs: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()
    reply: Reply | None = None
    failure: Failure | None = None


def _seal(key: str, kind: Kind, rest: str) -> bytes:
    body = f'{{"key":"{key}","kind":"{kind}",{rest}'.encode("ascii")
    return body + _TAIL % zlib.crc32(body)


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
    facts = {
        "usage": [usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens],
        "cost": reply.cost,
        **_asked(request),
        "time": round(time, 3),
        "deployment": reply.deployment,
        "attempt": reply.attempt,
        "latency": round(reply.latency, 4),
        "headers": dict(reply.headers),
        "finish_reason": reply.finish_reason,
        "refusal": reply.refusal,
        "text": reply.text,
    }
    kind: Kind = "truncated" if reply.finish_reason == "length" else "reply"
    return _seal(request.key, kind, _encode(facts)[1:-1])


def encode_failure(request: Request, failure: Failure, *, time: float) -> bytes:
    """The line of a request that was given up; `time` is seconds since the epoch."""
    facts = {
        **_asked(request),
        "time": round(time, 3),
        "error": failure.kind,
        "message": failure.message,
        "attempts": failure.attempts,
        "status": failure.status,
        "maybe_billed": failure.maybe_billed,
    }
    return _seal(request.key, "failed", _encode(facts)[1:-1])


def _asked(request: Request) -> dict[str, Any]:
    asked: dict[str, Any] = {"query": request.query_id, "turn": request.turn}
    if request.languages:
        asked["pairs"] = request.pairs
        asked["languages"] = request.languages
    return asked


def is_whole(line: bytes) -> bool:
    """Whether a line, with its newline, is exactly what was written."""
    body, tail = memoryview(line)[:-_TAIL_BYTES], line[-_TAIL_BYTES:]
    return len(body) > _KIND_AT and tail == _TAIL % zlib.crc32(body)


def key_of(line: bytes) -> str:
    """The key of a whole line."""
    return line[_KEY].decode("ascii")


def kind_of(line: bytes) -> Kind | None:
    """The kind of a whole line; None where another version wrote it in a way of its own."""
    head = _HEAD.match(line)
    return _KINDS[head[1] or head[2]] if head else None


def most_cost_of(line: bytes) -> float:
    """The most that the attempt of a whole `sent` line may cost, in US dollars."""
    found = _MOST_COST.search(line, _KIND_AT, _COST_WITHIN)
    return float(found[1]) if found else 0.0


def cost_of(line: bytes) -> tuple[Usage, float]:
    """The tokens of a whole reply line and its US dollars (0 where no price was known)."""
    found = _COST.search(line, _KIND_AT, _COST_WITHIN)
    if found is None:
        return Usage(), 0.0
    prompt, completion, cached, cost = found.groups()
    usage = Usage(
        prompt_tokens=int(prompt), completion_tokens=int(completion), cached_tokens=int(cached)
    )
    return usage, 0.0 if cost == b"null" else float(cost)


def decode(line: bytes) -> Record:
    """The record of a whole line that holds an outcome."""
    facts: dict[str, Any] = json.loads(line)
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
        reply=reply,
        failure=failure,
    )
