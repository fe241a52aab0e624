from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from syphus.backends.batch.reading import read_states
from syphus.testing import BatchEnding, Batches, Script, ScriptedServer

ROOT = Path(__file__).parents[2]
FILL = """
import asyncio, json, resource, sys
from pathlib import Path
from syphus.backends.batch.batch import BatchApi
from syphus.core.batches import BatchLine
from syphus.core.deployments import Deployment

async def fill(folder, api_type, count):
    deployment = Deployment(name="d", api_type=api_type, base_url="http://127.0.0.1:9", model="m",
                            api_version="2024-10-21")
    text = "A picture with many boats on a lake. " * 12
    async with BatchApi(deployment, folder=folder, run="r") as backend:
        for number in range(count):
            body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})
            backend.add(BatchLine(custom_id=f"q-{number}", body=body.encode(), tokens=100,
                                  most_cost=0.001, facts=b'{"number":%d}' % number))
        backend.flush()
        assert backend.outstanding == count
        assert backend.holds("q-0") and not backend.holds(f"q-{count}")

asyncio.run(fill(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _fill(folder: Path, api_type: str, count: int) -> int:
    """Adds so many lines in a process of their own; the most memory that it took, in KiB."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FILL, folder, api_type, str(count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.timeout(120)
def test_many_requests_are_split_in_flat_memory(tmp_path: Path) -> None:
    """120,000 requests make chunks of 50,000, for Azure of 100,000, none lost and none twice.

    Their 60 MB take hardly more memory than a twelfth of them: only hashes of the ids stay.
    """
    few = _fill(tmp_path / "few", "azure", 10_000)
    many = _fill(tmp_path / "openai", "openai", 120_000)
    _fill(tmp_path / "azure", "azure", 100_001)
    assert many - few < 24 << 10
    for name, expected in {"openai": [50_000, 50_000, 20_000], "azure": [100_000, 1]}.items():
        folder = tmp_path / name
        states = read_states(folder)
        assert [state.lines for state in states] == expected
        assert {state.status for state in states} == {"queued"}
        numbers = []
        for state in states:
            path = folder / "batches" / f"{state.name}.jsonl"
            with path.open("rb") as file:
                ids = [json.loads(line)["custom_id"] for line in file]
            assert len(ids) == state.lines
            numbers += ids
        assert numbers == [f"q-{number}" for number in range(sum(expected))]
    assert sum(path.stat().st_size for path in (tmp_path / "openai").rglob("*.jsonl")) > 60e6


def test_a_chunk_never_has_more_bytes_than_a_file_may(batch_kit: Any, tmp_path: Path) -> None:
    """Chunks are as full as the bytes allow, and never fuller."""

    async def fill(server: ScriptedServer) -> list[int]:
        async with batch_kit.backend(server, tmp_path, most_bytes=1000) as backend:
            for line in batch_kit.lines(20):
                backend.add(line)
            backend.flush()
            return [state.lines for state in backend.states()]

    with ScriptedServer() as server:
        lines = asyncio.run(fill(server))
    sizes = [path.stat().st_size for path in sorted((tmp_path / "batches").glob("*.jsonl"))]
    assert sum(lines) == 20
    assert len(sizes) == len(lines)
    assert all(size <= 1000 for size in sizes)
    assert all(size > 1000 - 200 for size in sizes[:-1])


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_a_given_limit_of_enqueued_tokens_is_never_passed(
    batch_kit: Any, tmp_path: Path, dialect: str
) -> None:
    """Batches wait for those before them; the endpoint has nothing to refuse."""
    with ScriptedServer(Script(batches=Batches(enqueued_tokens=60))) as server:
        outcomes, notices = batch_kit.run(
            server, tmp_path, batch_kit.lines(12), dialect, enqueued_tokens=60
        )
        batches = server.log.batches.batches()
    assert sorted(outcomes) == list(range(12))
    assert all(outcome.reply for outcome in outcomes.values())
    assert {batch.status for batch in batches} == {"completed"}
    assert len(batches) > 2
    assert notices == []


@pytest.mark.parametrize("dialect", ["openai", "azure"])
@pytest.mark.parametrize("beyond", ["failed", 400, 429])
def test_a_limit_of_enqueued_tokens_is_learned(
    batch_kit: Any, tmp_path: Path, beyond: Any, dialect: str
) -> None:
    """Refused in any of three ways, fewer batches go at a time; every line is answered once."""
    limited = Batches(enqueued_tokens=60, beyond_enqueued=beyond)
    with ScriptedServer(Script(batches=limited)) as server:
        outcomes, notices = batch_kit.run(
            server, tmp_path, batch_kit.lines(12), dialect, most_lines=3
        )
        log = server.log.batches
    assert all(outcome.reply for outcome in outcomes.values())
    assert sorted(outcomes) == list(range(12))
    assert {line.billed for line in log.lines()} == {1}
    assert log.uploads == 4
    told = [notice for notice in notices if "limit of" in notice]
    assert len(told) == 2
    assert "fewer batches" in told[0]
    assert "has taken all" in told[1]


@pytest.mark.parametrize("beyond", ["failed", 400, 429])
def test_a_chunk_beyond_the_limit_comes_in_parts(
    batch_kit: Any, tmp_path: Path, beyond: Any
) -> None:
    """One batch that alone is too much is split until its parts fit; nothing of it is left."""
    limited = Batches(enqueued_tokens=40, beyond_enqueued=beyond)
    with ScriptedServer(Script(batches=limited)) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(12))
        log = server.log.batches
    assert sorted(outcomes) == list(range(12))
    assert all(outcome.reply for outcome in outcomes.values())
    assert {line.billed for line in log.lines()} == {1}
    assert list((tmp_path / "batches").iterdir()) == []
    # Every input file, and an output file of each batch that was completed.
    completed = sum(batch.status == "completed" for batch in log.batches())
    assert log.deletes == log.uploads + completed


def test_a_file_that_is_too_large_for_the_endpoint_comes_in_parts(
    batch_kit: Any, tmp_path: Path
) -> None:
    """An endpoint that takes fewer lines than documented gets fewer."""
    with ScriptedServer(Script(batches=Batches(most_lines=4))) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(12))
    assert sorted(outcomes) == list(range(12))
    assert all(outcome.reply for outcome in outcomes.values())


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_a_cancel_keeps_what_is_done(batch_kit: Any, tmp_path: Path, dialect: str) -> None:
    """Done lines are given out; the others come back unbilled, sent or not; nothing goes on."""

    async def act(server: ScriptedServer) -> list[Any]:
        settings = {"enqueued_tokens": 80, "most_lines": 4}
        async with batch_kit.backend(server, tmp_path, dialect, **settings) as backend:
            for line in batch_kit.lines(10):
                backend.add(line)
            backend.flush()
            groups = backend.outcomes()
            first = asyncio.ensure_future(anext(groups))
            while backend.states()[0].done < 2:  # noqa: ASYNC110 - only the server knows when
                await asyncio.sleep(0.001)
            await backend.cancel()
            group = await first
            found = [*group]
            if group[-1].is_last:
                backend.durable(group[-1].batch)
            await groups.aclose()
            return found + await batch_kit.gather(backend)

    with ScriptedServer(Script(batches=Batches(running=20))) as server:
        found = asyncio.run(act(server))
        log = server.log.batches
    assert len({outcome.custom_id for outcome in found}) == len(found) == 10
    replies = sum(outcome.reply is not None for outcome in found)
    assert replies == sum(line.billed for line in log.lines()) >= 2
    assert replies < 10
    assert not any(one.error.maybe_billed for one in found if one.error)
    assert {batch.status for batch in log.batches()} == {"cancelled"}


def test_the_state_of_each_batch_is_shown_without_the_endpoint(
    batch_kit: Any, tmp_path: Path
) -> None:
    """Names, statuses, counts and costs stand in the ledger, also for another process."""
    ending = BatchEnding("expired", done=0.5, at={1})
    with ScriptedServer(Script(batches=Batches(endings=[ending]))) as server:
        batch_kit.run(server, tmp_path, batch_kit.lines(6), most_lines=4)
        ids = [batch.id for batch in server.log.batches.batches()]
    first, second = read_states(tmp_path)
    assert (first.name, second.name) == ("0001", "0002")
    assert (first.status, second.status) == ("expired", "completed")
    assert (first.lines, first.done, second.done) == (4, 2, 2)
    assert [first.remote_id, second.remote_id] == ids
    assert (first.cost_at_most, second.cost_at_most) == (2.0, 1.0)
    assert first.created is not None
