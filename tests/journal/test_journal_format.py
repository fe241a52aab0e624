"""One line of the journal."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from syphus.core.records import Failure, Reply, Usage
from syphus.journal.format import (
    decode,
    encode_failure,
    encode_reply,
    encode_sent,
    is_whole,
    read_head,
)
from tests.journal.conftest import request

TEXT = st.text(st.characters() | st.sampled_from('\ud800\u2028\x00\n"\\'))
COUNTS = st.integers(0, 10**9)
USAGES = st.builds(Usage, prompt_tokens=COUNTS, completion_tokens=COUNTS, cached_tokens=COUNTS)
REPLIES = st.builds(
    Reply,
    text=st.none() | TEXT,
    finish_reason=st.sampled_from(["stop", "length", "content_filter"]) | TEXT,
    refusal=st.none() | TEXT,
    usage=USAGES,
    latency=st.floats(0, 1000).map(lambda seconds: round(seconds, 4)),
    deployment=TEXT,
    attempt=st.integers(1, 99),
    cost=st.none() | st.floats(0, 10),
    headers=st.dictionaries(TEXT, TEXT, max_size=3),
)


@given(REPLIES, TEXT)
def test_a_reply_is_read_back_as_it_was(reply: Reply, query_id: str) -> None:
    """Whatever a model or a server sends, nothing of it changes on the way through the journal."""
    line = encode_reply(request(query_id, turn=1), reply, time=1.5)
    record = decode(line)
    assert is_whole(line)
    assert (record.reply, record.query_id, record.turn) == (reply, query_id, 1)
    assert record.failure is None


@given(REPLIES)
def test_a_line_is_ascii_json_with_one_newline(reply: Reply) -> None:
    """No text can look like the end of a line, and any JSON reader reads one."""
    line = encode_reply(request("q"), reply, time=0)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert json.loads(line)["text"] == json.loads(json.dumps(reply.text))


@given(REPLIES)
def test_key_kind_and_cost_are_found_without_parsing(reply: Reply) -> None:
    """A resume reads millions of lines by what stands at fixed places."""
    usage = reply.usage
    assert read_head(encode_reply(request("q"), reply, time=0)) == (
        int(request("q").key, 16),
        "truncated" if reply.finish_reason == "length" else "reply",
        reply.cost,
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
    )


@given(st.floats(0, 10))
def test_the_most_that_an_attempt_may_cost_is_found_too(most_cost: float) -> None:
    """What a budget counts for an attempt whose end isn't known."""
    head = read_head(encode_sent(request("q"), attempt=1, deployment="d", most_cost=most_cost))
    assert head is not None
    assert head[1:3] == ("sent", most_cost)


def test_a_failure_is_read_back_as_it_was() -> None:
    """What was given up keeps its reason."""
    failure = Failure(kind="x", message="\ud800", attempts=3, status=500, maybe_billed=True)
    record = decode(encode_failure(request("q"), failure, time=0))
    assert (record.failure, record.reply, record.kind) == (failure, None, "failed")
