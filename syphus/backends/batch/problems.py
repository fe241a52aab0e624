"""What is said of a line that no file of its batch has, and what a failed batch asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.backends.classify import reply_error
from syphus.core.errors import (
    BadRequest,
    MalformedReply,
    RequestError,
    RetryableError,
    StoppingError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syphus.backends.batch.chunk import Chunk

# "Batch" in OpenAI's API reference, "Error codes" of Azure's page on batch deployments.
_TOO_MANY_TOKENS = frozenset({"tokenlimitexceeded", "enqueuedtokenlimit"})
_TOO_LARGE = frozenset({"toomanytasks", "filetoolarge"})
_WRONG_LINE = frozenset(
    {
        "invalidjsonline",
        "missingrequiredparameter",
        "invalidrequest",
        "duplicatecustomid",
        "urlmismatch",
        "mismatchedmodel",
        "modelmismatch",
    }
)


def is_enqueued_limit(code: str | None) -> bool:
    """Whether a code says that the limit of enqueued tokens is reached."""
    return _plain(code) in _TOO_MANY_TOKENS


def asks_for_less(chunk: Chunk) -> bool:
    """Whether a chunk's batch failed because too many tokens are enqueued."""
    return any(is_enqueued_limit(code) for code, *_ in chunk.problems)


def asks_for_parts(chunk: Chunk) -> bool:
    """Whether a chunk's batch failed because its file is too large."""
    return any(_plain(code) in _TOO_LARGE for code, *_ in chunk.problems)


def stopping_problem(chunk: Chunk, *, secrets: Iterable[str]) -> StoppingError | None:
    """Why no batch of the deployment can succeed, if that is why this one failed."""
    for problem in chunk.problems:
        error = _problem(problem, tuple(secrets))
        if isinstance(error, StoppingError):
            return error
    return None


class Unanswered:
    """Errors for lines of `chunk`, whose custom ids are `names` in order, that came in no file.

    `received` counts lines that came as completed. Nothing was billed where validation failed,
    where no batch was made, or where every line that counts as completed came; otherwise maybe.
    """

    def __init__(
        self, chunk: Chunk, names: list[str], *, received: int, secrets: tuple[str, ...]
    ) -> None:
        self._status = chunk.status
        self._is_lost = "output" in chunk.gone
        self._own: dict[str, RequestError] = {}
        self._whole: RequestError | None = None
        self._is_billed = chunk.batch_id is not None and (
            chunk.status in ("completed", "lost") or not chunk.counted or chunk.done > received
        )
        for problem in chunk.problems:
            error = _problem(problem, secrets)
            if isinstance(error, StoppingError):
                # The run is stopped for it; this request may be sent again when it is mended.
                error = RetryableError(str(error), code=error.code)
            number = problem[1]
            if number is not None and 1 <= number <= len(names):
                self._own.setdefault(names[number - 1], error)
            else:
                # It may be the provider's own trouble, and it would fail every line for good.
                self._whole = self._whole or RetryableError(str(error), code=error.code)

    def error_of(self, custom_id: str) -> RequestError:
        """The error of one line."""
        if custom_id in self._own:
            return self._own[custom_id]
        if self._whole is not None:
            return self._whole
        if self._status == "failed":
            why = "because of other lines" if self._own else "and no reason is told"
            return RetryableError(f"the batch failed, {why}")
        if self._is_lost and self._is_billed:
            return RetryableError(
                "the batch's output file was deleted at the endpoint before it came: paid and lost",
                maybe_billed=True,
            )
        return RetryableError(
            f"the batch ended as {self._status}, and no file of it has this request",
            maybe_billed=self._is_billed,
        )


def _problem(
    problem: tuple[str, int | None, str, str | None], secrets: tuple[str, ...]
) -> RequestError:
    code, _, message, param = problem
    payload = {"error": {"code": code, "message": message, "param": param}}
    error = reply_error(payload, {}, secrets=secrets, now=0.0)
    said = str(error).removeprefix("HTTP 200: ")
    kind = type(error)
    if isinstance(error, MalformedReply):
        kind = BadRequest if _plain(code) in _WRONG_LINE else RetryableError
    return kind(f"the batch failed: {said}", code=error.code, param=error.param)


def _plain(code: str | None) -> str:
    return (code or "").lower().replace("_", "").replace("-", "")
