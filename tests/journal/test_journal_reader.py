"""Reading a journal back after whatever happened to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from syphus.core.records import Failure, Reply, Usage
from syphus.journal.format import (
    encode_failure,
    encode_not_billed,
    encode_reply,
    encode_sent,
)
from syphus.journal.reader import JournalReader, read_index
from tests.journal.conftest import request

USAGE = Usage(prompt_tokens=10, completion_tokens=5, cached_tokens=2)


def key(number: int) -> str:
    """The key of one request."""
    return f"{number:032x}"


def reply(text: str = "t", finish_reason: str = "stop") -> Reply:
    """A reply that cost a quarter."""
    return Reply(
        text=text,
        finish_reason=finish_reason,
        usage=USAGE,
        latency=1,
        deployment="d",
        attempt=1,
        cost=0.25,
    )


def lines() -> list[bytes]:
    """Three requests: answered, given up, cut off."""
    failure = Failure(kind="bad_request", message="no", attempts=1)
    return [
        encode_sent(request("a", key(1)), attempt=1, deployment="d"),
        encode_reply(request("a", key(1)), reply("x" * 9000), time=0),
        encode_sent(request("b", key(2)), attempt=1, deployment="d"),
        encode_failure(request("b", key(2)), failure, time=0),
        encode_sent(request("c", key(3)), attempt=1, deployment="d"),
        encode_reply(request("c", key(3)), reply(finish_reason="length"), time=0),
    ]


def write(folder: Path, *parts: bytes) -> Path:
    """A journal of these bytes."""
    path = folder / "j.jsonl"
    path.write_bytes(b"".join(parts))
    return path


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    """A first run has nothing to resume."""
    index = read_index(tmp_path / "none.jsonl")
    assert (index.outcomes, index.whole_bytes, index.replies) == ({}, 0, 0)


def test_every_outcome_is_found_where_it_stands(tmp_path: Path) -> None:
    """Each key leads to its last outcome, and what it holds comes back."""
    path = write(tmp_path, *lines(), encode_reply(request("a", key(1)), reply("new"), time=0))
    index = read_index(path)
    reader = JournalReader(path)
    found = {number: reader.at(offset) for number, offset in index.outcomes.items()}
    reader.close()
    assert found[1].reply == reply("new")
    assert found[2].failure is not None
    assert found[3].kind == "truncated"


def test_tokens_and_cost_count_every_reply(tmp_path: Path) -> None:
    """A superseded reply was paid for too."""
    path = write(tmp_path, *lines(), encode_reply(request("a", key(1)), reply("new"), time=0))
    index = read_index(path)
    assert (index.replies, index.cost) == (3, 0.75)
    assert (index.prompt_tokens, index.completion_tokens, index.cached_tokens) == (30, 15, 6)


def test_sends_without_an_end_are_told(tmp_path: Path) -> None:
    """Only an attempt whose end isn't known may have been billed."""
    path = write(
        tmp_path,
        *lines(),
        encode_sent(request("d", key(4)), attempt=1, deployment="d"),
        encode_sent(request("e", key(5)), attempt=1, deployment="d"),
        encode_not_billed(request("q", key(5))),
    )
    assert read_index(path).open_sends == {4}


def test_requests_of_one_key_may_be_on_their_way_together(tmp_path: Path) -> None:
    """All translations of a query share one: what came back isn't lost, what didn't counts most."""
    sent = [
        encode_sent(request("q", key(4)), attempt=1, deployment="d", most_cost=cost)
        for cost in (0.5, 2.0, 1.0)
    ]
    answered = encode_reply(request("q", key(4)), reply(), time=0)
    index = read_index(write(tmp_path, *sent, answered))
    assert (index.uncertain_cost, index.lost_sends + len(index.open_sends)) == (3.0, 2)
    index = read_index(write(tmp_path, *sent, answered, answered, answered))
    assert (index.uncertain_cost, index.lost_sends + len(index.open_sends)) == (0.0, 0)


@pytest.mark.parametrize(("kind", "left"), [("failed", {1, 3}), ("truncated", {1, 2})])
def test_outcomes_to_redo_count_as_missing(tmp_path: Path, kind: str, left: set[int]) -> None:
    """`--redo failed` and `--redo truncated` ask those again and no others."""
    path = write(tmp_path, *lines())
    assert read_index(path, skip=frozenset({kind})).outcomes.keys() == left  # type: ignore[arg-type]


def test_lines_longer_than_a_block_are_read(tmp_path: Path) -> None:
    """A reply of many megabytes comes back whole, with its neighbours."""
    long = reply("y" * (9 << 20))
    path = write(tmp_path, *lines(), encode_reply(request("z", key(9)), long, time=0), *lines())
    index = read_index(path)
    reader = JournalReader(path)
    record = reader.at(index.outcomes[9])
    reader.close()
    assert record.reply == long
    assert index.outcomes.keys() == {1, 2, 3, 9}
