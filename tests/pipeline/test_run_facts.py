"""`run.json` while a run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from syphus.core.errors import PluginError
from syphus.pipeline import run_facts
from syphus.pipeline.run_facts import RunFacts


def test_a_run_that_ends_while_its_file_is_written_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun is never left open, and never comes after what the end writes."""
    written: list[Any] = []

    async def go() -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def refresh(_: Path, facts: Any) -> None:
            begun.set()
            await may_end.wait()
            written.append(facts)

        monkeypatch.setattr(run_facts, "refresh_run_file", refresh)
        monkeypatch.setattr(run_facts, "_FIRST_REFRESH_SECONDS", 0.0)
        plan: Any = SimpleNamespace(settings=SimpleNamespace(name="n"))
        facts = RunFacts(tmp_path, plan, lambda: None, SimpleNamespace())  # type: ignore[arg-type,return-value]
        monkeypatch.setattr(RunFacts, "_now", lambda *_, **__: "now")
        keeping = asyncio.create_task(facts.keep_fresh())
        await begun.wait()
        keeping.cancel()
        await asyncio.sleep(0.01)
        assert not keeping.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await keeping

    asyncio.run(go())
    assert written == ["now"]


def fail(*_: object) -> Any:
    """A plugin's method that raises."""
    raise ValueError("broken")


def test_a_run_that_cannot_begin_leaves_no_file_of_itself(
    job: Any, photos: Callable[..., Any]
) -> None:
    """It would be taken for one that was killed."""
    with pytest.raises(PluginError):
        job.run(photos(3, image_ids=fail))
    assert not (job.folder / "run.json").exists()
    assert job.run(photos(3)).outcome.exit_status == 0


def test_a_finished_run_stays_finished_where_the_next_cannot_begin(
    job: Any, photos: Callable[..., Any]
) -> None:
    """Its file says what it said before."""
    job.run(photos(3))
    before = job.read("run.json")
    with pytest.raises(PluginError):
        job.run(photos(3, image_ids=fail))
    assert job.read("run.json") == before
