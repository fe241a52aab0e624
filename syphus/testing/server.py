"""The scripted server in a thread of its own, for tests."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, TypeVar

from syphus.testing.log import Log
from syphus.testing.script import Script
from syphus.testing.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from types import TracebackType

_START_SECONDS = 10
_T = TypeVar("_T")


class ScriptedServer:
    """An OpenAI-compatible server on loopback, as a context manager.

        with ScriptedServer(Script(latency=0.01)) as server:
            ...                         # ask server.base_url
            assert server.log.successes == 1

    It answers chat completions, and keeps files and runs batches, in OpenAI's and Azure's addresses
    from a thread with its own event loop. Leaving the block drops what is in flight, and raises
    what the script's own `answer` raised, if anything. `log_file` gets a line a request.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        log_file: Path | None = None,
    ) -> None:
        self._script = script or Script()
        self._host = host
        self._port = port
        self._log = Log(log_file)
        self._ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, Service]] = Future()
        self._thread = threading.Thread(target=self._run, name="scripted-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop, self._stopping, self._service = self._ready.result(_START_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        if error is None and self._log.script_error is not None:
            raise self._log.script_error

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._service.port

    @property
    def base_url(self) -> str:
        """The root of OpenAI's addresses, ending in /v1."""
        return f"http://{self._host}:{self.port}/v1"

    @property
    def azure_endpoint(self) -> str:
        """The resource's endpoint for Azure's addresses."""
        return f"http://{self._host}:{self.port}"

    @property
    def log(self) -> Log:
        """What it saw. Every answer that a client has read is counted in it."""
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._in_loop(_settle())
        return self._log

    def play(self, script: Script) -> None:
        """Goes on with another script; positions and limits begin anew, the log goes on.

        Files stay, and so do batches, with the ending and the pace that they were created with.
        """
        self._in_loop(_call(self._service.play, script))

    def pause(self, *, refuse: bool = False) -> None:
        """Begins an outage: requests are held until `resume`.

        With `refuse`, every connection is closed and new ones are refused instead.
        """
        self._in_loop(self._service.pause(refuse=refuse))

    def resume(self) -> None:
        """Ends an outage; what was held is answered now."""
        self._in_loop(self._service.resume())

    def expire_files(self, purpose: str | None = None) -> None:
        """Lets every file, or every one of that purpose, be gone as if it had expired.

        What clients sent has purpose "batch", what batches wrote "batch_output".
        """
        self._in_loop(_call(self._service.expire_files, purpose))

    def _in_loop(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._log.close()

    async def _serve(self) -> None:
        service = Service(self._script, self._log, host=self._host, port=self._port)
        stopping = asyncio.Event()
        try:
            await service.start()
        except OSError as error:
            self._ready.set_exception(error)
            await service.stop()
            return
        self._ready.set_result((asyncio.get_running_loop(), stopping, service))
        await stopping.wait()
        await service.stop()


async def _settle() -> None:
    """Runs after the handlers whose answers are already out have counted them."""


async def _call(act: Callable[[_T], None], value: _T) -> None:
    act(value)
