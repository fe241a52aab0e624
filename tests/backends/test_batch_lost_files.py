"""Result files that are late, deleted, cut, replaced by a page, or larger than they may be."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from syphus.backends.batch import fetching, remote, results
from syphus.backends.batch.reading import read_states
from syphus.backends.batch.remote import Remote
from syphus.backends.batch.remote_values import RemoteFile
from syphus.core.errors import AccessDenied, JournalError, JournalWriteFailed, UnknownDeployment
from syphus.testing import (
    BatchEnding,
    Batches,
    BatchProblem,
    Fault,
    RouteFault,
    Script,
    ScriptedServer,
)

DIALECTS = ["openai", "azure"]
PAGE = b"<html><body>Log in to go on.</body></html>" * 100


def _script(*faults: RouteFault, **settings: Any) -> Script:
    return Script(batches=Batches(faults=faults, **settings))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("route", ["find_file", "download"])
def test_a_file_that_is_late_is_waited_for(
    batch_kit: Any, tmp_path: Path, route: Any, dialect: str
) -> None:
    """A file that isn't found at once isn't lost: it is looked for in later rounds."""
    with ScriptedServer(_script(RouteFault("not_found", route, first=2))) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(3), dialect)
        assert server.log.batches.creates == 1
    assert all(outcome.reply for outcome in outcomes.values())


def test_another_projects_key_loses_no_file(batch_kit: Any, tmp_path: Path) -> None:
    """With a key that sees neither file nor batch the run stops, and goes on with the right one."""
    with ScriptedServer(_script(RouteFault("forbidden", "find_file"))) as server:
        with pytest.raises(AccessDenied):
            batch_kit.run(server, tmp_path, batch_kit.lines(3))
        blind = [RouteFault("not_found", route) for route in ("find_file", "find_batch")]
        server.play(_script(*blind))
        with pytest.raises(UnknownDeployment, match="another project"):
            batch_kit.run(server, tmp_path, [])
        server.play(Script())
        outcomes, _ = batch_kit.run(server, tmp_path, [])
        assert server.log.batches.creates == 1
    assert len(outcomes) == 3
    assert all(outcome.reply for outcome in outcomes.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_deleted_output_file_is_told_as_paid_and_lost(
    batch_kit: Any, tmp_path: Path, dialect: str
) -> None:
    """After the endpoint's 30 days: how many answers, for how much, and what becomes of them."""
    ending = BatchEnding("expired", done=0.5, output="gone")
    with ScriptedServer(_script(endings=[ending])) as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(8), dialect)
    (told,) = [notice for notice in notices if "paid and lost" in notice]
    assert "4 answers" in told
    assert "$2.00 at most" in told
    lost = [number for number, one in outcomes.items() if "paid and lost" in str(one.error)]
    assert lost == [0, 1, 2, 3]
    assert all(outcomes[number].error.maybe_billed for number in lost)
    assert not any(outcomes[number].error.maybe_billed for number in range(4, 8))
    (state,) = read_states(tmp_path)
    assert state.status == "expired, output lost"


def test_what_a_deleted_file_held_is_not_overstated(batch_kit: Any, tmp_path: Path) -> None:
    """No answers are told as paid where the endpoint counted none, no dollars without a price."""
    nothing = BatchEnding("cancelled", done=0.0, output="gone")
    with ScriptedServer(_script(endings=[nothing])) as server:
        outcomes, notices = batch_kit.run(server, tmp_path / "none", batch_kit.lines(4))
    assert not any(outcome.error.maybe_billed for outcome in outcomes.values())
    (told,) = [notice for notice in notices if "deleted at the endpoint" in notice]
    assert "paid" not in told
    lines = [replace(line, most_cost=0.0) for line in batch_kit.lines(4)]
    with ScriptedServer(_script(endings=[BatchEnding(output="gone")])) as server:
        _, notices = batch_kit.run(server, tmp_path / "unpriced", lines)
    (told,) = [notice for notice in notices if "paid and lost" in notice]
    assert "4 answers" in told
    assert "$" not in told


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_page_in_place_of_a_file_is_never_taken_for_it(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    """A gateway's page of HTML, however large, doesn't cost the answers that are paid for."""
    real, left = Remote.download, [7]

    async def download(self: Remote, file_id: str, path: Path, *, most: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            return await real(self, file_id, path, most=most)
        return await asyncio.to_thread(path.write_bytes, PAGE)

    monkeypatch.setattr(Remote, "download", download)
    with ScriptedServer() as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(3), dialect)
        assert server.log.batches.deletes == 2
    assert all(outcome.reply for outcome in outcomes.values())
    assert any("as told" in notice for notice in notices)


@pytest.mark.parametrize("sent", [PAGE, b'{"custom_id":"q-0"'])
def test_a_file_that_never_comes_right_stays_at_the_endpoint(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """What couldn't be had isn't deleted, and which file that is is told."""

    async def download(_: Remote, __: str, path: Path, **___: int) -> int:
        return await asyncio.to_thread(path.write_bytes, sent)

    monkeypatch.setattr(Remote, "download", download)
    with ScriptedServer() as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(3))
        assert server.log.batches.deletes == 1
    assert all(outcome.error.maybe_billed for outcome in outcomes.values())
    assert any("the file stays there" in notice for notice in notices)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_file_larger_than_the_disk_stops_the_run(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    """Whether its size is told or not, the disk isn't filled; with room the same run goes on."""
    told = Remote.file

    async def untold(self: Remote, file_id: str) -> RemoteFile:
        return replace(await told(self, file_id), bytes=None)

    if not is_told:
        monkeypatch.setattr(Remote, "file", untold)
    with ScriptedServer() as server, monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=200))
        with pytest.raises(JournalWriteFailed, match=r"0001\.output: file .* are 100; make room"):
            batch_kit.run(server, tmp_path, batch_kit.lines(3))
        assert not list(tmp_path.rglob("*.part"))
        patch.undo()
        outcomes, _ = batch_kit.run(server, tmp_path, [])
        assert server.log.batches.creates == 1
    assert all(outcome.reply for outcome in outcomes.values())


def test_what_has_no_end_is_no_file_of_a_batch(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than all answers may have isn't fetched; the file stays where it is."""
    monkeypatch.setattr(fetching, "LONGEST_LINE", 40)
    with ScriptedServer() as server:
        _, notices = batch_kit.run(server, tmp_path, batch_kit.lines(3))
        assert server.log.batches.deletes == 1
    assert any("over 120 bytes, too many for 3 answers" in notice for notice in notices)


def test_a_line_without_end_costs_no_other(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line larger than any reply may be isn't read whole; whose it is is known all the same."""
    monkeypatch.setattr(results, "LONGEST_LINE", 2000)
    monkeypatch.setattr(results, "_HEAD_BYTES", 100)

    def answer(messages: Any, _: Any) -> str:
        text = messages[-1]["content"]
        return "x" * 5001 if " 1 " in text else text

    with ScriptedServer(Script(answer=answer)) as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(3))
    assert outcomes[1].error.kind == "malformed_reply"
    assert outcomes[1].error.maybe_billed
    for number in (0, 2):
        assert outcomes[number].reply.text == f"A picture with {number} boats on a lake."
    assert notices == []


def test_a_state_that_isnt_known_is_told_and_waited_for(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that no page lists, or none at all, ends no batch."""
    real, left = remote.read_batch, ["pausing", "", "pausing"]

    def read(value: Any, **settings: Any) -> Any:
        batch = real(value, **settings)
        if batch.status == "validating" or not left:
            return batch
        return replace(batch, status=left.pop())

    monkeypatch.setattr(remote, "read_batch", read)
    with ScriptedServer(_script(running=5)) as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(3))
    assert all(outcome.reply for outcome in outcomes.values())
    assert any("'pausing'" in notice for notice in notices)
    assert any("says nothing" in notice for notice in notices)


def test_a_chunk_whose_own_files_are_gone_is_told(batch_kit: Any, tmp_path: Path) -> None:
    """Whoever has removed files of a batch under way is told which, and not by a traceback."""
    with ScriptedServer(_script(RouteFault("forbidden", "find_batch"))) as server:
        with pytest.raises(AccessDenied):
            batch_kit.run(server, tmp_path, batch_kit.lines(3))
        (tmp_path / "batches" / "0001.facts").unlink()
        with pytest.raises(JournalError, match=r"0001\.facts"):
            batch_kit.run(server, tmp_path, [])


def test_a_problem_that_repeats_the_key_is_kept_without_it(
    batch_kit: Any, kit: Any, tmp_path: Path
) -> None:
    """What the endpoint says of a failed batch stands in the ledger: no secret with it."""
    problem = BatchProblem("some_trouble", message=f"The key {kit.key} is at fault." + "x" * 9000)
    ending = BatchEnding("failed", at={1}, problems=[problem])
    with ScriptedServer(_script(endings=[ending])) as server:
        batch_kit.run(server, tmp_path, batch_kit.lines(2))
    ledger = (tmp_path / "batches.jsonl").read_text()
    assert "some_trouble" in ledger
    assert kit.key not in ledger
    assert len(ledger) < 8000


def test_counts_that_lie_lose_no_answer(batch_kit: Any, tmp_path: Path) -> None:
    """Both files are read whatever the batch says that it did."""
    real = remote.read_batch
    for done, failed in ((0, 0), (10**9, 10**9), (0, 8)):
        with pytest.MonkeyPatch.context() as patch:

            def lie(value: Any, *, told: tuple[int, int] = (done, failed), **rest: Any) -> Any:
                return replace(real(value, **rest), done=told[0], failed=told[1])

            patch.setattr(remote, "read_batch", lie)
            script = Script(faults=[Fault("content_filter", containing=" 0 ")])
            with ScriptedServer(script) as server:
                folder = tmp_path / f"{done}-{failed}"
                outcomes, _ = batch_kit.run(server, folder, batch_kit.lines(4))
        assert [bool(outcomes[number].reply) for number in range(4)] == [False, True, True, True]
        assert outcomes[0].error.kind == "content_filtered"
