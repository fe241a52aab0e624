"""The calls of the Files and Batches API that a batch needs, as values of our own.

Calls that can do no harm when they are made twice are tried a few times. An upload and a creation
are made once: what became of one that failed is looked up by the caller (`steps`).
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from syphus.backends.batch.off_loop import off_loop
from syphus.backends.batch.remote_values import (
    RemoteBatch,
    RemoteFile,
    by_id,
    read_batch,
    read_file,
)
from syphus.backends.parsing import parse_json
from syphus.core.errors import (
    AccessDenied,
    JournalError,
    JournalWriteFailed,
    MalformedReply,
    RequestError,
    RetryableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from syphus.backends.batch.client import Client

T = TypeVar("T")

GONE = (404, 410)
_UNAUTHORIZED = 401
_CONFLICT = 409
_TRIES = 4
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_PART_BYTES = 1 << 20
_A_PAGE = 100
_MOST_PAGES = 10_000
# 200 MB in an hour is 56 KB a second.
_TRANSFER_SECONDS = 3600.0


class Remote:
    """Calls one endpoint. Every method raises RequestError.

    `timeout` is the whole call's in seconds, for a file an hour. `sleep` is awaited between tries;
    `clock` is in seconds. `has_answered` says whether anything ever came back.
    """

    def __init__(
        self,
        client: Client,
        *,
        timeout: float = 300.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._files = client.sdk.files.with_raw_response
        self._batches = client.sdk.batches.with_raw_response
        self._timeout = timeout
        self._sleep = sleep
        self._clock = clock
        self._rest_until: float | None = None
        self._jitter = wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT)
        self.has_answered = False

    @property
    def rests(self) -> bool:
        """Whether the endpoint has asked not to be called yet; whoever calls looks here first."""
        if self._rest_until is not None and self._clock() >= self._rest_until:
            self._rest_until = None
        return self._rest_until is not None

    async def upload(self, path: Path, *, name: str) -> RemoteFile:
        """Uploads a file, read as it is sent."""

        async def send() -> RemoteFile:
            with _here(path, "rb") as file:
                content = (name, file, "application/jsonl")
                return read_file(_read(await self._files.create(file=content, purpose="batch")))

        return await self._call(send, seconds=max(self._timeout, _TRANSFER_SECONDS))

    async def create(self, file_id: str, *, metadata: Mapping[str, str]) -> RemoteBatch:
        """Makes a batch of an uploaded file. This is what is paid for."""

        async def send() -> RemoteBatch:
            answer = await self._batches.create(
                input_file_id=file_id,
                # The SDK knows OpenAI's spellings only; Azure's differs.
                endpoint=self._client.chat_path,  # type: ignore[arg-type]
                completion_window="24h",
                metadata=dict(metadata),
            )
            return self._batch(_read(answer))

        return await self._call(send)

    async def files(self, *, name: str, size: int) -> list[RemoteFile]:
        """Files of that name and size, the earliest first."""

        async def send() -> list[RemoteFile]:
            found = []
            async for page in _pages(self._files.list, purpose="batch"):
                files = [read_file(value) for value in page]
                found += [file for file in files if (file.name, file.bytes) == (name, size)]
            return sorted(found, key=lambda file: file.created)

        return await self._again(send)

    async def file(self, file_id: str) -> RemoteFile:
        """What is told of a file."""

        async def send() -> RemoteFile:
            return _same(read_file(_read(await self._files.retrieve(file_id))), file_id)

        return await self._again(send)

    async def batches(self, *, since: float) -> list[RemoteBatch]:
        """Every batch made at or after `since` in Unix seconds, and some older ones.

        The earliest first. Lists are newest first, but nobody promises it to the second, so a page
        of older ones is read before the rest is left.
        """

        async def send() -> list[RemoteBatch]:
            found: list[RemoteBatch] = []
            older = 0
            async for page in _pages(self._batches.list, limit=_A_PAGE):
                for value in page:
                    batch = self._batch(value)
                    found.append(batch)
                    older = older + 1 if 0 < batch.created < since else 0
                if older > _A_PAGE:
                    break
            found.reverse()
            return sorted(found, key=lambda batch: batch.created)

        return await self._again(send)

    async def batch(self, batch_id: str) -> RemoteBatch:
        """Where a batch stands."""

        async def send() -> RemoteBatch:
            return _same(self._batch(_read(await self._batches.retrieve(batch_id))), batch_id)

        return await self._again(send)

    async def cancel(self, batch_id: str) -> None:
        """Begins to cancel a batch; one that has ended stays as it is."""
        try:
            await self._again(lambda: self._batches.cancel(batch_id), but=(_CONFLICT,))
        except RequestError as error:
            if error.status not in (*GONE, _CONFLICT):
                raise

    async def download(self, file_id: str, path: Path, *, most: int) -> int:
        """Writes a file's bytes to `path`, as they come, and syncs them; how many they are.

        What goes on beyond `most` bytes is left at the endpoint; the number is larger then.
        """

        async def receive() -> int:
            size = 0
            contents = self._client.sdk.files.with_streaming_response
            async with contents.content(file_id) as response:
                with _here(path, "wb") as file:
                    async for part in response.iter_bytes(_PART_BYTES):
                        _write(file, part, path)
                        size += len(part)
                        if size > most:
                            break
                    await off_loop(lambda: _sync(file, path))
            return size

        return await self._again(receive, seconds=max(self._timeout, _TRANSFER_SECONDS))

    async def delete(self, file_id: str) -> None:
        """Deletes a file, if it is still there."""
        try:
            await self._again(lambda: self._files.delete(file_id))
        except RequestError as error:
            if error.status not in GONE:
                raise

    async def _again(
        self,
        act: Callable[[], Awaitable[T]],
        *,
        but: tuple[int, ...] = (),
        seconds: float | None = None,
    ) -> T:
        def is_worth_it(error: BaseException) -> bool:
            return getattr(error, "status", None) not in but

        enough = stop_after_attempt(_TRIES)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(RetryableError),
            wait=self._wait,
            # Whoever is told to wait for long lets others of its steps go on meanwhile.
            stop=lambda state: enough(state) or _asked(state) > _LONGEST_WAIT,
            sleep=self._sleep,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                try:
                    return await self._call(act, seconds=seconds)
                except RetryableError as error:
                    if is_worth_it(error):
                        raise
                    raise RequestError(str(error), status=error.status) from error
        raise AssertionError("tenacity gives a result or raises")

    async def _call(self, act: Callable[[], Awaitable[T]], *, seconds: float | None = None) -> T:
        """One call; a second one where an Entra token had expired, for a 401 did nothing."""
        try:
            return await self._call_once(act, seconds or self._timeout)
        except AccessDenied as refusal:
            if refusal.status != _UNAUTHORIZED or not await self._client.renew():
                raise
        return await self._call_once(act, seconds or self._timeout)

    async def _call_once(self, act: Callable[[], Awaitable[T]], seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds):
                result = await act()
        except JournalError:
            raise
        except Exception as exc:
            error = self._client.error(exc)
            self.has_answered = self.has_answered or error.status is not None
            if error.retry_after is not None:
                until = self._clock() + error.retry_after
                self._rest_until = max(until, self._rest_until or until)
            raise error from exc
        self.has_answered = True
        return result

    def _wait(self, state: RetryCallState) -> float:
        return _asked(state) + float(self._jitter(state))

    def _batch(self, value: Any) -> RemoteBatch:
        return read_batch(value, secrets=self._client.secrets)


async def _pages(ask: Callable[..., Awaitable[Any]], **query: Any) -> AsyncIterator[list[Any]]:
    """Page after page of a list, without what nobody could name.

    Azure's older versions say nothing of further pages and may give the first one again, so a list
    ends where nothing new comes. What is no list is never taken for an empty one: a batch that is
    not seen is created again.
    """
    seen: set[str] = set()
    for _ in range(_MOST_PAGES):
        page = _read(await ask(**query))
        data = page.get("data") if isinstance(page, dict) else None
        if not isinstance(data, list):
            raise MalformedReply("an answer without a list, where files or batches should be told")
        named = by_id(data)
        fresh = [value for name, value in named.items() if name not in seen]
        if not fresh:
            return
        yield fresh
        seen |= named.keys()
        if page.get("has_more") is False:
            return
        query["after"] = list(named)[-1]


def _read(answer: Any) -> Any:
    """The JSON of an answer as it came: the SDK's models would hide what isn't as documented."""
    try:
        return parse_json(answer.content)
    except ValueError as exc:
        raise MalformedReply("an answer that is no JSON, from a gateway perhaps") from exc


def _same(told: T, name: str) -> T:
    if getattr(told, "id", None) != name:
        raise MalformedReply(f"an answer that tells of another file or batch than {name}")
    return told


def _asked(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return getattr(error, "retry_after", None) or 0.0


def _here(path: Path, mode: Literal["rb", "wb"]) -> IO[bytes]:
    try:
        # Without a buffer, so that closing has nothing left to write that a full disk would refuse.
        return path.open(mode, buffering=0 if mode == "wb" else -1)
    except OSError as error:
        raise JournalError(f"can't open {path}: {error.strerror}") from error


def _write(file: IO[bytes], part: bytes, path: Path) -> None:
    rest = memoryview(part)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise JournalWriteFailed(f"can't write {path}: {error.strerror}") from error


def _sync(file: IO[bytes], path: Path) -> None:
    try:
        os.fsync(file.fileno())
    except OSError as error:
        raise JournalWriteFailed(f"can't write {path}: {error.strerror}") from error
