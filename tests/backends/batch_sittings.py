"""Runs sittings of a batch run in forked processes, and ends each at another point.

Usage: batch_sittings.py FOLDER BASE_URL DIALECT LINES STRIDE SIGNALS. Run K gets the signals
(KILL; INT for Ctrl-C, INT,INT for two) before or after a call or a line of the ledger, at the K-th
of such points, with K = STRIDE, 2 STRIDE and so on; its second sitting is left alone. Prints one
JSON object for each K.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import os
import signal
import ssl
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from syphus.backends.batch import client as _  # noqa: F401 - imported before the forks
from syphus.backends.batch.batch import BatchApi
from syphus.backends.batch.ledger import Ledger
from syphus.backends.batch.remote import Remote
from syphus.core.batches import BatchLine
from syphus.core.deployments import Deployment
from syphus.core.identity import canonical_json

CALLS = (
    "upload",
    "create",
    "files",
    "file",
    "batches",
    "batch",
    "cancel",
    "download",
    "delete",
)
A_CHUNK = 3
CONTEXT = ssl.create_default_context()


class Points:
    """Counts the points that a sitting passes, and sends itself signals at one of them."""

    def __init__(self, kill_at: int, signals: list[signal.Signals]) -> None:
        self._left = kill_at
        self._signals = signals

    def passed(self) -> None:
        self._left -= 1
        if not self._left:
            for number in self._signals:
                os.kill(os.getpid(), number)

    def surround(self, owner: Any, name: str) -> None:
        act = getattr(owner, name)

        @functools.wraps(act)
        async def call(*args: Any, **settings: Any) -> Any:
            self.passed()
            result = await act(*args, **settings)
            self.passed()
            # Ctrl-C is heard at the next turn of the loop: the answer is lost then.
            await asyncio.sleep(0)
            return result

        @functools.wraps(act)
        def write(*args: Any, **settings: Any) -> None:
            self.passed()
            act(*args, **settings)
            self.passed()

        setattr(owner, name, call if inspect.iscoroutinefunction(act) else write)


class Kept:
    """A journal in little: which numbers have a reply, and which attempts have failed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.outcomes = {name: good == "+" for good, name in map(str.split, lines)}

    def keep(self, custom_id: str, *, good: bool) -> None:
        if custom_id not in self.outcomes:
            self.outcomes[custom_id] = good
            with self._path.open("a") as file:
                file.write(f"{'+' if good else '-'} {custom_id}\n")

    def next_attempt(self, number: int, run: str) -> str | None:
        attempt = 1
        while (name := f"{run}-{number}-{attempt}") in self.outcomes:
            if self.outcomes[name]:
                return None
            attempt += 1
        return name


async def sit(backend: BatchApi, kept: Kept, run: str, count: int) -> None:
    """One sitting: what isn't kept and isn't on its way is sent, until all is kept."""
    async with backend, asyncio.timeout(20):
        add_missing(backend, kept, run, count)
        groups = backend.outcomes()
        while backend.outstanding:
            group = await anext(groups)
            for outcome in group:
                kept.keep(outcome.custom_id, good=outcome.reply is not None)
            if group[-1].is_last:
                backend.durable(group[-1].batch)
                add_missing(backend, kept, run, count)


def add_missing(backend: BatchApi, kept: Kept, run: str, count: int) -> None:
    """Sends the next attempt at every number that has no reply."""
    for number in range(count):
        name = kept.next_attempt(number, run)
        if name is None or backend.holds(name):
            continue
        messages = [{"role": "user", "content": f"A picture of {number} lamps."}]
        body = canonical_json({"model": "m", "messages": messages})
        backend.add(
            BatchLine(custom_id=name, body=body, tokens=9, most_cost=0.1, facts=b'{"at":1}')
        )
    backend.flush()


def make_backend(
    folder: Path, url: str, dialect: str, run: str, notices: list[str], **settings: Any
) -> BatchApi:
    """A backend that never waits long."""
    azure = {"api_type": "azure", "api_version": "2024-10-21"} if dialect == "azure" else {}
    deployment = Deployment(
        **{"name": "here", "api_type": "openai", "base_url": url, "model": "m"} | azure,
        api_key=SecretStr("sk-test-0123456789abcdef"),
    )
    return BatchApi(
        deployment,
        folder=folder,
        run=run,
        poll_seconds=0.002,
        look_seconds=0.0,
        on_notice=notices.append,
        **settings,
    )


def in_child(act: Callable[[], None]) -> int:
    """Runs `act` in a forked process; its exit status, negative for a signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        act()
    except BaseException:  # noqa: BLE001 - whatever it is, the parent goes on
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(folder: Path, url: str, dialect: str, count: int, stride: int, *, signals: str) -> None:
    """Ends one run after the other, each at a later point, until a sitting outlives its point."""
    numbers = [signal.Signals[f"SIG{name}"] for name in signals.split(",")]
    # Whoever started this in the background may have it ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # What is imported at first use is imported here, and not once more in every process.
    (folder / "k0").mkdir()
    first = make_backend(folder / "k0", url, dialect, "k0", [], most_lines=A_CHUNK)
    asyncio.run(sit(first, Kept(folder / "k0" / "kept"), "k0", count))
    kill_at, status = 0, 1
    while status:
        kill_at += stride
        run = f"k{kill_at}"
        home = folder / run
        home.mkdir()

        def sitting(kill_at: int, home: Path = home, run: str = run) -> None:
            notices: list[str] = []
            points = Points(kill_at, numbers)
            for name in CALLS:
                points.surround(Remote, name)
            points.surround(Ledger, "_write")
            backend = make_backend(home, url, dialect, run, notices, most_lines=A_CHUNK)
            asyncio.run(sit(backend, Kept(home / "kept"), run, count))

        status = in_child(lambda at=kill_at: sitting(at))
        after = in_child(lambda: sitting(0))
        good = sorted(name for name, good in Kept(home / "kept").outcomes.items() if good)
        told = {"run": run, "first": status, "second": after, "good": good}
        print(json.dumps(told), flush=True)  # noqa: T201 - what the test reads


if __name__ == "__main__":
    import openai  # noqa: F401 - imported before the forks

    # Made once: reading all certificates takes longer than a sitting.
    ssl.create_default_context = functools.partial(lambda made, *_, **__: made, CONTEXT)
    place, address, names, lines, step, how = sys.argv[1:]
    main(Path(place), address, names, int(lines), int(step), signals=how)
