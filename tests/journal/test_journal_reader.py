"""Reading a journal back after whatever happened to it."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
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


def sent(number: int) -> bytes:
    """An attempt that may cost a quarter."""
    return encode_sent(request("s", key(number)), attempt=1, deployment="d", most_cost=0.25)


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


@pytest.mark.parametrize(
    ("history", "standing"),
    [("rf", 0), ("tf", 0), ("ff", 1), ("fr", 1), ("rt", 1), ("rff", 0), ("rfr", 2), ("frf", 1)],
)
def test_a_failure_never_stands_before_a_reply(tmp_path: Path, history: str, standing: int) -> None:
    """Asking again in vain takes nothing away; all outcomes are there in their order."""
    failure = Failure(kind="bad_request", message="no", attempts=1)
    parts = [
        encode_failure(request("a", key(1)), failure, time=at)
        if kind == "f"
        else encode_reply(
            request("a", key(1)), reply(finish_reason="stop" if kind == "r" else "length"), time=at
        )
        for at, kind in enumerate(history)
    ]
    offsets = [0, *accumulate(map(len, parts))][:-1]
    index = read_index(write(tmp_path, *parts))
    assert index.outcomes == {1: offsets[standing]}
    assert index.all_of(1) == offsets


def test_an_outcome_that_stands_there_twice_was_paid_for_once(tmp_path: Path) -> None:
    """A journal that was copied behind itself says what it said before, translations included."""
    translations = [encode_reply(request("t", key(4)), reply(), time=at) for at in range(3)]
    failed = encode_failure(
        request("t", key(4)), Failure(kind="bad_request", message="no", attempts=1), time=9
    )
    parts = [*lines(), *translations, failed]
    once = read_index(write(tmp_path, *parts))
    twice = read_index(write(tmp_path, *parts, *parts))
    assert (twice.replies, twice.cost) == (once.replies, once.cost) == (5, 1.25)
    assert (twice.prompt_tokens, twice.cached_tokens) == (50, 10)
    assert (twice.outcomes, twice.all_of(4)) == (once.outcomes, once.all_of(4))
    assert (twice.open_sends, once.open_sends) == (set(), set())


@pytest.mark.parametrize("copies", [2, 3, 4])
def test_a_send_that_stands_there_twice_was_made_once(tmp_path: Path, copies: int) -> None:
    """Of a failed request, of one without an end, and of one that was really sent again."""
    failed = encode_failure(
        request("f", key(8)), Failure(kind="timed_out", message="no", attempts=2), time=9
    )
    sends = [sent(8), sent(8), failed, sent(9), sent(9)]
    once = read_index(write(tmp_path, *sends))
    twice = read_index(write(tmp_path, *sends * copies))
    assert (once.lost_sends, once.open_sends, once.uncertain_cost) == (3, {9}, 1.0)
    assert (twice.lost_sends, twice.open_sends) == (once.lost_sends, once.open_sends)
    assert twice.uncertain_cost == once.uncertain_cost
    grown = read_index(write(tmp_path, *sends, *sends, sent(8)))
    assert (grown.lost_sends, grown.open_sends) == (3, {8, 9})


def test_sends_of_two_sittings_that_were_killed_count_each(tmp_path: Path) -> None:
    """The same requests sent again look like a copy, but no outcome stands there twice."""
    assert read_index(write(tmp_path, sent(8), sent(9), sent(8), sent(9))).lost_sends == 2


def test_an_equal_reply_to_a_second_request_counts_as_well(tmp_path: Path) -> None:
    """Only the very same line is a copy: another time is another bill."""
    parts = [encode_reply(request("a", key(1)), reply(), time=at) for at in (1.0, 1.001)]
    assert read_index(write(tmp_path, *parts)).cost == 0.5


def test_what_has_no_price_is_told_by_its_deployment(tmp_path: Path) -> None:
    """Also where a query is named as if it were the field that holds the deployment."""
    odd = 'x","deployment":"wrong'
    parts = [
        encode_reply(request(odd, key(at)), replace(reply(), cost=cost, deployment=name), time=0)
        for at, (name, cost) in enumerate([('a"b', None), ("c", 0.25), ("c", None), ("c", None)])
    ]
    index = read_index(write(tmp_path, *parts, *parts))
    assert (index.replies, index.cost) == (4, 0.25)
    used = {name: (each.replies, each.prompt_tokens) for name, each in index.unpriced.items()}
    assert used == {'a"b': (1, 10), "c": (2, 20)}
    assert index.unpriced["c"].completion_tokens == 10
    assert index.unpriced["c"].cached_tokens == 4


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
