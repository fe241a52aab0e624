"""Answering the lines of a batch, and laying the answers out in its two files.

A line of OpenAI's is {"id", "custom_id", "response": {"status_code", "request_id", "body"},
"error"}; Azure's has no id and an empty request_id. Answers of status 200 stand in the output file;
other statuses, and lines without an answer, in the error file. Faults that would have spoiled a
reply's JSON spoil its line; HTML stands as a JSON string; a broken connection is an `error`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from syphus.core.durable import dump
from syphus.testing.answering import complete
from syphus.testing.calls import Refused, read_body
from syphus.testing.completion import estimate_tokens
from syphus.testing.dice import fraction
from syphus.testing.errors import Circumstances, refuse
from syphus.testing.faults import STATUS_FAULTS, WIRE_FAULTS
from syphus.testing.files import make_id
from syphus.testing.oddities import odd_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from syphus.testing.batch_script import BatchEnding
    from syphus.testing.calls import Call
    from syphus.testing.completion import Completion
    from syphus.testing.faults import Fault
    from syphus.testing.log import Log
    from syphus.testing.script import Dialect
    from syphus.testing.stage import Playing

_GOOD = 200
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_REST = {
    "expired": ("batch_expired", "The completion window closed before this request was executed."),
    "cancelled": ("batch_cancelled", "The batch was cancelled before this request was executed."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReply:
    """What became of a line: an answer with its JSON, or `code` and `message` of an error.

    `key` names the query; `good` says that the answer is whole, with no fault in it. The tokens
    are those of an answer that is paid for.
    """

    id: str
    custom_id: str | None
    key: str = ""
    status: int | None = None
    body: bytes = b""
    code: str = ""
    message: str = ""
    good: bool = False
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    @property
    def billed(self) -> bool:
        """Whether the line is paid for."""
        return self.status == _GOOD

    def encode(self, dialect: Dialect) -> bytes:
        """The line, without its end."""
        head: dict[str, Any] = {"id": make_id("batch_req_", self.id)}
        if dialect == "azure":
            head = {}
        if self.custom_id is not None:
            head["custom_id"] = self.custom_id
        begin = dump(head)[:-1] + (b"," if head else b"")
        if self.status is None:
            error = dump({"code": self.code, "message": self.message})
            return begin + b'"response":null,"error":' + error + b"}"
        request_id = "" if dialect == "azure" else make_id("req_", self.id)
        about = b'"status_code":%d,"request_id":"%s"' % (self.status, request_id.encode())
        return begin + b'"response":{%s,"body":%s},"error":null}' % (about, self.body)


def answer_line(
    body: Any, line: LineReply, playing: Playing, log: Log, dialect: Dialect
) -> LineReply:
    """Answers one request as if it had come alone, but for limits and latency."""
    playing.position += 1
    position = playing.position
    try:
        call = read_body(body, Circumstances(dialect=dialect), playing.script)
    except Refused as refused:
        return _take(line, refused.response)
    count = log.take_line(call.key, call.text, call.images)
    line = replace(line, key=call.key)
    fault = playing.faults.choose(
        position=position, key=call.key, text=call.text, attempt=count.admitted
    )
    if fault is not None:
        log.spoil(count, fault.kind)
    log.note(call.key, None if fault is None else fault.kind)
    try:
        completion = complete(playing.script, call, count.admitted, log)
    except Refused as refused:
        return _take(line, refused.response)
    if fault is not None:
        line = _spoil(line, fault, call, completion)
    else:
        good = completion.finish_reason == "stop"
        line = replace(line, status=_GOOD, body=completion.encode(), good=good)
    if line.good:
        log.answer_line(count)
    return _with_usage(line, completion) if line.billed else line


def lay_out(
    replies: Sequence[LineReply],
    unanswered: Sequence[LineReply],
    ending: BatchEnding,
    status: str,
    dialect: Dialect,
) -> tuple[bytes, bytes]:
    """The bytes of the output and of the error file of a batch that ended with `status`."""
    outputs = [reply for reply in replies if reply.billed]
    errors = [reply for reply in replies if not reply.billed]
    if ending.tells_rest and unanswered:
        code, message = _REST[status]
        errors += [replace(line, code=code, message=message) for line in unanswered]
    outputs = outputs[: max(0, len(outputs) - ending.left_out)]
    repeated = outputs[: ending.repeated]
    strangers = [
        replace(outputs[number % len(outputs)], custom_id=f"unknown-{number}", id=f"u{number}")
        for number in range(ending.unknown if outputs else 0)
    ]
    nameless = [replace(reply, custom_id=None) for reply in outputs[: ending.nameless]]
    outputs = [*nameless, *outputs[ending.nameless :], *repeated, *strangers]
    if ending.shuffled:
        outputs.sort(key=lambda reply: fraction("order", reply.id))
        errors.sort(key=lambda reply: fraction("order", reply.id))
    return _join(outputs, ending, dialect), _join(errors, ending, dialect)


def _join(replies: Sequence[LineReply], ending: BatchEnding, dialect: Dialect) -> bytes:
    if not replies:
        return b""
    newline = b"\r\n" if ending.crlf else b"\n"
    text = b"".join(reply.encode(dialect) + newline for reply in replies)
    return _BYTE_ORDER_MARK + text if ending.byte_order_mark else text


def _spoil(line: LineReply, fault: Fault, call: Call, completion: Completion) -> LineReply:
    if fault.kind in WIRE_FAULTS:
        return replace(line, code="server_error", message="The request was not answered.")
    if fault.kind in STATUS_FAULTS:
        return _take(line, refuse(fault.kind, call.about(fault.param)))
    return _take(line, odd_reply(fault, completion))


def _take(line: LineReply, response: web.Response) -> LineReply:
    body = response.body if isinstance(response.body, bytes) else b""
    if response.content_type != "application/json":
        body = orjson.dumps(body.decode())
    return replace(line, status=response.status, body=body)


def _with_usage(line: LineReply, completion: Completion) -> LineReply:
    content = (completion.content or "").encode("utf-8", "surrogatepass")
    return replace(
        line,
        prompt_tokens=completion.prompt_tokens,
        cached_tokens=min(completion.cached_tokens, completion.prompt_tokens),
        completion_tokens=estimate_tokens(content),
    )
