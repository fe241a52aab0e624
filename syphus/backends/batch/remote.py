"""The calls of the Files and Batches API that a batch needs, as values of our own.

Calls that can do no harm when they are made twice are tried a few times. An upload and a creation
are made once: what became of one that failed is looked up by the caller (`steps`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from syphus.core.errors import (
    JournalError,
    JournalWriteFailed,
    MalformedReply,
    RequestError,
    RetryableError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from syphus.backends.batch.client import Client

T = TypeVar("T")

ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
GONE = (404, 410)
_TRIES = 4
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_PART_BYTES = 1 << 20
_BATCHES_A_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file at the endpoint; `created` in Unix seconds, `bytes` None where it isn't told."""

    id: str
    name: str
    bytes: int | None
    created: float
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBatch:
    """A batch at the endpoint. Missing, null and empty file ids are all None."""

    id: str
    status: str
    created: float
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    metadata: Mapping[str, str]
    done: int
    failed: int
    counted: bool
    problems: tuple[tuple[str, int | None, str, str | None], ...]


class Remote:
    """Calls one endpoint. Every method raises RequestError.

    `sleep` is awaited between tries; `has_answered` says whether anything ever came back.
    """

    def __init__(
        self, client: Client, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._client = client
        self._sdk = client.sdk
        self._sleep = sleep
        self._jitter = wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT)
        self.has_answered = False

    async def upload(self, path: Path, *, name: str) -> RemoteFile:
        """Uploads a file, read as it is sent."""

        async def send() -> Any:
            with _here(path, "rb") as file:
                content = (name, file, "application/jsonl")
                return await self._sdk.files.create(file=content, purpose="batch")

        return _file(await self._call(send))

    async def create(self, file_id: str, *, metadata: Mapping[str, str]) -> RemoteBatch:
        """Makes a batch of an uploaded file. This is what is paid for."""

        async def send() -> Any:
            return await self._sdk.batches.create(
                input_file_id=file_id,
                # The SDK knows OpenAI's spellings only; Azure's differs.
                endpoint=self._client.chat_path,  # type: ignore[arg-type]
                completion_window="24h",
                metadata=dict(metadata),
            )

        return _batch(await self._call(send))

    async def files(self, *, name: str, size: int) -> list[RemoteFile]:
        """Files of that name and size, the earliest first."""

        async def send() -> list[RemoteFile]:
            found = []
            async for value in self._sdk.files.list(purpose="batch"):
                file = _file(value)
                if (file.name, file.bytes) == (name, size):
                    found.append(file)
            return sorted(found, key=lambda file: file.created)

        return await self._again(send)

    async def file(self, file_id: str) -> RemoteFile:
        """What is told of a file."""
        return _file(await self._again(lambda: self._sdk.files.retrieve(file_id)))

    async def batches(self, *, since: float) -> list[RemoteBatch]:
        """Every batch made at or after `since` in Unix seconds, the earliest first."""

        async def send() -> list[RemoteBatch]:
            found, older = [], 0
            async for value in self._sdk.batches.list(limit=_BATCHES_A_PAGE):
                batch = _batch(value)
                if batch.created >= since:
                    found.append(batch)
                    older = 0
                else:
                    older += 1
                # Lists are newest first, but nobody promises it to the second.
                if older > _BATCHES_A_PAGE:
                    break
            found.reverse()
            return sorted(found, key=lambda batch: batch.created)

        return await self._again(send)

    async def batch(self, batch_id: str) -> RemoteBatch:
        """Where a batch stands."""
        return _batch(await self._again(lambda: self._sdk.batches.retrieve(batch_id)))

    async def cancel(self, batch_id: str) -> None:
        """Begins to cancel a batch; one that has ended stays as it is."""
        try:
            await self._again(lambda: self._sdk.batches.cancel(batch_id), but=(409,))
        except RequestError as error:
            if error.status not in (*GONE, 409):
                raise

    async def download(self, file_id: str, path: Path) -> int:
        """Writes a file's bytes to `path`, as they come; how many they are."""

        async def receive() -> int:
            size = 0
            async with self._sdk.files.with_streaming_response.content(file_id) as response:
                with _here(path, "wb") as file:
                    async for part in response.iter_bytes(_PART_BYTES):
                        _write(file, part, path)
                        size += len(part)
            return size

        return await self._again(receive)

    async def delete(self, file_id: str) -> None:
        """Deletes a file, if it is still there."""
        try:
            await self._again(lambda: self._sdk.files.delete(file_id))
        except RequestError as error:
            if error.status not in GONE:
                raise

    async def _again(self, act: Callable[[], Awaitable[T]], *, but: tuple[int, ...] = ()) -> T:
        def is_worth_it(error: BaseException) -> bool:
            return getattr(error, "status", None) not in but

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(RetryableError),
            wait=self._wait,
            stop=stop_after_attempt(_TRIES),
            sleep=self._sleep,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                try:
                    return await self._call(act)
                except RetryableError as error:
                    if is_worth_it(error):
                        raise
                    raise RequestError(str(error), status=error.status) from error
        raise AssertionError("tenacity gives a result or raises")

    async def _call(self, act: Callable[[], Awaitable[T]]) -> T:
        try:
            result = await act()
        except JournalError:
            raise
        except Exception as exc:
            error = self._client.error(exc)
            self.has_answered = self.has_answered or error.status is not None
            raise error from exc
        self.has_answered = True
        return result

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None) or 0.0
        return min(asked, _LONGEST_WAIT) + float(self._jitter(state))


def _here(path: Path, mode: Literal["rb", "wb"]) -> IO[bytes]:
    try:
        return path.open(mode)
    except OSError as error:
        raise JournalError(f"can't open {path}: {error.strerror}") from error


def _write(file: IO[bytes], part: bytes, path: Path) -> None:
    try:
        file.write(part)
    except OSError as error:
        raise JournalWriteFailed(f"can't write {path}: {error.strerror}") from error


def _file(value: Any) -> RemoteFile:
    return RemoteFile(
        id=_id(value),
        name=getattr(value, "filename", None) or "",
        bytes=_count(getattr(value, "bytes", None), None),
        created=float(getattr(value, "created_at", None) or 0),
        status=getattr(value, "status", None) or "",
    )


def _batch(value: Any) -> RemoteBatch:
    counts = getattr(value, "request_counts", None)
    errors = getattr(getattr(value, "errors", None), "data", None) or ()
    return RemoteBatch(
        id=_id(value),
        status=str(getattr(value, "status", None) or ""),
        created=float(getattr(value, "created_at", None) or 0),
        input_file_id=getattr(value, "input_file_id", None) or "",
        output_file_id=getattr(value, "output_file_id", None) or None,
        error_file_id=getattr(value, "error_file_id", None) or None,
        metadata=getattr(value, "metadata", None) or {},
        done=_count(getattr(counts, "completed", None), 0),
        failed=_count(getattr(counts, "failed", None), 0),
        counted=counts is not None,
        problems=tuple(
            (str(one.code or ""), _count(one.line, None), str(one.message or ""), one.param)
            for one in errors
        ),
    )


def _id(value: Any) -> str:
    name = getattr(value, "id", None)
    if not isinstance(name, str) or not name:
        raise MalformedReply("an answer without an id, where a file or a batch should be told")
    return name


def _count(value: Any, otherwise: Any) -> Any:
    return value if type(value) is int and value >= 0 else otherwise
