from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from syphus.backends.batch.chunk import Chunk, ChunkFiles
from syphus.backends.batch.line import LineReader
from syphus.backends.batch.results import Oddities, read_results
from syphus.core.secrets import Secrets

COUNT = 5
NAMES = [f"q-{number}" for number in range(COUNT)]
READER = LineReader(deployment="d", rates=None, secrets=(), hidden=Secrets(), latency=1.0, now=0.0)


def _encode(name: str | None, text: str | None) -> bytes:
    """A line: an answer with that text, or an error."""
    line: dict[str, Any] = {} if name is None else {"custom_id": name}
    if text is None:
        error = {"error": {"code": "content_filter", "message": "No."}}
        return orjson.dumps(line | {"response": {"status_code": 400, "body": error}})
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    response = {"status_code": 200, "request_id": "", "body": {"choices": [choice]}}
    return orjson.dumps(line | {"response": response, "error": None})


LINES = st.lists(
    st.tuples(
        st.sampled_from([*NAMES, "stranger", None]),
        st.one_of(st.none(), st.sampled_from(["one", "two", "line\u2028end", 'tab\tquote"'])),
    ),
    max_size=12,
)


def _read(
    folder: Path, files: dict[str, bytes], *, done: int = 0, status: str = "completed"
) -> tuple[list[Any], Oddities]:
    place = ChunkFiles(folder, "0001")
    place.facts.write_bytes(b"".join(b"%s\t0.5\t9\t{}\n" % name.encode() for name in NAMES))
    place.output.write_bytes(files.get("output", b""))
    place.error.write_bytes(files.get("error", b""))
    chunk = Chunk(
        name="0001",
        sha256="",
        bytes=0,
        lines=COUNT,
        tokens=0,
        most_cost=0.0,
        model="m",
        endpoint="e",
        batch_id="b",
        status=status,
        done=done,
        counted=True,
    )
    oddities = Oddities()
    return [
        one for group in read_results(chunk, place, READER, oddities) for one in group
    ], oddities


@settings(max_examples=150)
@given(
    output=LINES,
    error=LINES,
    end=st.sampled_from([b"\n", b"\r\n"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    ends=st.booleans(),
)
def test_every_line_has_one_outcome_whatever_the_files_hold(
    *, output: Any, error: Any, end: bytes, mark: bytes, ends: bool
) -> None:
    """Its first answer anywhere, else its error, else that it never came; the rest is counted."""
    given_lines = [*output, *error]
    files = {
        name: mark + end.join(_encode(*line) for line in lines) + (end if ends else b"")
        for name, lines in {"output": output, "error": error}.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        outcomes, oddities = _read(Path(folder), files)
    assert sorted(outcome.custom_id for outcome in outcomes) == NAMES
    assert [outcome.is_last for outcome in outcomes] == [False] * (COUNT - 1) + [True]
    for outcome in outcomes:
        texts = [text for name, text in given_lines if name == outcome.custom_id]
        answers = [text for text in texts if text is not None]
        assert (outcome.reply is None) != (outcome.error is None)
        if answers:
            assert outcome.reply.text == answers[0]
        else:
            assert outcome.error.kind == ("content_filtered" if texts else "retryable")
    assert oddities.unknown == sum(name == "stranger" for name, _ in given_lines)
    assert oddities.nameless == sum(name is None for name, _ in given_lines)


def test_a_missing_line_was_billed_only_if_one_counts_as_done(tmp_path: Path) -> None:
    """An expired batch whose every done line came owes nothing more; one line short, it may."""
    files = {"output": b"\n".join(_encode(name, "one") for name in NAMES[:3])}
    for done, expected in ((3, False), (4, True)):
        outcomes, oddities = _read(tmp_path, files, done=done, status="expired")
        missing = [outcome.error for outcome in outcomes if outcome.error]
        assert [error.maybe_billed for error in missing] == [expected] * 2
        assert oddities.maybe_billed == 2 * expected


def test_a_line_cut_in_its_middle_still_shows_whose_it_is(tmp_path: Path) -> None:
    """A line that is no JSON is an answer that was paid for and can't be read."""
    whole = _encode("q-0", "one")
    outcomes, _ = _read(tmp_path, {"output": whole[: len(whole) // 2]}, done=5)
    by_name = {outcome.custom_id: outcome.error for outcome in outcomes}
    assert by_name["q-0"].kind == "malformed_reply"
    assert by_name["q-0"].maybe_billed
    assert by_name["q-1"].kind == "retryable"


def test_replies_come_as_they_are_read(tmp_path: Path) -> None:
    """Azure's lines without an id, null texts and cut-off answers are replies as online."""
    body = {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}
    line = {"custom_id": "q-1", "response": {"status_code": 200, "body": body}}
    outcomes, _ = _read(tmp_path, {"output": orjson.dumps(line)})
    (reply,) = [outcome.reply for outcome in outcomes if outcome.reply]
    assert (reply.text, reply.refusal, reply.latency) == (None, "No.", 1.0)
