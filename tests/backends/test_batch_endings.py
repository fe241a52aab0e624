from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from syphus.core.errors import (
    BadRequest,
    ContentFiltered,
    MalformedReply,
    RetryableError,
    ServerFailed,
    UnknownDeployment,
)
from syphus.core.prices import Rates
from syphus.testing import BatchEnding, Batches, BatchProblem, Fault, Script, ScriptedServer

DIALECTS = ["openai", "azure", "azure-v1"]
COUNT = 8


def _ending(*args: Any, **settings: Any) -> Script:
    return Script(batches=Batches(endings=[BatchEnding(*args, **settings)]))


def _summary(outcomes: Any) -> dict[int, tuple[str, bool]]:
    """For each line its error's kind, or "reply", and whether it may have been billed."""
    return {
        number: ("reply", False)
        if outcome.error is None
        else (outcome.error.kind, outcome.error.maybe_billed)
        for number, outcome in sorted(outcomes.items())
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_completed_batch_answers_every_line(batch_kit: Any, tmp_path: Path, dialect: str) -> None:
    """Each line has the reply that its own text gets, with tokens and cost; files are deleted."""
    rates = Rates(prompt=0.5, completion=2.0, cached=0.1)
    with ScriptedServer(
        Script(answer=lambda messages, _: messages[-1]["content"].upper())
    ) as server:
        outcomes, notices = batch_kit.run(
            server, tmp_path, batch_kit.lines(COUNT), dialect, deployment={"rates": rates}
        )
        log = server.log.batches
    assert sorted(outcomes) == list(range(COUNT))
    for number, outcome in outcomes.items():
        assert outcome.error is None
        assert outcome.reply.text == f"A PICTURE WITH {number} BOATS ON A LAKE."
        assert outcome.reply.finish_reason == "stop"
        assert outcome.reply.cost == rates.cost(outcome.reply.usage) > 0
        assert outcome.custom_id == f"q-{number}"
        assert outcome.most_cost == 0.5
    assert notices == []
    assert (log.uploads, log.creates, log.deletes) == (1, 1, 2)
    assert list((tmp_path / "batches").iterdir()) == []


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("status", ["expired", "cancelled"])
@pytest.mark.parametrize("tells_rest", [True, False])
def test_a_batch_that_ends_early_keeps_what_is_done(
    batch_kit: Any, tmp_path: Path, status: Any, dialect: str, *, tells_rest: bool
) -> None:
    """Finished lines are replies; the rest may be asked again, and nothing was billed for it."""
    with ScriptedServer(_ending(status, done=0.5, tells_rest=tells_rest)) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(COUNT), dialect)
    expected = dict.fromkeys(range(4), ("reply", False))
    assert _summary(outcomes) == expected | dict.fromkeys(range(4, 8), ("retryable", False))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("state", ["null", "blank", "absent", "empty", "gone"])
def test_a_missing_output_file_is_told_as_maybe_billed(
    batch_kit: Any, tmp_path: Path, state: Any, dialect: str
) -> None:
    """Lines that count as done and came in no file may be billed; the error file is read still."""
    with ScriptedServer(_ending("expired", output=state)) as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(COUNT), dialect)
    lost = dict.fromkeys(range(4), ("retryable", True))
    assert _summary(outcomes) == lost | dict.fromkeys(range(4, 8), ("retryable", False))
    assert any("4 requests came back in no file" in notice for notice in notices)


@pytest.mark.parametrize("state", ["null", "blank", "absent", "empty", "gone"])
def test_a_missing_error_file_loses_no_reply(batch_kit: Any, tmp_path: Path, state: Any) -> None:
    """The output file is read without it; the others weren't billed, by the batch's own counts."""
    with ScriptedServer(_ending("expired", error=state)) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(COUNT))
    expected = dict.fromkeys(range(4), ("reply", False))
    assert _summary(outcomes) == expected | dict.fromkeys(range(4, 8), ("retryable", False))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_failed_lines_are_classified_as_online(
    batch_kit: Any, tmp_path: Path, dialect: str
) -> None:
    """Statuses, codes and broken connections of single lines give the errors they give online."""
    faults = [
        Fault("content_filter", containing=" 0 "),
        Fault("reset", containing=" 1 "),
        Fault("bad_gateway", containing=" 2 "),
        Fault("rate_limited", containing=" 3 "),
        Fault("html_200", containing=" 4 "),
        Fault("truncated_json", containing=" 5 "),
        Fault("finish_length", containing=" 6 "),
    ]
    with ScriptedServer(Script(faults=faults)) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(COUNT), dialect)
    assert isinstance(outcomes[0].error, ContentFiltered)
    assert isinstance(outcomes[1].error, ServerFailed)
    assert not outcomes[1].error.maybe_billed
    assert outcomes[2].error.status == 502
    assert outcomes[3].error.kind == "rate_limited"
    assert isinstance(outcomes[4].error, MalformedReply)
    assert isinstance(outcomes[5].error, MalformedReply)
    assert outcomes[5].error.maybe_billed
    assert outcomes[6].reply.finish_reason == "length"
    assert outcomes[7].error is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_line_that_fails_validation_hears_of_it(
    batch_kit: Any, tmp_path: Path, dialect: str
) -> None:
    """The broken line gets its own error; the others may be sent again without it."""
    lines = [*batch_kit.lines(3), batch_kit.line(3, model=None), batch_kit.line(4)]
    with ScriptedServer() as server:
        outcomes, _ = batch_kit.run(server, tmp_path, lines, dialect)
        assert server.log.batches.as_json()["lines_billed"] == 0
    assert isinstance(outcomes[3].error, BadRequest)
    others = {number: outcomes[number] for number in (0, 1, 2, 4)}
    assert _summary(others) == dict.fromkeys(others, ("retryable", False))


def test_a_failed_batch_without_a_line_may_be_sent_again(batch_kit: Any, tmp_path: Path) -> None:
    """A problem of the whole batch fails no line for good."""
    problem = BatchProblem("some_trouble", message="Try again.")
    with ScriptedServer(_ending("failed", problems=[problem])) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(3))
    assert _summary(outcomes) == dict.fromkeys(range(3), ("retryable", False))
    assert "Try again." in str(outcomes[0].error)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_batch_for_an_unknown_deployment_stops_the_run(
    batch_kit: Any, tmp_path: Path, dialect: str
) -> None:
    """The run is stopped, nothing is billed, and the next sitting sends the lines again."""
    with ScriptedServer(Script(models={"other"})) as server:
        with pytest.raises(UnknownDeployment):
            batch_kit.run(server, tmp_path, batch_kit.lines(3), dialect)
        assert server.log.batches.as_json()["lines_billed"] == 0
        server.play(Script())
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(3), dialect)
    assert _summary(outcomes) == dict.fromkeys(range(3), ("reply", False))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_results_come_in_any_order_twice_and_from_strangers(
    batch_kit: Any, tmp_path: Path, dialect: str
) -> None:
    """One outcome a line, whatever the files hold; what can't be known is told."""
    oddities = {"shuffled": True, "repeated": 2, "unknown": 3, "nameless": 1, "left_out": 1}
    ending = BatchEnding(byte_order_mark=True, crlf=True, **oddities)
    answer = Script(answer=lambda messages, _: messages[-1]["content"])
    script = Script(answer=answer.answer, batches=Batches(endings=[ending]))
    with ScriptedServer(script) as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(COUNT), dialect)
    kinds = Counter(_summary(outcomes).values())
    # The nameless line of which a copy with its name comes at the end is answered by the copy.
    assert kinds[("reply", False)] + kinds[("retryable", True)] == COUNT
    assert 1 <= kinds[("retryable", True)] <= 2
    for number, outcome in outcomes.items():
        if outcome.reply:
            assert outcome.reply.text == f"A picture with {number} boats on a lake."
    assert any("3 lines of its files have an id that was never sent" in one for one in notices)
    assert any("1 lines of its files have no id" in one for one in notices)


def test_a_byte_order_mark_hides_no_line(batch_kit: Any, tmp_path: Path) -> None:
    """Both files may begin with one, and end their lines in CR LF."""
    ending = BatchEnding("expired", byte_order_mark=True, crlf=True)
    with ScriptedServer(Script(batches=Batches(endings=[ending]))) as server:
        outcomes, notices = batch_kit.run(server, tmp_path, batch_kit.lines(COUNT))
    expected = dict.fromkeys(range(4), ("reply", False))
    assert _summary(outcomes) == expected | dict.fromkeys(range(4, 8), ("retryable", False))
    assert notices == []


def test_a_batch_may_outlive_its_day(batch_kit: Any, tmp_path: Path) -> None:
    """Azure goes on after 24 hours; it is waited for."""
    ending = BatchEnding(running=40)
    batches = Batches(endings=[ending], clock=lambda: 1_000_000.0)
    with ScriptedServer(Script(batches=batches)) as server:
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(3), "azure")
    assert _summary(outcomes) == dict.fromkeys(range(3), ("reply", False))


def test_a_large_line_fits_no_batch(batch_kit: Any, tmp_path: Path) -> None:
    """A request beyond the bytes of a whole file is refused alone, and the others go on."""
    with ScriptedServer() as server:
        with pytest.raises(BadRequest):
            batch_kit.run(server, tmp_path, [batch_kit.line(1, "x" * 2000)], most_bytes=1000)
        outcomes, _ = batch_kit.run(server, tmp_path, batch_kit.lines(12), most_bytes=1000)
        assert server.log.batches.creates > 1
    assert len(outcomes) == 12
    assert not any(isinstance(outcome.error, RetryableError) for outcome in outcomes.values())
