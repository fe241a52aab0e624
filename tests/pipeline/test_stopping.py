"""Runs that end early, and runs that must not begin."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus.testing import Fault, Script

PRICE = {"prompt": 1000.0, "completion": 1000.0}


def priced(job: Any) -> dict[str, Any]:
    """Settings with a deployment that costs a tenth of a cent a token."""
    entry = {"base_url": job.server.base_url, "model": "m", "price": PRICE}
    return {"base_url": None, "deployments": [entry]}


def items(count: int, *, fault: int | None = None, seconds: float = 0) -> Callable[[], Any]:
    """A generator of items: at `fault` it raises, and each takes a while."""

    def generate() -> Iterator[dict[str, str]]:
        for number in range(count):
            if number == fault:
                raise OSError(5, "the disk of annotations is gone")
            time.sleep(seconds)
            yield {"id": f"p{number}", "sentences": f"Photo number {number}."}

    return generate


def replies_in(journal: Path) -> list[str]:
    """Ids of the queries that have a reply in the journal."""
    lines = map(orjson.loads, journal.read_bytes().splitlines())
    return [line["query"] for line in lines if line["kind"] == "reply"]


def test_a_generator_that_raises_late_keeps_what_was_answered(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The run stops with the item's position; the mended plugin goes on from there."""
    sitting = job.run(photos(items(1100, fault=1040)), num_threads=64)
    assert sitting.outcome.exit_status == 3
    assert "item 1041" in str(sitting.outcome.stopped_by)
    assert "annotations is gone" in str(sitting.outcome.stopped_by)
    answered = job.server.log.successes
    assert 0 < answered == sitting.counts[0] == len(replies_in(job.journal))
    assert len({record["id"] for record in job.read("valid_output.json")}) == answered
    assert job.read("run.json")["state"] == "stopped"
    again = job.run(photos(items(1100)), num_threads=64)
    assert again.outcome.exit_status == 0
    assert again.requests == 1100 - answered


def test_an_item_of_the_wrong_shape_late_stops_the_run(
    job: Any, photos: Callable[..., Any]
) -> None:
    """An item without an id behind the look-ahead is told by its position, too."""

    def generate() -> Iterator[dict[str, str]]:
        yield from items(1030)()
        yield {"sentences": "A photo without an id."}

    sitting = job.run(photos(generate), num_threads=64)
    assert sitting.outcome.exit_status == 3
    assert "item 1031" in str(sitting.outcome.stopped_by)


def test_a_stop_keeps_what_is_in_flight(job: Any, photos: Callable[..., Any]) -> None:
    """After `stop` nothing more is sent, every request under way ends in the outputs."""
    job.server.play(Script(latency=0.2))

    async def go() -> Any:
        syphus = job.syphus(photos(40), num_threads=5)
        running = asyncio.create_task(syphus.run())
        while job.server.log.in_flight < 5:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.01)
        syphus.stop()
        return await running

    outcome = asyncio.run(go())
    assert outcome.exit_status == 3
    assert job.server.log.requests == job.server.log.successes == outcome.snapshot.valid == 5
    assert len(job.read("valid_output.json")) == 15
    job.server.play(Script())
    assert job.run(photos(40)).requests == 35


def test_a_stop_waits_for_no_further_try(job: Any, photos: Callable[..., Any]) -> None:
    """Requests that wait to be tried again are left for the next sitting."""
    job.server.play(Script(faults=[Fault("unavailable", retry_after=60)]))

    async def go() -> Any:
        syphus = job.syphus(photos(3))
        running = asyncio.create_task(syphus.run())
        while not (now := syphus.snapshot()) or now.waiting < 3:  # noqa: ASYNC110 - it isn't told
            await asyncio.sleep(0.01)
        syphus.stop()
        async with asyncio.timeout(5):
            return await running

    outcome = asyncio.run(go())
    assert outcome.exit_status == 3
    assert outcome.snapshot.failed == 0
    job.server.play(Script())
    assert job.run(photos(3)).counts == (3, 0, 0)


def test_an_early_stop_writes_all_that_earlier_sittings_answered(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The files of a sitting that stops at once aren't shorter than those before it."""
    dataset = photos(items(400, seconds=0.001))
    assert job.run(dataset, num_threads=64, slice_start=1).counts == (399, 0, 0)
    job.server.play(Script(faults=[Fault("invalid_api_key")]))
    sitting = job.run(dataset)
    assert sitting.outcome.exit_status == 3
    assert len({record["id"] for record in job.read("valid_output.json")}) == 399
    meta = job.read("meta.json")
    assert (meta["queries_valid"], meta["queries_unanswered"]) == (399, 1)
    assert job.read("run.json")["counts"]["valid"] == 399


def test_a_stop_reads_no_further_than_earlier_answers_go(
    job: Any, photos: Callable[..., Any]
) -> None:
    """What follows them has no answer anyway; the answers are all counted."""
    dataset = photos(items(3000, seconds=0.002))
    assert job.run(dataset, slice_end=50).counts == (50, 0, 0)
    job.server.play(Script(faults=[Fault("invalid_api_key")]))
    sitting = job.run(dataset)
    assert (sitting.outcome.exit_status, sitting.counts) == (3, (50, 0, 0))
    assert sitting.outcome.snapshot.read < 3000


def test_the_budget_counts_earlier_sittings(job: Any, photos: Callable[..., Any]) -> None:
    """The same command with the same used-up budget sends nothing more."""
    settings = {**priced(job), "max_tokens": 200, "num_threads": 1}
    job.run(photos(40), budget=1.0, **settings)
    again = job.run(photos(40), budget=1.0, **settings)
    assert again.outcome.exit_status == 3
    assert again.requests == 0


def test_a_wrong_slice_leaves_a_finished_run_as_it_was(
    job: Any, photos: Callable[..., Any]
) -> None:
    """Wrong input changes nothing: the run still says that it is finished."""
    job.run(photos(5))
    before = {path: path.read_bytes() for path in job.folder.glob("*.json")}
    with pytest.raises(Exception, match="slice"):
        job.run(photos(5), slice_start=99)
    assert {path: path.read_bytes() for path in job.folder.glob("*.json")} == before


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system lists no open files")
def test_a_run_that_ends_by_an_error_leaves_no_file_open(
    job: Any, photos: Callable[..., Any]
) -> None:
    """In a notebook a run may be refused many times: each gives back what it opened."""
    with pytest.raises(Exception, match="slice"):
        job.run(photos(5), slice_start=99)
    left = []
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            left.append(handle.readlink())
    assert [path for path in left if path.is_relative_to(job.folder)] == []
