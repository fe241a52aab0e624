"""Statuses, error bodies and failures of the transport become `syphus.core.errors`.

This is the only place where that happens, and it goes by status, codes and types. Words of a
message decide nothing: "rate" also stands in "generate".
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from syphus.backends.error_body import ErrorFacts, facts_of, read_facts
from syphus.backends.headers import request_id, retry_after
from syphus.backends.server_text import show
from syphus.backends.transport.errors import (
    AnswerTooLarge,
    ConnectTimedOut,
    DeadlinePassed,
    NameUnknown,
    NoConnection,
    ProxyRefused,
    TransportError,
)
from syphus.core.errors import (
    AccessDenied,
    BadRequest,
    ConnectionFailed,
    ContentFiltered,
    ContextTooLong,
    MalformedReply,
    NoSuchName,
    QuotaUsedUp,
    RateLimited,
    RequestError,
    ServerFailed,
    TimedOut,
    UnknownDeployment,
    UnsupportedParameter,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def _plain(name: str) -> str:
    """`name` in the spelling that is compared: `DeploymentNotFound` is `deployment_not_found`."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _by_code(names: Mapping[type[RequestError], tuple[str, ...]]) -> dict[str, type[RequestError]]:
    return {_plain(name): kind for kind, group in names.items() for name in group}


_KINDS_BY_CODE = _by_code(
    {
        QuotaUsedUp: (
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
            "insufficient_balance",
            "insufficient_credits",
            "credit_balance_too_low",
            "credit_exhausted",
            "credits_exhausted",
            "exceeded_current_quota_error",  # Moonshot
            "Arrearage",  # Alibaba
        ),
        ContentFiltered: (
            "content_filter",
            "content_policy_violation",
            "ResponsibleAIPolicyViolation",  # Azure
            "data_inspection_failed",  # Alibaba
        ),
        ContextTooLong: (
            "context_length_exceeded",
            "string_above_max_length",
            "exceed_context_size_error",  # llama.cpp
            "tokens_limit_reached",  # GitHub Models
        ),
        UnsupportedParameter: ("unsupported_parameter", "unsupported_value", "unknown_parameter"),
        UnknownDeployment: (
            "model_not_found",
            "DeploymentNotFound",
            "OperationNotSupported",  # Azure: this deployment's model doesn't chat
        ),
    }
)
_KINDS_BY_STATUS: dict[int, type[RequestError]] = {
    401: AccessDenied,
    402: QuotaUsedUp,
    403: AccessDenied,
    404: UnknownDeployment,
    405: UnknownDeployment,
    407: AccessDenied,
    408: ServerFailed,
    409: ServerFailed,
    410: UnknownDeployment,
    425: ServerFailed,
    429: RateLimited,
}
# For a reply of status 200 that holds an error with a code but no status.
_KINDS_IN_REPLY = _KINDS_BY_CODE | _by_code(
    {
        RateLimited: ("rate_limit_exceeded", "rate_limit_error", "too_many_requests"),
        ServerFailed: ("server_error", "internal_server_error", "overloaded_error"),
    }
)
# A gateway gave up waiting; the model behind it may have answered all the same.
_MAYBE_BILLED_STATUSES = frozenset({408, 504, 524})
# Azure may charge for a prompt that it read before refusing it, says its page on costs.
_MAYBE_BILLED_KINDS = (ContentFiltered, ContextTooLong)


def http_error(
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    *,
    secrets: Iterable[str] = (),
    now: float,
) -> RequestError:
    """The error for a response that isn't a success.

    `headers` are those that `keep_headers` kept, `now` the wall clock in seconds (for dates in
    Retry-After), `secrets` what must not appear in the message.
    """
    facts = ErrorFacts() if _is_redirect(status) else read_facts(body)
    kind: type[RequestError] | None = None
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = _kind_by_code(facts, _KINDS_BY_CODE)
    kind = kind or _kind_by_status(status)
    fallback = "redirects to another address" if _is_redirect(status) else _phrase(status)
    return _build(kind, status, facts, headers, fallback, secrets=secrets, now=now)


def reply_error(
    payload: Any, headers: Mapping[str, str], *, secrets: Iterable[str] = (), now: float
) -> RequestError:
    """The error for a response of status 200 that says that something went wrong.

    It is what the error's code means; MalformedReply if that is unknown. The attempt may have
    been billed, unless the endpoint says that it refused it.
    """
    facts = facts_of(payload)
    kind = _kind_by_code(facts, _KINDS_IN_REPLY)
    if kind is None and facts.status is not None:
        kind = _kind_by_status(facts.status)
    error = _build(
        kind or MalformedReply,
        HTTPStatus.OK,
        facts,
        headers,
        "an error in place of a completion",
        secrets=secrets,
        now=now,
    )
    error.maybe_billed = isinstance(error, MalformedReply | ServerFailed)
    return error


def transport_error(exc: TransportError, *, secrets: Iterable[str] = ()) -> RequestError:
    """The error for an exchange without an answer.

    A name that doesn't resolve and a certificate that isn't trusted may mend themselves (a
    network that comes back, a renewed certificate), so they are asked again like a refused
    connection. Nothing was sent then; afterwards the attempt may have been billed.
    """
    message = show(str(exc), secrets=secrets)
    match exc:
        case ProxyRefused(status=HTTPStatus.PROXY_AUTHENTICATION_REQUIRED):
            return AccessDenied(message)
        case ConnectTimedOut():
            return TimedOut(message)
        case NoConnection():
            kind = NoSuchName if isinstance(exc, NameUnknown) else ConnectionFailed
            return kind(message)
        case DeadlinePassed():
            return TimedOut(message, maybe_billed=exc.sent)
        case AnswerTooLarge():
            return MalformedReply(message, status=exc.status, maybe_billed=True)
        case _:
            return ConnectionFailed(message, maybe_billed=True)


def _kind_by_code(
    facts: ErrorFacts, kinds: Mapping[str, type[RequestError]]
) -> type[RequestError] | None:
    if facts.flagged:
        return ContentFiltered
    for name in facts.names:
        if kind := kinds.get(_plain(name)):
            return kind
    # vLLM gives no code, but names what is too large.
    return ContextTooLong if facts.param == "input_tokens" else None


def _kind_by_status(status: int) -> type[RequestError]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerFailed
    if _is_redirect(status):
        return UnknownDeployment
    return _KINDS_BY_STATUS.get(status, BadRequest)


def _is_redirect(status: int) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"


def _build(
    kind: type[RequestError],
    status: int,
    facts: ErrorFacts,
    headers: Mapping[str, str],
    fallback: str,
    *,
    secrets: Iterable[str],
    now: float,
) -> RequestError:
    hidden = tuple(secrets)
    message = show(facts.message, secrets=hidden) or fallback
    code = facts.names[0] if facts.names else None
    return kind(
        f"HTTP {status}: {message}",
        status=status,
        code=code and show(code, secrets=hidden),
        param=facts.param and show(facts.param, secrets=hidden),
        retry_after=retry_after(headers, now=now),
        request_id=request_id(headers),
        maybe_billed=status in _MAYBE_BILLED_STATUSES or issubclass(kind, _MAYBE_BILLED_KINDS),
    )
