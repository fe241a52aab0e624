"""`run.json` while a run goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

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
