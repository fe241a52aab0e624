from __future__ import annotations

import asyncio
import errno
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from syphus.backends.batch import filling, ledger, remote
from syphus.core.errors import (
    AccessDenied,
    JournalDamaged,
    JournalWriteFailed,
    QuotaUsedUp,
    SettingsError,
    StoppingError,
    UnknownDeployment,
    Unreachable,
)
from syphus.testing import BatchEnding, Batches, RouteFault, Script, ScriptedServer

DIALECTS = ["openai", "azure"]
ROUTES = ["upload", "create", "find_batch", "find_file", "download", "delete"]


def _script(*faults: RouteFault, **settings: Any) -> Script:
    return Script(batches=Batches(faults=faults, **settings))


def _are_replies(outcomes: Any, count: int) -> bool:
    return sorted(outcomes) == list(range(count)) and all(one.reply for one in outcomes.values())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", ["rate_limited", "server_error", "bad_gateway", "reset"])
def test_every_call_may_fail_a_while(
    batch_kit: Any, tmp_path: Path, kind: Any, dialect: str
) -> None:
    """With each route's first calls refused or broken, all is answered, and made once."""
    faults = [RouteFault(kind, route, first=2) for route in ROUTES]
    with ScriptedServer(_script(*faults)) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(3), dialect)
        log = server.log.batches
    assert _are_replies(outcomes, 3)
    assert (log.uploads, log.creates, log.deletes) == (1, 1, 2)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", ["lost", "truncated_body"])
def test_what_a_lost_answer_told_is_found(
    batch_kit: Any, tmp_path: Path, kind: Any, dialect: str
) -> None:
    """An upload and a creation whose answers are lost are found, though the lists lag."""
    faults = [RouteFault(kind, "upload", at={1}), RouteFault(kind, "create", at={1})]
    lag = {"files_unlisted_for": 2, "batches_unlisted_for": 2}
    with ScriptedServer(_script(*faults, **lag)) as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(3), dialect)
        log = server.log.batches
    assert _are_replies(outcomes, 3)
    assert (log.uploads, log.creates) == (1, 1)
    assert any("waits" in notice for notice in notices)


def test_a_batch_that_no_list_shows_is_told_and_cancelled_later(
    batch_kit: Any, tmp_path: Path
) -> None:
    """A list that lags by more than three looks: created again, told, the later one cancelled."""
    fault = RouteFault("lost", "create", at={1})
    script = _script(fault, batches_unlisted_for=3, running=3)
    with ScriptedServer(script) as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(3))
        log = server.log.batches
        first, second = log.batches()
    assert _are_replies(outcomes, 3)
    assert any("isn't known" in notice for notice in notices)
    assert any("created more than once" in notice for notice in notices)
    assert log.cancels == 1
    assert first.status == "completed"
    assert "cancel" in second.status


def test_of_several_batches_the_earliest_is_kept(batch_kit: Any, tmp_path: Path) -> None:
    """Where a look finds more than one batch of a chunk, the others are cancelled, and told."""

    async def act(server: ScriptedServer) -> list[str]:
        notices: list[str] = []
        async with batch_kit.backend(server, tmp_path, on_notice=notices.append) as backend:
            backend.add(batch_kit.line(0))
            backend.flush()
            await backend._store.close_full()
            (chunk,) = backend._ledger.chunks.values()
            await backend._steps.upload(chunk)
            backend._ledger.append(chunk, "creating", unsure=False)
            for _ in range(3):
                metadata = backend._steps._metadata(chunk)
                await backend._remote.create(chunk.file_id, metadata=metadata)
            (outcome,) = await batch_kit.gather(backend)
            assert outcome.reply is not None
        return notices

    with ScriptedServer(_script(running=3)) as server:
        notices = asyncio.run(act(server))
        kept, *others = server.log.batches.batches()
    assert kept.status == "completed"
    assert all("cancel" in batch.status for batch in others)
    assert len([one for one in notices if "created more than once" in one]) == 2


def test_a_batch_is_found_behind_many_others(batch_kit: Any, tmp_path: Path) -> None:
    """The list is paged until the batch of a lost creation is found."""

    async def act(server: ScriptedServer) -> None:
        async with batch_kit.backend(server, tmp_path) as backend:
            backend.add(batch_kit.line(0))
            backend.flush()
            await backend._store.close_full()
            (chunk,) = backend._ledger.chunks.values()
            await backend._steps.upload(chunk)
            backend._ledger.append(chunk, "creating", unsure=False)
            metadata = backend._steps._metadata(chunk)
            await backend._remote.create(chunk.file_id, metadata=metadata)
            path = tmp_path / "other.jsonl"
            path.write_bytes(b"{}")
            other = await backend._remote.upload(path, name="other.jsonl")
            for _ in range(110):
                await backend._remote.create(other.id, metadata={"run": "another"})
            (outcome,) = await batch_kit.gather(backend)
            assert outcome.reply is not None

    with ScriptedServer() as server:
        asyncio.run(act(server))
        log = server.log.batches
        assert log.creates_with(run="r") == 1
        assert (log.cancels, log.calls["list_batches"]) == (0, 2)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_batch_that_another_project_has_isnt_given_up(
    batch_kit: Any, tmp_path: Path, dialect: str
) -> None:
    """A batch that the endpoint doesn't know stops the run; with the right key it goes on."""
    with ScriptedServer(_script(RouteFault("not_found", "find_batch"))) as server:
        with pytest.raises(UnknownDeployment, match="another project"):
            batch_kit.run(server, tmp_path, batch_kit.lines(3), dialect)
        server.play(Script())
        outcomes, _ = batch_kit.run(server, tmp_path, [], dialect)
        assert server.log.batches.creates == 1
    assert _are_replies(outcomes, 3)


def test_a_batch_that_is_forgotten_may_have_been_billed(batch_kit: Any, tmp_path: Path) -> None:
    """After a month nothing can be fetched any more: that is told, and the lines come back."""
    with ScriptedServer(_script(RouteFault("not_found", "find_batch"))) as server:
        with pytest.raises(UnknownDeployment):
            batch_kit.run(server, tmp_path, batch_kit.lines(3))
        outcomes, notices = batch_kit.run(
            server, tmp_path, [], wall_clock=lambda: time.time() + 31 * 24 * 3600
        )
    assert [outcome.error.maybe_billed for outcome in outcomes.values()] == [True] * 3
    assert any("gone from the endpoint" in notice for notice in notices)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_downloads_that_are_cut_come_whole_in_the_end(
    batch_kit: Any, tmp_path: Path, dialect: str
) -> None:
    """Half a file, several times over, is never taken for the whole one."""
    fault = RouteFault("truncated_body", "download", each_at_most=3)
    ending = BatchEnding("expired", done=0.5)
    with ScriptedServer(_script(fault, endings=[ending])) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(8), dialect)
        assert server.log.batches.faults == {"truncated_body": 6}
    assert [bool(outcomes[number].reply) for number in range(8)] == [True] * 4 + [False] * 4
    assert not any(one.error and one.error.maybe_billed for one in outcomes.values())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("invalid_api_key", AccessDenied),
        ("forbidden", AccessDenied),
        ("insufficient_quota", QuotaUsedUp),
    ],
)
@pytest.mark.parametrize("route", ["upload", "create", "find_batch"])
def test_a_refusal_of_all_stops_the_run_and_loses_nothing(
    batch_kit: Any, tmp_path: Path, *, route: Any, kind: Any, error: type[Exception], dialect: str
) -> None:
    """The run stops; once the account is mended, the next sitting goes on where it stopped."""
    with ScriptedServer(_script(RouteFault(kind, route))) as server:
        with pytest.raises(error):
            batch_kit.run(server, tmp_path, batch_kit.lines(3), dialect)
        server.play(Script())
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(3), dialect)
        log = server.log.batches
    assert _are_replies(outcomes, 3)
    assert (log.uploads, log.creates) == (1, 1)


@pytest.mark.parametrize("route", ["upload", "create"])
def test_a_call_refused_for_good_stops_the_run(batch_kit: Any, tmp_path: Path, route: Any) -> None:
    """A 400 that no limit explains would come for ever: no line is failed for it."""
    with ScriptedServer(_script(RouteFault("bad_request", route))) as server:
        with pytest.raises(StoppingError) as stopped:
            batch_kit.run(server, tmp_path, batch_kit.lines(3))
        server.play(Script())
        outcomes, _ = batch_kit.run(server, tmp_path, [])
        assert server.log.batches.creates == 1
    assert stopped.value.status == 400
    assert _are_replies(outcomes, 3)


def test_an_uploaded_file_that_is_gone_is_uploaded_again(batch_kit: Any, tmp_path: Path) -> None:
    """An input file that expired before its batch was created doesn't end the run."""
    with ScriptedServer(_script(RouteFault("insufficient_quota", "create"))) as server:
        with pytest.raises(QuotaUsedUp):
            batch_kit.run(server, tmp_path, batch_kit.lines(3))
        server.expire_files()
        server.play(Script())
        outcomes, _ = batch_kit.run(server, tmp_path, [])
        assert (server.log.batches.uploads, server.log.batches.creates) == (2, 1)
    assert _are_replies(outcomes, 3)


def test_a_file_that_is_still_read_is_waited_for(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Azure refuses a batch of a file that it hasn't read yet: that stops no run."""
    told, looks = remote.read_file, []

    def pending(value: Any) -> Any:
        looks.append(value)
        file = told(value)
        return replace(file, status="pending") if len(looks) < 13 else file

    monkeypatch.setattr(remote, "read_file", pending)
    with ScriptedServer(_script(RouteFault("bad_request", "create", at={1}))) as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(3), "azure")
        assert server.log.batches.creates == 1
    assert _are_replies(outcomes, 3)
    assert any("still reading" in notice for notice in notices)


def test_an_endpoint_that_never_answers_is_unreachable(batch_kit: Any, tmp_path: Path) -> None:
    """After a quarter of an hour without any answer the run ends; nothing is lost."""
    now = [0.0]

    def clock() -> float:
        now[0] += 60
        return now[0]

    with ScriptedServer() as server:
        server.pause(refuse=True)
        with pytest.raises(Unreachable):
            batch_kit.run(server, tmp_path, batch_kit.lines(3), clock=clock)
        server.resume()
        outcomes, _ = batch_kit.run(server, tmp_path, [])
    assert _are_replies(outcomes, 3)


def test_another_endpoint_is_refused_while_batches_run(batch_kit: Any, tmp_path: Path) -> None:
    """Batches can't be fetched from where they aren't: settings that changed are told."""
    with ScriptedServer(_script(RouteFault("forbidden", "find_batch"))) as server:
        with pytest.raises(AccessDenied):
            batch_kit.run(server, tmp_path, batch_kit.lines(3))
        with pytest.raises(SettingsError, match="the endpoint that the run began with"):
            batch_kit.run(server, tmp_path, [], "azure")


def test_what_was_never_sent_comes_back_for_another_model(batch_kit: Any, tmp_path: Path) -> None:
    """A chunk that was written for another model and has no batch is given back unbilled."""
    with ScriptedServer(_script(RouteFault("insufficient_quota", "upload"))) as server:
        with pytest.raises(QuotaUsedUp):
            batch_kit.run(server, tmp_path, batch_kit.lines(3))
        server.play(Script())
        outcomes, _ = batch_kit.run(server, tmp_path, [], deployment={"model": "another"})
        assert server.log.batches.creates == 0
    assert [one.error.kind for one in outcomes.values()] == ["retryable"] * 3
    assert not any(one.error.maybe_billed for one in outcomes.values())


def test_outcomes_come_again_until_they_are_durable(batch_kit: Any, tmp_path: Path) -> None:
    """What was given out and not told durable is given out by the next sitting, from the disk."""

    async def sit(server: ScriptedServer, *, durable: bool) -> int:
        async with batch_kit.backend(server, tmp_path) as backend:
            for line in batch_kit.lines(3):
                if not backend.holds(line.custom_id):
                    backend.add(line)
            backend.flush()
            return len(await batch_kit.gather(backend, durable=durable))

    with ScriptedServer() as server:
        assert asyncio.run(sit(server, durable=False)) == 3
        server.expire_files()
        assert asyncio.run(sit(server, durable=True)) == 3
        assert server.log.batches.creates == 1


def test_a_torn_last_line_of_the_ledger_is_cut_off(batch_kit: Any, tmp_path: Path) -> None:
    """A step whose line wasn't whole wasn't taken; a damaged line in the middle is refused."""
    path = tmp_path / "batches.jsonl"
    with ScriptedServer(_script(RouteFault("forbidden", "create"))) as server:
        with pytest.raises(AccessDenied):
            batch_kit.run(server, tmp_path, batch_kit.lines(3))
        server.play(Script())
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b'"uploading"', b'"uploadinG"'))
        with pytest.raises(JournalDamaged):
            batch_kit.run(server, tmp_path, [])
        path.write_bytes(whole + b'{"chunk":"0001","step":"crea')
        outcomes, _ = batch_kit.run(server, tmp_path, [])
    assert _are_replies(outcomes, 3)
    assert all(json.loads(line) for line in path.read_bytes().splitlines())


@pytest.mark.parametrize("owner", ["ledger", "chunk"])
def test_a_full_disk_ends_the_run_and_loses_nothing(
    batch_kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    """Half a line of the ledger, or a chunk that isn't whole, is never built upon."""
    real, left = os.write, [5]

    def write(handle: int, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data[: len(data) // 2] if left[0] == 0 else data)

    def sync(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    module = {"ledger": ledger, "chunk": filling}[owner]
    change = {"write": write} if owner == "ledger" else {"fsync": sync}
    with ScriptedServer() as server:
        with monkeypatch.context() as patch:
            patch.setattr(module, "os", SimpleNamespace(**(vars(os) | change)))
            with pytest.raises(JournalWriteFailed):
                batch_kit.run(server, tmp_path, batch_kit.lines(3))
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(3))
        assert server.log.batches.creates == 1
        assert {line.billed for line in server.log.batches.lines()} == {1}
    assert _are_replies(outcomes, 3)


def test_no_secret_is_kept_or_told(batch_kit: Any, kit: Any, tmp_path: Path) -> None:
    """Neither the ledger, nor a chunk, nor a notice, nor a reply that repeats it has the key."""
    faults = [RouteFault("server_error", "find_batch", first=20)]
    script = Script(answer=f"The key is {kit.key}.", batches=Batches(faults=faults))
    with ScriptedServer(script) as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(2))
    assert notices
    texts = [*notices, *(one.reply.text for one in outcomes.values())]
    texts += [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(kit.key in text for text in texts)
