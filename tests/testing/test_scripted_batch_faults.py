from __future__ import annotations

import hashlib
import json
from typing import Any

import openai
import pytest

from syphus.testing import BatchEnding, Batches, Fault, RouteFault, Script, ScriptedServer
from syphus.testing.batch_script import ROUTES

TEXTS = [f"A picture with {number} trees by a road." for number in range(4)]


def _script(*faults: RouteFault, **settings: Any) -> Script:
    return Script(batches=Batches(faults=faults, **settings))


class _Steps:
    """Every route, called for things that are there."""

    def __init__(self, customer: Any) -> None:
        client = customer.client
        file = customer.upload(TEXTS)
        spare = customer.upload(TEXTS[:1])
        batch = customer.order(file.id)
        self.calls = {
            "upload": lambda: customer.upload(TEXTS[1:]),
            "find_file": lambda: client.files.retrieve(file.id),
            "list_files": client.files.list,
            "download": lambda: customer.download(file.id),
            "delete": lambda: client.files.delete(spare.id),
            "create": lambda: customer.order(file.id),
            "find_batch": lambda: client.batches.retrieve(batch.id),
            "list_batches": client.batches.list,
            "cancel": lambda: client.batches.cancel(batch.id),
        }


def _effects(server: ScriptedServer) -> tuple[int, ...]:
    log = server.log.batches
    return log.uploads, log.creates, log.cancels, log.deletes


@pytest.mark.parametrize("dialect", ["openai", "azure"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_call_fails_and_changes_nothing(connect: Any, route: Any, dialect: str) -> None:
    """The first calls of any route meet 429, 500 and a reset; then it is as if they never were."""
    faults = [
        RouteFault("rate_limited", route, at={1}, retry_after=7),
        RouteFault("server_error", route, at={2}),
        RouteFault("reset", route, at={3}),
    ]
    with ScriptedServer() as server:
        call = _Steps(connect(server, dialect)).calls[route]
        before = _effects(server)
        server.play(_script(*faults))
        with pytest.raises(openai.RateLimitError) as limited:
            call()
        with pytest.raises(openai.InternalServerError):
            call()
        with pytest.raises(openai.APIConnectionError):
            call()
        assert _effects(server) == before
        call()
        assert server.log.batches.faults == {"rate_limited": 1, "server_error": 1, "reset": 1}
        assert server.log.batches.calls[route] >= 4
    assert limited.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("dialect", ["openai", "azure"])
@pytest.mark.parametrize("route", ["upload", "create", "cancel", "delete"])
def test_a_reply_is_lost_after_the_deed(connect: Any, route: Any, dialect: str) -> None:
    """The connection breaks, and yet the file, batch, cancel or deletion took effect, once."""
    with ScriptedServer() as server:
        call = _Steps(connect(server, dialect)).calls[route]
        before = _effects(server)
        server.play(_script(RouteFault("lost", route, at={1})))
        with pytest.raises(openai.APIConnectionError):
            call()
        after = _effects(server)
    changed = ["upload", "create", "cancel", "delete"].index(route)
    assert [new - old for old, new in zip(before, after, strict=True)] == [
        int(place == changed) for place in range(4)
    ]


def test_what_was_lost_can_be_found(connect: Any) -> None:
    """A lost file is listed with its name and size, a lost batch with its input and metadata."""
    faults = [RouteFault("lost", "upload"), RouteFault("lost", "create")]
    with ScriptedServer() as server:
        customer = connect(server)
        file = customer.upload(TEXTS)
        server.play(_script(*faults))
        with pytest.raises(openai.APIConnectionError):
            customer.upload(TEXTS)
        with pytest.raises(openai.APIConnectionError):
            customer.order(file.id, metadata={"chunk": "7"})
        found, first = customer.client.files.list().data
        (batch,) = customer.client.batches.list().data
        sha256 = hashlib.sha256(customer.download(file.id)).hexdigest()
        assert server.log.batches.uploads_of(sha256) == 2
        assert server.log.batches.creates_of(sha256) == 1
    assert first == file
    assert (found.filename, found.bytes) == (file.filename, file.bytes)
    assert (batch.input_file_id, batch.metadata) == (file.id, {"chunk": "7"})


@pytest.mark.parametrize("each", [None, 2])
def test_downloads_are_cut(connect: Any, each: int | None) -> None:
    """Half of a file comes, so many times for each file; then all of it."""
    fault = RouteFault("truncated_body", "download", first=0 if each else 1, each_at_most=each)
    with ScriptedServer() as server:
        customer = connect(server)
        server.play(_script(fault, endings=[BatchEnding("expired")]))
        batch = customer.end(customer.create(TEXTS))
        for file_id in (batch.output_file_id, batch.error_file_id):
            for _ in range(each or 0):
                with pytest.raises(openai.APIConnectionError):
                    customer.download(file_id)
        if each is None:
            with pytest.raises(openai.APIConnectionError):
                customer.download(batch.output_file_id)
        assert len(customer.read(batch.output_file_id)) == 2
        assert len(customer.read(batch.error_file_id)) == 2


def test_spoiled_replies_spoil_their_own_line(connect: Any) -> None:
    """A reply that is no JSON leaves its line unreadable; the others can be read."""
    faults = [
        Fault("truncated_json", containing="0 trees"),
        Fault("not_utf8", containing="1 trees"),
        Fault("u2028", containing="2 trees"),
        Fault("html_200", containing="3 trees"),
    ]
    with ScriptedServer(Script(faults=faults)) as server:
        customer = connect(server)
        batch = customer.end(customer.create([*TEXTS, "Whole."]))
        lines = customer.download(batch.output_file_id).split(b"\n")
    assert (len(lines), lines[-1]) == (6, b"")
    for spoiled in lines[:2]:
        with pytest.raises(ValueError, match=r"\w"):
            json.loads(spoiled)
    bodies = [json.loads(line)["response"]["body"] for line in lines[2:5]]
    assert "\u2028" in bodies[0]["choices"][0]["message"]["content"]
    assert bodies[1].startswith("<!doctype")
    assert bodies[2]["object"] == "chat.completion"


def test_a_script_that_raises_is_told(connect: Any) -> None:
    """What the script's own code raises is status 500 in the error file, and raised at the end."""

    def answer(_messages: object, _body: object) -> str:
        raise LookupError("not thought of")

    def serve() -> None:
        with ScriptedServer(Script(answer=answer)) as server:
            customer = connect(server)
            batch = customer.end(customer.create(TEXTS))
            errors = customer.read(batch.error_file_id)
            assert [line["response"]["status_code"] for line in errors] == [500] * 4

    with pytest.raises(LookupError, match="not thought of"):
        serve()


def test_an_expired_file_is_not_found(connect: Any) -> None:
    """A fault can be that the file has expired; Azure has a code for it."""
    with ScriptedServer(_script(RouteFault("not_found", "download"))) as server:
        for dialect, code in (("openai", None), ("azure", "notFound")):
            customer = connect(server, dialect)
            file = customer.upload(TEXTS)
            with pytest.raises(openai.NotFoundError, match=file.id) as missing:
                customer.download(file.id)
            assert missing.value.code == code


def test_a_silent_call_times_out(connect: Any) -> None:
    """A stalled creation changes nothing and is answered never."""
    with ScriptedServer(_script(RouteFault("stall", "create", at={1}))) as server:
        customer = connect(server)
        file = customer.upload(TEXTS)
        with pytest.raises(openai.APITimeoutError):
            customer.order(file.id, timeout=0.2)
        assert server.log.batches.creates == 0


def _tokens(customer: Any) -> int:
    """The prompt tokens of a batch of the texts."""
    usages = [
        line["response"]["body"]["usage"]["prompt_tokens"]
        for line in customer.read(customer.end(customer.create(TEXTS)).output_file_id)
    ]
    return sum(usages)


@pytest.mark.parametrize(
    ("dialect", "limit"), [("openai", "Limit: 1,000 enqueued"), ("azure", "limit of 1K for 'm'")]
)
def test_enqueued_tokens_fail_what_goes_beyond(connect: Any, dialect: str, limit: str) -> None:
    """A batch too many fails with the figure of the limit; when one has ended, another fits."""
    with ScriptedServer() as server:
        customer = connect(server, dialect)
        fitting = 1000 // _tokens(customer)
        assert fitting > 1
        server.play(_script(enqueued_tokens=1000))
        batches = [customer.create(TEXTS) for _ in range(fitting + 1)]
        other = customer.create([customer.line(text, text, model="o") for text in TEXTS])
        assert customer.end(batches[0]).status == "completed"
        again = customer.create(TEXTS)
        customer.look(batches[-1])
        failed = customer.look(batches[-1])
        assert failed.status == "failed"
        assert failed.errors.data[0].code == "token_limit_exceeded"
        assert limit in failed.errors.data[0].message
        assert customer.end(other).status == "completed"
        assert customer.end(again).status == "completed"


@pytest.mark.parametrize(
    ("dialect", "status", "code"),
    [
        ("openai", 400, "token_limit_exceeded"),
        ("azure", 400, "token_limit_exceeded"),
        ("openai", 429, "token_limit_exceeded"),
        ("azure", 429, "EnqueuedTokenLimit"),
    ],
)
def test_enqueued_tokens_refuse_what_goes_beyond(
    connect: Any, dialect: str, status: Any, code: str
) -> None:
    """A creation too many is refused, and makes no batch; after a cancel there is room."""
    with ScriptedServer() as server:
        customer = connect(server, dialect)
        server.play(_script(enqueued_tokens=_tokens(customer), beyond_enqueued=status))
        batch = customer.create(TEXTS)
        file = customer.upload(TEXTS)
        with pytest.raises(openai.APIStatusError) as refused:
            customer.order(file.id)
        assert (refused.value.status_code, refused.value.code) == (status, code)
        assert server.log.batches.creates == 2
        customer.client.batches.cancel(batch.id)
        customer.end(batch)
        assert customer.order(file.id).status == "validating"
