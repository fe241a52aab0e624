"""Which batch of a chunk is kept, where a creation may have come to one or to several."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syphus.backends.batch import remote
from syphus.backends.batch.remote import Remote
from syphus.testing import BatchEnding, Batches, BatchProblem, Script, ScriptedServer

FAILED = BatchEnding("failed", at={1}, problems=[BatchProblem("some_trouble")])
EXPIRED = BatchEnding("expired", at={1}, done=0.5)
EMPTY = BatchEnding("expired", at={1}, done=0.0)


def _adopt(
    batch_kit: Any,
    server: ScriptedServer,
    folder: Path,
    *,
    dialect: str = "openai",
    count: int = 2,
    meanwhile: Callable[[Any, list[str]], Awaitable[None]] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """A sitting whose chunk was created `count` times before; its outcomes and notices."""
    notices: list[str] = []

    async def act() -> dict[str, Any]:
        backend = batch_kit.backend(server, folder, dialect, on_notice=notices.append)
        async with backend:
            for line in batch_kit.lines(4):
                backend.add(line)
            backend.flush()
            await backend._store.close_full()
            (chunk,) = backend._ledger.chunks.values()
            await backend._steps.upload(chunk)
            backend._ledger.append(chunk, "creating", unsure=False)
            metadata = backend._steps._metadata(chunk)
            made = [
                (await backend._remote.create(chunk.file_id, metadata=metadata)).id
                for _ in range(count)
            ]
            if meanwhile is not None:
                await meanwhile(backend, made)
            found = await batch_kit.gather(backend)
            return {outcome.custom_id: outcome for outcome in found}

    return asyncio.run(act()), notices


def _ends(*places: int) -> Callable[[Any, list[str]], Awaitable[None]]:
    """Lets these of the batches come to their ends."""

    async def look(backend: Any, made: list[str]) -> None:
        for place in places:
            for _ in range(6):
                await backend._remote.batch(made[place])

    return look


@pytest.mark.parametrize("dialect", ["openai", "azure"])
@pytest.mark.parametrize("ending", [FAILED, EMPTY, EXPIRED])
def test_a_finished_batch_is_kept_where_the_earliest_failed(
    batch_kit: Any, tmp_path: Path, ending: BatchEnding, dialect: str
) -> None:
    """Answers that are there and paid for are taken, rather than none or half of them."""
    script = Script(batches=Batches(endings=[ending]))
    with ScriptedServer(script) as server:
        outcomes, notices = _adopt(
            batch_kit, server, tmp_path, dialect=dialect, meanwhile=_ends(0, 1)
        )
        assert server.log.batches.creates == 2
    assert len(outcomes) == 4
    assert all(outcome.reply for outcome in outcomes.values())
    assert sum("created more than once" in notice for notice in notices) == 1


@pytest.mark.parametrize(("ending", "kept"), [(EXPIRED, 2), (EMPTY, 4), (FAILED, 4)])
def test_an_earlier_end_counts_if_it_has_answers(
    batch_kit: Any, tmp_path: Path, ending: BatchEnding, kept: int
) -> None:
    """The earliest has ended and another runs: it is kept for its answers, else the other is."""
    script = Script(batches=Batches(endings=[ending], running=9))
    with ScriptedServer(script) as server:
        outcomes, _ = _adopt(batch_kit, server, tmp_path, count=2, meanwhile=_end_first)
        first, second = server.log.batches.batches()
    assert sum(outcome.reply is not None for outcome in outcomes.values()) == kept
    assert first.status == ending.status
    assert ("cancel" in second.status) is (ending is EXPIRED)


async def _end_first(backend: Any, made: list[str]) -> None:
    for _ in range(14):
        await backend._remote.batch(made[0])


@pytest.mark.parametrize("what", ["metadata", "input_file_id"])
@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_either_mark_of_a_batch_is_enough(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, dialect: str
) -> None:
    """A batch is found by its input file where metadata are missing, and the other way round."""
    real = remote.read_batch
    blank: Any = {} if what == "metadata" else ""

    def read(value: Any, **settings: Any) -> Any:
        return replace(real(value, **settings), **{what: blank})

    monkeypatch.setattr(remote, "read_batch", read)
    with ScriptedServer() as server:
        outcomes, _ = _adopt(batch_kit, server, tmp_path, dialect=dialect, count=1)
        assert server.log.batches.creates == 1
    assert all(outcome.reply for outcome in outcomes.values())


def test_a_spare_batch_is_cancelled_though_the_first_try_fails(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between keeping one and cancelling the others, the next sitting cancels them."""
    real = Remote.cancel

    async def stop(*_: Any) -> None:
        raise asyncio.CancelledError

    with ScriptedServer(Script(batches=Batches(running=9))) as server:
        monkeypatch.setattr(Remote, "cancel", stop)
        with pytest.raises(asyncio.CancelledError):
            _adopt(batch_kit, server, tmp_path)
        monkeypatch.setattr(Remote, "cancel", real)
        outcomes, notices = batch_kit.run(server, tmp_path, [])
        log = server.log.batches
        assert (log.creates, log.cancels) == (2, 1)
        first, second = log.batches()
    assert first.status == "completed"
    assert "cancel" in second.status
    assert len(outcomes) == 4
    assert any("created more than once" in notice for notice in notices)
