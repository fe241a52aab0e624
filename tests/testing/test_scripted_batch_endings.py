from __future__ import annotations

from typing import Any

import openai
import orjson
import pytest

from syphus.testing import BatchEnding, Batches, BatchProblem, Script, ScriptedServer

TEXTS = [f"A picture with {number} boats on a lake." for number in range(8)]
IDS = [f"q-{number}" for number in range(8)]


def _ending(*args: Any, **settings: Any) -> Script:
    return Script(batches=Batches(endings=[BatchEnding(*args, **settings)]))


def _ids(lines: list[dict[str, Any]]) -> list[str | None]:
    return [line.get("custom_id") for line in lines]


@pytest.mark.parametrize("dialect", ["openai", "azure"])
@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_a_batch_ends_early(connect: Any, status: str, dialect: str) -> None:
    """What was answered stays in the output file; the rest stands in the error file, unbilled."""
    with ScriptedServer(_ending(status, done=0.6)) as server:
        customer = connect(server, dialect)
        batch = customer.end(customer.create(TEXTS))
        outputs = customer.read(batch.output_file_id)
        errors = customer.read(batch.error_file_id)
        log = server.log.batches
    assert batch.status == status
    assert getattr(batch, f"{status}_at") is not None
    assert _ids(outputs) == IDS[:4]
    assert _ids(errors) == IDS[4:]
    assert {line["error"]["code"] for line in errors} == {f"batch_{status}"}
    assert all(line["response"] is None for line in errors)
    assert batch.request_counts.completed == 4
    assert [log.line(name).billed for name in IDS] == [1] * 4 + [0] * 4
    assert (log.batches()[0].billed, log.batches()[0].lines) == (4, 8)
    assert log.cancels == 0


def test_the_rest_of_an_expired_batch_may_be_told_nowhere(connect: Any) -> None:
    """Without its rest, an expired batch has no error file."""
    with ScriptedServer(_ending("expired", tells_rest=False)) as server:
        customer = connect(server)
        batch = customer.end(customer.create(TEXTS))
        assert _ids(customer.read(batch.output_file_id)) == IDS[:4]
    assert batch.error_file_id is None


def test_a_batch_that_is_cancelled_by_a_call_keeps_what_is_done(connect: Any) -> None:
    """Lines answered before the cancel are billed and kept; none is answered after it."""
    with ScriptedServer(Script(batches=Batches(running=4))) as server:
        customer = connect(server)
        batch = customer.look(customer.create(TEXTS), times=3)
        assert (batch.status, batch.request_counts.completed) == ("in_progress", 4)
        cancelling = customer.client.batches.cancel(batch.id)
        again = customer.client.batches.cancel(batch.id)
        batch = customer.look(batch)
        with pytest.raises(openai.ConflictError, match="cancelled"):
            customer.client.batches.cancel(batch.id)
        outputs = customer.read(batch.output_file_id)
        errors = customer.read(batch.error_file_id)
        log = server.log.batches
    assert (cancelling.status, again.status, batch.status) == (
        "cancelling",
        "cancelling",
        "cancelled",
    )
    assert (_ids(outputs), _ids(errors)) == (IDS[:4], IDS[4:])
    assert {line["error"]["code"] for line in errors} == {"batch_cancelled"}
    assert sum(line.billed for line in log.lines()) == 4
    assert log.cancels == 1


def test_a_batch_cancelled_before_it_ran_has_no_answers(connect: Any) -> None:
    """A cancel during validation bills nothing; every line is told to be cancelled."""
    with ScriptedServer() as server:
        customer = connect(server)
        batch = customer.create(TEXTS)
        customer.client.batches.cancel(batch.id)
        batch = customer.end(batch)
        assert batch.output_file_id is None
        assert _ids(customer.read(batch.error_file_id)) == IDS
        assert server.log.batches.batches()[0].billed == 0


def test_a_batch_outlives_its_24_hours(connect: Any) -> None:
    """With a long run, a batch is in progress after its expires_at, and is then completed."""
    now = [1_000_000.0]
    batches = Batches(endings=[BatchEnding(running=5)], clock=lambda: now[0])
    with ScriptedServer(Script(batches=batches)) as server:
        customer = connect(server, "azure")
        batch = customer.create(TEXTS)
        now[0] += 90_000
        for _ in range(5):
            batch = customer.look(batch)
            assert batch.status == "in_progress"
            assert batch.expires_at < now[0]
        assert customer.end(batch).status == "completed"


BROKEN = {
    "invalid_json_line": ([b"{broken"], 3, "invalid_json_line", "invalid_json_line"),
    "no custom_id": ([{"custom_id": None}], 3, "missing_required_parameter", "invalid_request"),
    "no model": ([{"body": {"messages": []}}], 3, "missing_required_parameter", "invalid_request"),
    "url": ([{"url": "/v1/embeddings"}], 3, "url_mismatch", "url_mismatch"),
    "duplicate": ([{"custom_id": "q-0"}], 3, "duplicate_custom_id", "duplicate_custom_id"),
    "model": ([{"body": {"model": "o"}}], 3, "mismatched_model", "model_mismatch"),
}


@pytest.mark.parametrize("dialect", ["openai", "azure"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_line_fails_the_batch(connect: Any, name: str, dialect: str) -> None:
    """Validation names the line and the provider's code; nothing is answered, no file is there."""
    (broken,), number, code, azure_code = BROKEN[name]
    with ScriptedServer() as server:
        customer = connect(server, dialect)
        lines = [customer.line(IDS[place], TEXTS[place]) for place in range(4)]
        encoded = [orjson.dumps(line) for line in lines]
        if not isinstance(broken, bytes):
            broken = orjson.dumps(lines[2] | broken)
        encoded[2] = broken
        batch = customer.end(customer.create(b"\n".join(encoded)))
        assert server.log.queries() == ()
        assert server.log.batches.lines() == ()
    assert batch.status == "failed"
    assert batch.failed_at is not None
    assert not batch.output_file_id
    assert not batch.error_file_id
    expected = azure_code if dialect == "azure" else code
    assert [(error.code, error.line) for error in batch.errors.data] == [(expected, number)]


def test_every_broken_line_is_told(connect: Any) -> None:
    """Errors of many lines come in one list, in their order; blank lines count as lines."""
    with ScriptedServer() as server:
        customer = connect(server)
        good = orjson.dumps(customer.line("a", "A."))
        batch = customer.end(customer.create(b"\n".join([b"[]", good, b"", good, b"x"])))
    assert [(error.code, error.line) for error in batch.errors.data] == [
        ("invalid_json_line", 1),
        ("duplicate_custom_id", 4),
        ("invalid_json_line", 5),
    ]


@pytest.mark.parametrize("dialect", ["openai", "azure"])
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"most_lines": 7}, "too_many_tasks"),
        ({"most_bytes": 900}, "file_too_large"),
        ({"enqueued_tokens": 10}, "token_limit_exceeded"),
    ],
)
def test_an_input_beyond_its_limits_fails(
    connect: Any, settings: dict[str, Any], code: str, dialect: str
) -> None:
    """Too many lines, bytes or tokens fail a batch with an error of no line."""
    with ScriptedServer(Script(batches=Batches(**settings))) as server:
        customer = connect(server, dialect)
        batch = customer.end(customer.create(TEXTS))
        smaller = customer.end(customer.create(TEXTS[:1]))
    assert batch.status == "failed"
    assert [error.code for error in batch.errors.data] == [code]
    assert batch.errors.data[0].line is None
    assert smaller.status == ("failed" if "enqueued_tokens" in settings else "completed")


@pytest.mark.parametrize(
    ("dialect", "most", "code"),
    [("openai", 50_000, "empty_file"), ("azure", 100_000, "empty_batch")],
)
def test_the_providers_own_limits_are_the_default(
    connect: Any, dialect: str, most: int, code: str
) -> None:
    """One line more than a provider takes, and none at all, fail."""
    with ScriptedServer() as server:
        customer = connect(server, dialect)
        body = b'"method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}'
        lines = b"\n".join(b'{"custom_id":"%d",%s' % (number, body) for number in range(most + 1))
        batch = customer.end(customer.create(lines))
        assert [error.code for error in batch.errors.data] == ["too_many_tasks"]
        batch = customer.end(customer.create(b"\n"))
        assert [error.code for error in batch.errors.data] == [code]


def test_a_model_must_exist(connect: Any) -> None:
    """A line for a model or deployment that there is not fails the batch."""
    with ScriptedServer(Script(models={"other"})) as server:
        customer = connect(server, "azure")
        batch = customer.end(customer.create(TEXTS[:2]))
    assert [(error.code, error.line) for error in batch.errors.data] == [
        ("model_not_found", 1),
        ("model_not_found", 2),
    ]


def test_a_batch_fails_for_whatever_is_scripted(connect: Any) -> None:
    """Scripted problems are told as they stand; by position, other batches go well."""
    problem = BatchProblem("model_not_found", line=2, message="No.", param="body.model")
    endings = [BatchEnding("failed", at={1}, problems=[problem]), BatchEnding("failed", at={3})]
    with ScriptedServer(Script(batches=Batches(endings=endings))) as server:
        customer = connect(server)
        file = customer.upload(TEXTS)
        batches = [customer.end(customer.order(file.id)) for _ in range(3)]
    assert [batch.status for batch in batches] == ["failed", "completed", "failed"]
    assert [error.model_dump() for error in batches[0].errors.data] == [
        {"code": "model_not_found", "line": 2, "message": "No.", "param": "body.model"}
    ]
    assert [error.code for error in batches[2].errors.data] == ["invalid_request"]


@pytest.mark.parametrize("name", ["output", "error"])
def test_a_file_may_be_missing_in_every_way(connect: Any, name: str) -> None:
    """An id can be null, blank, absent, of an empty file or of none; lines are billed anyhow."""
    states = ["null", "blank", "absent", "empty", "gone"]
    endings = [
        BatchEnding("expired", at={place}, **{name: state})
        for place, state in enumerate(states, start=1)
    ]
    with ScriptedServer(Script(batches=Batches(endings=endings))) as server:
        customer = connect(server)
        file = customer.upload(TEXTS)
        batches = [customer.end(customer.order(file.id)) for _ in states]
        ids = [
            batch.model_dump(exclude_unset=True).get(f"{name}_file_id", ...) for batch in batches
        ]
        assert ids[:3] == [None, "", ...]
        assert customer.download(ids[3]) == b""
        with pytest.raises(openai.NotFoundError):
            customer.download(ids[4])
        assert server.log.batches.line("q-0").billed == 5
        other = "error" if name == "output" else "output"
        assert all(len(customer.read(getattr(batch, f"{other}_file_id"))) == 4 for batch in batches)


def test_results_may_be_out_of_order(connect: Any) -> None:
    """A shuffled output holds every line once, in another order."""
    with ScriptedServer(_ending(shuffled=True)) as server:
        customer = connect(server)
        ids = _ids(customer.read(customer.end(customer.create(TEXTS)).output_file_id))
    assert ids != IDS
    assert sorted(filter(None, ids)) == IDS


def test_results_may_be_too_many_and_too_few(connect: Any) -> None:
    """Lines come twice, of unknown custom ids, without a custom_id, or not at all."""
    ending = {"repeated": 2, "unknown": 1, "nameless": 1, "left_out": 3}
    with ScriptedServer(_ending(**ending)) as server:
        customer = connect(server)
        batch = customer.end(customer.create(TEXTS))
        lines = customer.read(batch.output_file_id)
    assert _ids(lines) == [None, *IDS[1:5], "q-0", "q-1", "unknown-0"]
    assert batch.error_file_id is None
    assert lines[0]["response"]["body"] == lines[5]["response"]["body"]


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_files_may_begin_with_a_mark_and_end_lines_in_two_bytes(connect: Any, dialect: str) -> None:
    """A byte order mark comes first, and every line ends in CR LF, in both files."""
    with ScriptedServer(_ending("expired", byte_order_mark=True, crlf=True)) as server:
        customer = connect(server, dialect)
        batch = customer.end(customer.create(TEXTS))
        for file_id in (batch.output_file_id, batch.error_file_id):
            data = customer.download(file_id)
            assert data.startswith(b"\xef\xbb\xbf{")
            assert data.count(b"\r\n") == data.count(b"\n") == 4
            lines = [orjson.loads(line) for line in data.decode("utf-8-sig").splitlines()]
            assert len(lines) == 4
