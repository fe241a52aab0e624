"""Every error that Syphus raises on purpose.

    SyphusError
    ├── InputError                 wrong input or settings; nothing was sent (exit status 2)
    │   ├── SettingsError          a flag, a variable or a settings file
    │   ├── PluginError            a dataset plugin: not found, or raised
    │   ├── AnnotationError        the annotation file or one of its items
    │   └── PromptError            the system message or the in-context examples
    ├── RequestError               one attempt at one request failed
    │   ├── RetryableError         ask again later
    │   │   ├── RateLimited        the only kind that lowers concurrency
    │   │   ├── ServerFailed       408, 409, 5xx
    │   │   ├── ConnectionFailed   refused, reset, closed
    │   │   │   └── NoSuchName     nobody has the name in the address
    │   │   ├── TimedOut           connect, read or total deadline
    │   │   └── MalformedReply     status 200 whose body is no completion
    │   ├── ItemError              this query can't be answered; the others can
    │   │   ├── ContentFiltered
    │   │   ├── ContextTooLong
    │   │   ├── ImageUnusable      an image of the question; nothing was sent
    │   │   └── BadRequest         any other 4xx
    │   ├── UnsupportedParameter   the endpoint doesn't know a parameter; ask without it
    │   └── StoppingError          no further request can succeed
    │       ├── AccessDenied       401, 403
    │       ├── UnknownDeployment  404
    │       ├── QuotaUsedUp        the account's credit or quota is gone
    │       └── Unreachable        nothing has ever answered there
    ├── StoppedEarly               the run ended before its last query; it can be resumed (3)
    └── JournalError
        ├── JournalDamaged         a record in the middle fails its checksum
        ├── JournalInUse           another process holds the run
        └── JournalWriteFailed     the disk refused bytes or a sync

Facts are fields (`status`, `retry_after`, `request_id`), never words in a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


class SyphusError(Exception):
    """The root of the tree above."""


class InputError(SyphusError):
    """Wrong input or settings, found before anything was sent."""


class SettingsError(InputError):
    """A flag, an environment variable or a settings file that can't be used."""


class PluginError(InputError):
    """A plugin that can't be found or loaded, or that raised.

    `position` counts items from 1 where the error belongs to one of them.
    """

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class AnnotationError(InputError):
    """An annotation file that can't be read. `line` counts from 1."""

    def __init__(self, message: str, *, path: Path | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.line = line


class PromptError(InputError):
    """A system message or in-context example of the wrong shape."""


class RequestError(SyphusError):
    """One attempt failed. `kind` is the word that journal and output files use.

    `retry_after` is in seconds, already cleaned: finite and not negative.
    `maybe_billed` says that the provider may have charged for the attempt.
    """

    kind: ClassVar[str] = "request_error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        maybe_billed: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.request_id = request_id
        self.maybe_billed = maybe_billed


class RetryableError(RequestError):
    """The same request may succeed later."""

    kind = "retryable"


class RateLimited(RetryableError):
    """The endpoint asks for fewer requests or tokens."""

    kind = "rate_limited"


class ServerFailed(RetryableError):
    """The endpoint answered 408, 409 or 5xx."""

    kind = "server_failed"


class ConnectionFailed(RetryableError):
    """No answer: refused, reset, or closed before the reply was whole."""

    kind = "connection_failed"


class NoSuchName(ConnectionFailed):
    """Nobody has the name in the address: a slip of the pen, more likely than a late server."""


class TimedOut(RetryableError):
    """No whole answer within the attempt's deadline."""

    kind = "timed_out"


class MalformedReply(RetryableError):
    """Status 200 with a body that isn't a chat completion."""

    kind = "malformed_reply"


class ItemError(RequestError):
    """Asking this query again can't help."""

    kind = "item_error"


class ContentFiltered(ItemError):
    """The provider's content filter refused the request."""

    kind = "content_filtered"


class ContextTooLong(ItemError):
    """The messages don't fit the model's context window."""

    kind = "context_too_long"


class ImageUnusable(ItemError):
    """An image that goes with the question is missing, broken, changed or not to be fetched.

    The question isn't sent without it.
    """

    kind = "image_unusable"


class BadRequest(ItemError):
    """Any other 4xx that belongs to this request alone."""

    kind = "bad_request"


class UnsupportedParameter(RequestError):
    """The endpoint refuses the request parameter named in `param`."""

    kind = "unsupported_parameter"


class StoppingError(RequestError):
    """No further request to this deployment can succeed."""

    kind = "stopping"


class AccessDenied(StoppingError):
    """The key is missing, wrong, expired or not allowed (401, 403)."""

    kind = "access_denied"


class UnknownDeployment(StoppingError):
    """The endpoint has no such model, deployment or path (404)."""

    kind = "unknown_deployment"


class QuotaUsedUp(StoppingError):
    """The account's credit or quota is gone; waiting won't bring it back."""

    kind = "quota_used_up"


class Unreachable(StoppingError):
    """Nothing has answered at the deployment's address since the run began."""

    kind = "unreachable"


class StoppedEarly(SyphusError):
    """The run ended before its last query was answered and can be resumed."""


class JournalError(SyphusError):
    """The journal can't be read or written."""


class JournalDamaged(JournalError):
    """A record that isn't the last one fails its checksum at byte `offset`."""

    def __init__(self, message: str, *, path: Path, offset: int) -> None:
        super().__init__(message)
        self.path = path
        self.offset = offset


class JournalInUse(JournalError):
    """Another process works on this run."""


class JournalWriteFailed(JournalError):
    """The disk refused bytes or a sync. Never tried again: what a failed sync left is unknown."""
