"""The benchmarks' server: one fixed reply to every request, in a process on a core of its own.

`Server` starts this file; it prints its base URL, then the time of the first request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Self

import uvloop
from measure import SERVER_CORE, pin

from syphus.testing.instant import InstantCounts, InstantProtocol, fixed_reply
from syphus.testing.sockets import BACKLOG, raise_open_files_limit

if TYPE_CHECKING:
    from types import TracebackType

PAIRS = (
    (
        "What is the woman in the red coat doing at the crossing?",
        "She is waiting for the light to change, with a closed umbrella under her arm.",
    ),
    (
        "Is there anyone else in the picture?",
        "Yes, a boy on a bicycle stands beside her and looks at the bakery across the street.",
    ),
    (
        "How can one tell that it has rained?",
        "The asphalt shines, and there are puddles along the kerb that reflect the lights.",
    ),
)
_HOST = "127.0.0.1"


def reply_text(*, structured: bool) -> str:
    """The completion of every request: three pairs, as plain text or as JSON."""
    if structured:
        pairs = [{"question": question, "answer": answer} for question, answer in PAIRS]
        return json.dumps({"pairs": pairs})
    return "\n\n".join(f"Question: {question}\nAnswer: {answer}" for question, answer in PAIRS)


class Server:
    """A server process, inside `with`."""

    def __init__(self, *, latency: float = 0.0, structured: bool = False) -> None:
        self._command = [sys.executable, str(Path(__file__)), "--latency", str(latency)]
        if structured:
            self._command.append("--structured")
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - this file
            self._command, stdout=subprocess.PIPE, text=True
        )
        self.url = self._line()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.communicate()

    def answered(self) -> int:
        """How many requests were answered so far."""
        address = self.url.removesuffix("/v1") + "/_seen"
        with urllib.request.urlopen(address) as response:  # noqa: S310 - our own server
            return int(json.load(response)["successes"])

    def first(self) -> float:
        """When the first request arrived, on the clock of `time.monotonic`. One must have."""
        return float(self._line())

    def _line(self) -> str:
        if self._process.stdout is None:
            raise RuntimeError("the server has no stdout")
        return self._process.stdout.readline().strip()


class _Protocol(InstantProtocol):
    """Tells when the first request of all arrives."""

    told = False

    def data_received(self, data: bytes) -> None:
        if not _Protocol.told and data.startswith(b"POST"):
            _Protocol.told = True
            print(time.monotonic(), flush=True)
        super().data_received(data)


async def serve(reply: bytes, latency: float) -> None:
    """Serves until SIGTERM."""
    raise_open_files_limit()
    loop = asyncio.get_running_loop()
    counts = InstantCounts()
    server = await loop.create_server(
        lambda: _Protocol(reply, latency, counts), _HOST, 0, backlog=BACKLOG
    )
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    print(f"http://{_HOST}:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await stopped.wait()


def main() -> None:
    """Reads the arguments and serves."""
    parser = argparse.ArgumentParser(description="One fixed reply to every request.")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--structured", action="store_true", help="the pairs as JSON")
    options = parser.parse_args()
    pin(0, SERVER_CORE)
    reply = fixed_reply(reply_text(structured=options.structured))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(reply, options.latency))


if __name__ == "__main__":
    main()
