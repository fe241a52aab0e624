from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.testing import BatchEnding, Batches, Fault, RouteFault, Script, ScriptedServer
from syphus.testing.errors import Circumstances
from syphus.testing.paging import cut_page

TEXTS = [f"A picture with {number} birds over a field." for number in range(6)]
DIALECTS = ["openai", "azure", "azure-v1"]
BLANK = {"openai": None, "azure": "", "azure-v1": ""}


def _contents(lines: list[dict[str, Any]]) -> dict[str, str]:
    return {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"]
        for line in lines
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_batch_goes_its_way_and_answers_as_online(connect: Any, dialect: str) -> None:
    """A batch passes through its statuses; its texts are those that single requests get."""
    with ScriptedServer() as server:
        customer = connect(server, dialect)
        batch = customer.create(TEXTS, metadata={"run": "r", "chunk": "1"})
        seen = [batch, *(customer.look(batch) for _ in range(3))]
        lines = customer.read(seen[-1].output_file_id)
        online = {
            f"q-{number}": customer.client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": text}]
            )
            .choices[0]
            .message.content
            for number, text in enumerate(TEXTS)
        }
    assert [one.status for one in seen] == ["validating", "in_progress", "finalizing", "completed"]
    assert [one.output_file_id for one in seen[:-1]] == [BLANK[dialect]] * 3
    assert [one.error_file_id for one in seen] == [BLANK[dialect]] * 4
    assert seen[-1].request_counts.model_dump() == {"total": 6, "completed": 6, "failed": 0}
    assert seen[-1].metadata == {"run": "r", "chunk": "1"}
    assert seen[-1].expires_at - seen[-1].created_at == 24 * 3600
    stamps = [
        getattr(seen[-1], f"{step}_at") for step in ("in_progress", "finalizing", "completed")
    ]
    assert seen[-1].created_at <= stamps[0] <= stamps[1] <= stamps[2]
    assert _contents(lines) == online
    assert [line["custom_id"] for line in lines] == [f"q-{number}" for number in range(6)]
    assert all(line["response"]["status_code"] == 200 and line["error"] is None for line in lines)
    assert all(("id" in line) == (dialect == "openai") for line in lines)


def test_usage_is_told_at_the_end_as_the_lines_tell_it(connect: Any) -> None:
    """An OpenAI batch's usage is the sum over its lines."""
    with ScriptedServer(Script(cached_tokens=5)) as server:
        customer = connect(server)
        batch = customer.create(TEXTS)
        assert batch.usage is None
        batch = customer.end(batch)
        usages = [line["response"]["body"]["usage"] for line in customer.read(batch.output_file_id)]
    assert batch.model == "m"
    assert batch.usage.input_tokens == sum(usage["prompt_tokens"] for usage in usages)
    assert batch.usage.output_tokens == sum(usage["completion_tokens"] for usage in usages)
    assert batch.usage.total_tokens == sum(usage["total_tokens"] for usage in usages)
    assert batch.usage.input_tokens_details.cached_tokens == 30


def test_lines_that_fail_stand_in_the_error_file(connect: Any) -> None:
    """Faults, refused bodies and broken connections keep their line's status and error."""
    faults = [
        Fault("content_filter", containing="0 birds"),
        Fault("reset", containing="1 birds"),
        Fault("bad_gateway", containing="2 birds"),
        Fault("finish_length", containing="3 birds"),
    ]
    with ScriptedServer(Script(faults=faults)) as server:
        customer = connect(server)
        batch = customer.end(customer.create([*TEXTS, customer.line("bad", "x", stream=True)]))
        outputs = customer.read(batch.output_file_id)
        errors = {line["custom_id"]: line for line in customer.read(batch.error_file_id)}
        log = server.log
    assert [line["custom_id"] for line in outputs] == ["q-3", "q-4", "q-5"]
    assert outputs[0]["response"]["body"]["choices"][0]["finish_reason"] == "length"
    assert set(errors) == {"q-0", "q-1", "q-2", "bad"}
    assert errors["q-0"]["response"]["status_code"] == 400
    assert errors["q-0"]["response"]["body"]["error"]["code"] == "content_filter"
    assert errors["q-0"]["error"] is None
    assert errors["q-1"]["response"] is None
    assert errors["q-1"]["error"]["code"] == "server_error"
    assert "502" in errors["q-2"]["response"]["body"]
    assert errors["bad"]["response"]["status_code"] == 400
    assert batch.request_counts.model_dump() == {"total": 7, "completed": 3, "failed": 4}
    assert log.query(TEXTS[0]).faults == ("content_filter",)
    assert [log.batches.line(f"q-{number}").billed for number in range(5)] == [0, 0, 0, 1, 1]
    assert [log.batches.line(f"q-{number}").answered for number in range(5)] == [0, 0, 0, 0, 1]


def test_what_is_answered_twice_shows_in_the_log(connect: Any, ask: Any) -> None:
    """A query counts as answered again whether it came alone, in one batch, or in two."""
    with ScriptedServer() as server:
        customer = connect(server)
        file = customer.upload(TEXTS)
        for run in ("a", "b"):
            customer.end(customer.order(file.id, metadata={"run": run}))
        ask(server, "Alone.")
        log = server.log
        seen = log.as_json(each_query=True)
    sha256 = hashlib.sha256(b"").hexdigest()
    assert log.requests == log.successes == 1
    assert (log.query(TEXTS[0]).seen, log.query(TEXTS[0]).answered) == (2, 2)
    assert log.batches.uploads == 1
    assert log.batches.creates == 2
    assert log.batches.creates_of(log.batches.batches()[0].input_sha256) == 2
    assert (log.batches.creates_of(sha256), log.batches.uploads_of(sha256)) == (0, 0)
    assert log.batches.creates_with(run="a") == 1
    assert log.batches.creates_with() == 2
    line = log.batches.line("q-0")
    assert (line.taken, line.billed, line.answered, len(line.keys)) == (2, 2, 2, 1)
    assert [(batch.status, batch.lines, batch.billed) for batch in log.batches.batches()] == [
        ("completed", 6, 6)
    ] * 2
    assert seen["queries_answered_again"] == 6
    assert seen["batches"]["custom_ids_billed_again"] == 6
    assert seen["batches"]["calls"]["find_batch"] == 6
    assert [batch["metadata"] for batch in seen["batches"]["each_batch"]] == [
        {"run": "a"},
        {"run": "b"},
    ]
    assert len(seen["batches"]["each_line"]) == 6


@pytest.mark.parametrize("dialect", DIALECTS)
def test_files_are_kept_listed_and_deleted(connect: Any, dialect: str) -> None:
    """A file can be found by id and by list, in pages, until it is deleted."""
    with ScriptedServer() as server:
        customer = connect(server, dialect)
        files = [customer.upload([text]) for text in TEXTS[:5]]
        client = customer.client
        assert client.files.retrieve(files[0].id) == files[0]
        assert files[0].bytes == len(customer.download(files[0].id))
        assert (files[0].filename, files[0].purpose) == ("input.jsonl", "batch")
        newest_first = [file.id for file in reversed(files)]
        assert [file.id for file in client.files.list(limit=2)] == newest_first
        assert [file.id for file in client.files.list(order="asc")] == newest_first[::-1]
        assert len(client.files.list(limit=2).data) == 2
        customer.end(customer.order(files[0].id))
        purposes = [file.purpose for file in client.files.list(purpose="batch_output")]
        assert purposes == ["batch_output"]
        client.files.delete(files[0].id)
        for act in (client.files.retrieve, client.files.content, client.files.delete):
            with pytest.raises(openai.NotFoundError):
                act(files[0].id)
        with pytest.raises(openai.NotFoundError):
            customer.order(files[0].id)
        assert server.log.batches.deletes == 1


def test_batches_are_listed_newest_first_in_pages(connect: Any) -> None:
    """All pages together hold each batch once, newest first; listing is no look."""
    with ScriptedServer() as server:
        customer = connect(server)
        file = customer.upload(TEXTS[:1])
        made = [customer.order(file.id).id for _ in range(25)]
        listed = list(customer.client.batches.list())
        assert [batch.id for batch in listed] == made[::-1]
        assert {batch.status for batch in listed} == {"validating"}
        page = customer.client.batches.list(limit=10, after=made[5])
        assert [batch.id for batch in page.data] == made[4::-1]
        assert not page.has_more
        for wrong in ({"limit": 101}, {"after": "batch_never"}):
            with pytest.raises(openai.BadRequestError):
                customer.client.batches.list(**wrong)


@given(size=st.integers(0, 30), limit=st.integers(1, 12))
def test_pages_hold_everything_once(size: int, limit: int) -> None:
    """Following `after` from page to page gives the whole list, whatever the limit."""
    values = [{"id": str(number)} for number in range(size)]
    query, pages = {"limit": str(limit)}, []
    while True:
        page = cut_page(values, query, Circumstances(dialect="openai"), default=5, most=12)
        pages.append(page["data"])
        if not page["has_more"]:
            break
        query["after"] = page["last_id"]
    assert [value for page in pages for value in page] == values
    assert all(len(page) == limit for page in pages[:-1])


def test_new_things_may_be_listed_late(connect: Any) -> None:
    """What is new is left out of the first listings after it, though its id is known."""
    script = Script(batches=Batches(batches_unlisted_for=2, files_unlisted_for=1))
    with ScriptedServer(script) as server:
        customer = connect(server)
        batch = customer.create(TEXTS)
        batches = [len(customer.client.batches.list().data) for _ in range(4)]
        files = [len(customer.client.files.list().data) for _ in range(3)]
        assert customer.look(batch).id == batch.id
    assert batches == [0, 0, 1, 1]
    assert files == [0, 1, 1]


def test_time_may_be_seconds_of_a_clock(connect: Any) -> None:
    """With seconds, statuses and answers follow the clock, and so do the ends of files."""
    now = [1_000_000.0]
    batches = Batches(by="seconds", validating=10, running=100, finalizing=5, clock=lambda: now[0])
    with ScriptedServer(Script(batches=batches)) as server:
        customer = connect(server)
        file = customer.upload(TEXTS, expires_after={"anchor": "created_at", "seconds": 3600})
        expiry = {"anchor": "created_at", "seconds": 7200}
        batch = customer.order(file.id, output_expires_after=expiry)
        shown = []
        for at in (0, 9, 60, 111, 115):
            now[0] = 1_000_000.0 + at
            batch = customer.look(batch)
            shown.append((batch.status, batch.request_counts.completed))
        now[0] = 1_003_600.0
        with pytest.raises(openai.NotFoundError):
            customer.client.files.retrieve(file.id)
        assert len(customer.read(batch.output_file_id)) == 6
        now[0] = 1_007_315.0
        with pytest.raises(openai.NotFoundError):
            customer.download(batch.output_file_id)
        assert customer.client.files.list().data == []
    assert shown == [
        ("validating", 0),
        ("validating", 0),
        ("in_progress", 3),
        ("finalizing", 6),
        ("completed", 6),
    ]
    assert (batch.created_at, batch.completed_at) == (1_000_000, 1_000_115)


def test_files_can_be_made_to_expire(connect: Any) -> None:
    """All files of a purpose are gone at a word; the batch still names them."""
    with ScriptedServer() as server:
        customer = connect(server)
        file = customer.upload(TEXTS)
        batch = customer.end(customer.order(file.id))
        server.expire_files("batch_output")
        assert customer.client.files.retrieve(file.id) == file
        with pytest.raises(openai.NotFoundError):
            customer.download(customer.look(batch).output_file_id)
        server.expire_files()
        assert customer.client.files.list().data == []


def test_wrong_calls_are_refused(connect: Any) -> None:
    """What no provider takes is 400, an unknown id 404, a wrong key 401, with nothing changed."""
    with ScriptedServer() as server:
        customer = connect(server)
        client, azure = customer.client, connect(server, "azure").client
        content = ("input.jsonl", b"{}")
        expiry = {"anchor": "created_at", "seconds": 3600}
        for wrong in (
            lambda: client.files.create(file=content, purpose="fine-tune"),
            lambda: client.files.create(file=("input.txt", b"{}"), purpose="batch"),
            lambda: azure.files.create(file=content, purpose="batch", expires_after=expiry),
        ):
            with pytest.raises(openai.BadRequestError):
                wrong()
        assert server.log.batches.uploads == 0
        file = customer.upload(TEXTS)
        good = {
            "input_file_id": file.id,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        }
        for wrong in (
            {"endpoint": "/v1/embeddings"},
            {"completion_window": "1h"},
            {"metadata": {str(number): "x" for number in range(17)}},
            {"metadata": {"long": "x" * 513}},
        ):
            with pytest.raises(openai.BadRequestError):
                client.batches.create(**good | wrong)
        for act in (client.batches.retrieve, client.batches.cancel):
            with pytest.raises(openai.NotFoundError):
                act("batch_never")
        server.play(Script(api_keys={"other"}))
        with pytest.raises(openai.AuthenticationError):
            client.batches.create(**good)
        assert server.log.batches.creates == 0


def test_files_and_batches_outlive_a_script(connect: Any) -> None:
    """Another script finds the files and batches there; a batch keeps its own pace."""
    with ScriptedServer(Script(batches=Batches(running=2))) as server:
        customer = connect(server)
        batch = customer.create(TEXTS)
        server.play(Script(answer="Later.", batches=Batches(running=9)))
        statuses = [customer.look(batch).status for _ in range(4)]
        batch = customer.look(batch)
        assert set(_contents(customer.read(batch.output_file_id)).values()) == {"Later."}
    assert statuses == ["in_progress", "in_progress", "finalizing", "completed"]


def test_an_outage_holds_these_routes_too(connect: Any) -> None:
    """During a refusing pause no batch can be made; afterwards all is there."""
    with ScriptedServer() as server:
        customer = connect(server)
        file = customer.upload(TEXTS)
        server.pause(refuse=True)
        with pytest.raises(openai.APIConnectionError):
            customer.order(file.id)
        server.resume()
        assert customer.client.batches.list().data == []
        assert customer.order(file.id).status == "validating"


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda: BatchEnding("done"), "done"),  # type: ignore[arg-type]
        (lambda: BatchEnding("expired", done=1.5), "1.5"),
        (lambda: RouteFault("explode", "create"), "explode"),  # type: ignore[arg-type]
        (lambda: RouteFault("lost", "destroy"), "destroy"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_exist_is_told_where_it_is_written(
    write: Callable[[], object], told: str
) -> None:
    """A misspelt ending, fault or route, and a share beyond one, raise at once."""
    with pytest.raises(ValueError, match=told):
        write()
