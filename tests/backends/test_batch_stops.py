"""Waiting, blocking and being cancelled: what a sitting does meanwhile, and what it leaves."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from syphus.backends.batch import filling, remote
from syphus.backends.batch.ledger import Ledger
from syphus.backends.batch.remote import Remote
from syphus.testing import Batches, RouteFault, Script, ScriptedServer

ROUTES = ["upload", "create", "find_batch", "download"]


def _script(*faults: RouteFault, **settings: Any) -> Script:
    return Script(batches=Batches(faults=faults, **settings))


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - only the server knows when
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("route", ROUTES)
def test_no_call_is_made_before_retry_after(batch_kit: Any, tmp_path: Path, route: Any) -> None:
    """An endpoint that asks for ten minutes isn't called by any chunk until they have passed."""
    now = [0.0]
    notices: list[str] = []

    def calls(server: ScriptedServer) -> int:
        return sum(server.log.batches.calls.values())

    async def act(server: ScriptedServer) -> None:
        settings = {"clock": lambda: now[0], "on_notice": notices.append, "most_lines": 2}
        async with batch_kit.backend(server, tmp_path, **settings) as backend:
            for line in batch_kit.lines(4):
                backend.add(line)
            backend.flush()
            gathering = asyncio.create_task(batch_kit.gather(backend))
            await _until(lambda: any("waits" in notice for notice in notices))
            made = calls(server)
            for moment in (1.0, 599.0):
                now[0] = moment
                # A tenth of a second is fifty rounds.
                await asyncio.sleep(0.1)
                assert calls(server) == made
            now[0] = 601.0
            assert len(await gathering) == 4

    fault = RouteFault("rate_limited", route, at={1}, retry_after=600)
    with ScriptedServer(_script(fault)) as server:
        asyncio.run(act(server))
        assert server.log.batches.creates == server.log.batches.uploads == 2


@pytest.mark.parametrize("seconds", [30, 3000])
def test_a_stop_ends_a_wait(batch_kit: Any, tmp_path: Path, seconds: float) -> None:
    """Whether a wait is taken on the spot or by the rounds, a stop doesn't wait for its end."""

    async def act(server: ScriptedServer) -> None:
        async with batch_kit.backend(server, tmp_path, sleep=asyncio.sleep) as backend:
            for line in batch_kit.lines(2):
                backend.add(line)
            backend.flush()
            gathering = asyncio.create_task(batch_kit.gather(backend))
            await _until(lambda: bool(server.log.batches.faults))
            gathering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gathering

    fault = RouteFault("rate_limited", "find_batch", at={1}, retry_after=seconds)
    with ScriptedServer(_script(fault)) as server:
        started = time.monotonic()
        asyncio.run(act(server))
        assert time.monotonic() - started < 25
        server.play(Script())
        outcomes, _ = batch_kit.run(server, tmp_path, [])
        assert server.log.batches.creates == 1
    assert all(outcome.reply for outcome in outcomes.values())


@pytest.mark.parametrize("name", ["upload", "create", "batch", "download", "delete"])
@pytest.mark.parametrize("was_done", [False, True])
@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_a_cancelled_call_is_taken_up_again(
    batch_kit: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str,
    was_done: bool,
    dialect: str,
) -> None:
    """A call that is cancelled, done or not, is found or made by the next sitting, once in all."""
    real = getattr(Remote, name)

    async def act(server: ScriptedServer) -> None:
        here = asyncio.Event()

        async def hang(*args: Any, **settings: Any) -> Any:
            if was_done:
                await real(*args, **settings)
            here.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(Remote, name, hang)
        async with batch_kit.backend(server, tmp_path, dialect) as backend:
            for line in batch_kit.lines(3):
                backend.add(line)
            backend.flush()
            # One line is outstanding for ever, so that the deletion is reached.
            gathering = asyncio.create_task(_take_all(batch_kit, backend))
            async with asyncio.timeout(30):
                await here.wait()
            gathering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gathering
            monkeypatch.setattr(Remote, name, real)
            if name == "delete":
                # Left as Ctrl-C leaves it, without the goodbye of an orderly end.
                raise asyncio.CancelledError

    lag = {"files_unlisted_for": 2, "batches_unlisted_for": 2}
    with ScriptedServer(_script(**lag)) as server:
        if name == "delete":
            with pytest.raises(asyncio.CancelledError):
                asyncio.run(act(server))
        else:
            asyncio.run(act(server))
        outcomes, _ = batch_kit.run(server, tmp_path, [], dialect)
        log = server.log.batches
        assert {line.billed for line in log.lines()} == {1}
    assert all(outcome.reply for outcome in outcomes.values())
    assert len(outcomes) == (0 if name == "delete" else 3)
    assert (log.uploads, log.creates, log.cancels, log.deletes) == (1, 1, 0, 2)
    assert list((tmp_path / "batches").iterdir()) == []


async def _take_all(batch_kit: Any, backend: Any) -> None:
    await batch_kit.gather(backend)
    await anext(backend.outcomes())


def test_the_loop_goes_on_while_a_chunk_is_synced(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 MB may take the disk seconds; what is told durable in the ledger is durable before."""
    may_end = threading.Event()
    told: list[str] = []
    write = Ledger._write

    def sync(handle: int) -> None:
        assert may_end.wait(60), "the event loop stands still while a file is synced"
        told.append("synced")
        os.fsync(handle)

    def note(self: Ledger, chunk: Any, step: Any, *args: Any, **settings: Any) -> None:
        told.append(step)
        write(self, chunk, step, *args, **settings)

    async def act(server: ScriptedServer) -> None:
        async with batch_kit.backend(server, tmp_path) as backend:
            for line in batch_kit.lines(3):
                backend.add(line)
            backend.flush()
            gathering = asyncio.create_task(batch_kit.gather(backend))
            await asyncio.sleep(0.05)
            assert backend.outstanding == 3
            assert [state.status for state in backend.states()] == ["queued"]
            assert told == []
            may_end.set()
            assert len(await gathering) == 3

    monkeypatch.setattr(Ledger, "_write", note)
    changed = SimpleNamespace(**(vars(os) | {"fsync": sync}))
    monkeypatch.setattr(filling, "os", changed)
    monkeypatch.setattr(remote, "os", changed)
    with ScriptedServer() as server:
        asyncio.run(act(server))
    # Requests and facts, then the intent; the download before it counts as one.
    assert told[:4] == ["synced", "synced", "closed", "uploading"]
    assert told[told.index("downloaded") - 1] == "synced"


def test_a_stop_while_a_chunk_is_synced_leaves_no_half_of_it(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled in the middle of a sync, a sitting ends; its lines were never sent."""
    began, may_end = threading.Event(), threading.Event()

    def sync(handle: int) -> None:
        began.set()
        assert may_end.wait(60)
        os.fsync(handle)

    async def act(server: ScriptedServer) -> None:
        async with batch_kit.backend(server, tmp_path) as backend:
            backend.add(batch_kit.line(0))
            backend.flush()
            await _until(began.is_set)
            asyncio.get_running_loop().call_later(0.05, may_end.set)
            raise asyncio.CancelledError

    with ScriptedServer() as server:
        with monkeypatch.context() as patch:
            patch.setattr(filling, "os", SimpleNamespace(**(vars(os) | {"fsync": sync})))
            with pytest.raises(asyncio.CancelledError):
                asyncio.run(act(server))
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(2))
        assert server.log.batches.creates == 1
    assert len(outcomes) == 2
    assert all(outcome.reply for outcome in outcomes.values())


def test_looks_are_spread_over_more_than_a_minute(batch_kit: Any, tmp_path: Path) -> None:
    """Three looks for what may have been created: at once, after 15 s, after another minute."""
    slept: list[float] = []

    def note() -> Callable[[float], Awaitable[None]]:
        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            await asyncio.sleep(0)

        return sleep

    fault = RouteFault("lost", "create", at={1})
    with ScriptedServer(_script(fault, batches_unlisted_for=2)) as server:
        batch_kit.run(server, tmp_path, batch_kit.lines(2), look_seconds=15.0, sleep=note())
        assert server.log.batches.creates == 1
    assert slept == [15.0, 60.0]
