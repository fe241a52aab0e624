"""Error replies in the shapes of the two providers.

Shapes and codes are those of OpenAI's API reference ("Error codes") and of Azure OpenAI's
("Content filtering", "Quotas and limits"); the wording is ours.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from aiohttp import web

from syphus.core.durable import dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.testing.batch_script import RouteFault
    from syphus.testing.faults import Fault
    from syphus.testing.limits import Verdict
    from syphus.testing.script import Dialect

_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What an error's text speaks of."""

    dialect: Dialect
    model: str = ""
    credential: str = ""
    param: str = "max_tokens"


@dataclass(frozen=True, slots=True)
class _Error:
    """One error: status, then what OpenAI puts in its body, then Azure's code if it differs."""

    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None
    azure_code: str | None = None


_INVALID = "invalid_request_error"
_ERRORS: Mapping[str, _Error] = {
    "bad_request": _Error(
        400, _INVALID, None, "The request is not valid.", "messages", "BadRequest"
    ),
    "content_filter": _Error(
        400,
        _INVALID,
        "content_filter",
        "The response was filtered because the prompt triggered the content management policy.",
        "prompt",
    ),
    "context_length": _Error(
        400,
        _INVALID,
        "context_length_exceeded",
        "The messages are longer than the maximum context length of {model}.",
        "messages",
    ),
    "unsupported_parameter": _Error(
        400,
        _INVALID,
        "unsupported_parameter",
        "Unsupported parameter: '{param}' is not supported with this model.",
        "{param}",
    ),
    "invalid_api_key": _Error(
        401, _INVALID, "invalid_api_key", "Incorrect API key provided: {credential}.", None, "401"
    ),
    "expired_token": _Error(
        401,
        _INVALID,
        "token_expired",
        "The access token is invalid, of another audience, or has expired.",
        None,
        "Unauthorized",
    ),
    "forbidden": _Error(
        403, _INVALID, "access_denied", "Access to {model} is not allowed from here.", None, "403"
    ),
    "not_found": _Error(
        404,
        _INVALID,
        "model_not_found",
        "The model or deployment `{model}` does not exist.",
        None,
        "DeploymentNotFound",
    ),
    "no_such_path": _Error(404, _INVALID, None, "There is no such address.", None, "404"),
    "bad_call": _Error(
        400, _INVALID, "invalid_value", "The request is not valid.", "{param}", "invalidPayload"
    ),
    "no_such_object": _Error(
        404, _INVALID, None, "There is no object `{model}`, or no longer.", "id", "notFound"
    ),
    "batch_ended": _Error(
        409, _INVALID, None, "A batch that is {param} cannot be cancelled.", None, "Conflict"
    ),
    "enqueued_400": _Error(
        400, _INVALID, "token_limit_exceeded", "The batch cannot be enqueued now."
    ),
    "enqueued_429": _Error(
        429,
        "tokens",
        "token_limit_exceeded",
        "The batch cannot be enqueued now.",
        None,
        "EnqueuedTokenLimit",
    ),
    "request_timeout": _Error(408, "timeout", None, "The request timed out.", None, "Timeout"),
    "conflict": _Error(
        409, _INVALID, "conflict", "Another request works on this resource.", None, "Conflict"
    ),
    "rate_limited": _Error(
        429, "requests", "rate_limit_exceeded", "Rate limit reached for {model}.", None, "429"
    ),
    "insufficient_quota": _Error(
        429,
        "insufficient_quota",
        "insufficient_quota",
        "The current quota is used up; see plan and billing details.",
    ),
    "server_error": _Error(
        500, "server_error", None, "The server had an error.", None, "InternalServerError"
    ),
    "unavailable": _Error(
        503,
        "server_error",
        "overloaded",
        "The engine is overloaded; try again later.",
        None,
        "ServiceUnavailable",
    ),
}


def refuse(
    kind: str, about: Circumstances, *, headers: Mapping[str, str] | None = None, detail: str = ""
) -> web.Response:
    """The error reply of that kind; `detail` is added to its message."""
    if kind == "bad_gateway":
        page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
        return web.Response(status=502, text=page, content_type="text/html")
    error = _ERRORS[kind]
    facts = {"model": about.model, "credential": about.credential, "param": about.param}
    message = " ".join(filter(None, (error.message.format(**facts), detail)))
    body: dict[str, Any] = {"message": message, "type": error.type, "code": error.code}
    body["param"] = error.param and error.param.format(**facts)
    if about.dialect == "azure":
        body["code"] = error.azure_code or error.code
        if kind == "content_filter":
            body["type"] = None
            body["status"] = error.status
            body["innererror"] = {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {"violence": {"filtered": True, "severity": "medium"}},
            }
        elif error.azure_code is not None:
            body = {"code": error.azure_code, "message": message}
    return web.Response(
        status=error.status, body=dump({"error": body}), headers=headers, content_type=_JSON
    )


def refuse_for_limits(verdict: Verdict, about: Circumstances) -> web.Response:
    """The 429 of a limit that is enforced."""
    unit = "requests per min (RPM)" if verdict.axis == "requests" else "tokens per min (TPM)"
    if math.isinf(verdict.wait):
        message = f"Request too large for {about.model} under the rate limit on {unit}."
    else:
        message = (
            f"Rate limit reached for {about.model} on {unit}: limit {verdict.limit}. "
            f"Please try again in {verdict.wait:.3f}s."
        )
    body: dict[str, Any] = {"code": "429", "message": message}
    if about.dialect == "openai":
        code = "rate_limit_exceeded"
        body = {"message": message, "type": verdict.axis, "param": None, "code": code}
    return web.Response(
        status=429, body=dump({"error": body}), headers=verdict.headers, content_type=_JSON
    )


def retry_headers(fault: Fault | RouteFault) -> dict[str, str]:
    """The header that tells when to come back, in the fault's spelling."""
    if fault.retry_after is None:
        return {}
    if fault.retry_after_as == "ms":
        return {"retry-after-ms": f"{fault.retry_after * 1000:g}"}
    if fault.retry_after_as == "date":
        return {"retry-after": formatdate(time.time() + fault.retry_after, usegmt=True)}
    return {"retry-after": f"{fault.retry_after:g}"}
