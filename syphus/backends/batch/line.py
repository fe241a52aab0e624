"""One line of a batch's output or error file: whose it is, and a reply or an error.

A line is {"custom_id", "response": {"status_code", "request_id", "body"}, "error": {"code",
"message"}}; one of response and error is null. What a body says is judged as online.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syphus.backends.classify import http_error, reply_error
from syphus.backends.completion import holds_error, read_completion
from syphus.backends.parsing import parse_json
from syphus.backends.server_text import show
from syphus.core.durable import dump
from syphus.core.errors import MalformedReply, RequestError, RetryableError, ServerFailed
from syphus.core.records import Reply, Usage

if TYPE_CHECKING:
    from syphus.core.prices import Rates
    from syphus.core.secrets import Secrets

_GOOD = 200
_SUCCESSES = range(200, 300)
_STATUSES = range(100, 600)
_LONGEST_NAME = 200
_CUSTOM_ID = re.compile(rb'"custom_id"\s*:\s*"([^"\\]{1,200})"')
_NOT_RUN = {
    "batch_expired": "the batch expired before this request was executed",
    "batch_cancelled": "the batch was cancelled before this request was executed",
}
_NO_USAGE = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReader:
    """Reads lines of one deployment's batches.

    `rates` are prices of the Batch API. A reply's `latency` is the batch's own, in seconds, and
    its `attempt` 1: only the engine knows which one it was. `secrets`, and `hidden` made of them,
    are what no text may repeat. `now` is the wall clock, in seconds.
    """

    deployment: str
    rates: Rates | None
    secrets: tuple[str, ...] = field(repr=False)
    hidden: Secrets = field(repr=False)
    latency: float
    now: float

    def read(self, raw: bytes) -> tuple[str | None, Reply | RequestError]:
        """The line's custom_id, if it has one, and what it came to.

        A line that is no JSON still shows whose it is, unless it was cut before that.
        """
        try:
            value = parse_json(raw)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            found = _CUSTOM_ID.search(raw)
            name = found[1].decode("utf-8", "replace") if found else None
            return name, _malformed("a line that is no JSON", maybe_billed=True)
        custom_id = value.get("custom_id")
        return custom_id if isinstance(custom_id, str) else None, self._judge(value)

    def _judge(self, value: dict[str, Any]) -> Reply | RequestError:
        response = value.get("response")
        if not isinstance(response, dict):
            return self._unanswered(value)
        body = response.get("body")
        status = _status(response.get("status_code"), body)
        headers = {}
        if isinstance(response.get("request_id"), str) and response["request_id"]:
            headers["x-request-id"] = response["request_id"][:_LONGEST_NAME]
        if status not in _STATUSES:
            return _malformed("a response without a status", maybe_billed=True)
        if status not in _SUCCESSES:
            raw = _encode(body)
            return http_error(status, raw, headers, secrets=self.secrets, now=self.now)
        return self._reply(body, headers)

    def _reply(self, body: Any, headers: dict[str, str]) -> Reply | RequestError:
        failure = holds_error(body)
        if failure is not None:
            return reply_error(failure, headers, secrets=self.secrets, now=self.now)
        completion = read_completion(body)
        if completion is None:
            return _malformed("no chat completion", maybe_billed=True)
        hide = self.hidden.hide
        usage = completion.usage
        return Reply(
            text=completion.text and hide(completion.text),
            finish_reason=hide(completion.finish_reason),
            usage=usage or _NO_USAGE,
            latency=self.latency,
            deployment=self.deployment,
            attempt=1,
            refusal=completion.refusal and hide(completion.refusal),
            cost=self.rates.cost(usage) if self.rates and usage else None,
            headers={name: hide(text) for name, text in headers.items()},
        )

    def _unanswered(self, value: dict[str, Any]) -> RequestError:
        error = value.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if isinstance(code, str) and code in _NOT_RUN:
            return RetryableError(_NOT_RUN[code], code=code)
        if not error:
            return _malformed("a line with neither response nor error", maybe_billed=True)
        found = reply_error({"error": error}, {}, secrets=self.secrets, now=self.now)
        if isinstance(found, MalformedReply):
            # No response means that nothing was executed; what the code means isn't known.
            said = error.get("message") if isinstance(error, dict) else error
            shown = show(str(said or code or "no reason given"), secrets=self.secrets)
            return ServerFailed(f"not executed: {shown}", code=found.code)
        found.maybe_billed = False
        return found


def _status(value: Any, body: Any) -> int:
    """The status of a response, 0 if none is told; a completion is there only for a success."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value) if len(value) == len("200") else 0
    if value is None and isinstance(body, dict) and body.get("choices"):
        value = _GOOD
    return value if type(value) is int else 0


def _encode(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "replace")
    try:
        return dump(body)
    except (TypeError, ValueError, RecursionError):  # 30 digits, a thousand brackets
        return b""


def _malformed(what: str, *, maybe_billed: bool) -> MalformedReply:
    return MalformedReply(f"in the batch's file: {what}", status=_GOOD, maybe_billed=maybe_billed)
