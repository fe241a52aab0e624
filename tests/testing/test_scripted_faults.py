from __future__ import annotations

import json
import math
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, get_args

import aiohttp
import orjson
import pytest

from syphus.testing import FAULT_KINDS, Fault, Script, ScriptedServer
from syphus.testing.faults import StatusFault

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = [f"A picture with {number} birds over a field of wheat." for number in range(60)]

# kind: status, OpenAI's code, Azure's code
STATUSES = {
    "bad_request": (400, None, "BadRequest"),
    "content_filter": (400, "content_filter", "content_filter"),
    "context_length": (400, "context_length_exceeded", "context_length_exceeded"),
    "unsupported_parameter": (400, "unsupported_parameter", "unsupported_parameter"),
    "invalid_api_key": (401, "invalid_api_key", "401"),
    "expired_token": (401, "token_expired", "Unauthorized"),
    "forbidden": (403, "access_denied", "403"),
    "not_found": (404, "model_not_found", "DeploymentNotFound"),
    "request_timeout": (408, None, "Timeout"),
    "conflict": (409, "conflict", "Conflict"),
    "rate_limited": (429, "rate_limit_exceeded", "429"),
    "insufficient_quota": (429, "insufficient_quota", "insufficient_quota"),
    "server_error": (500, None, "InternalServerError"),
    "unavailable": (503, "overloaded", "ServiceUnavailable"),
}


def _finishes(reason: str) -> Callable[[Any], bool]:
    return lambda one: one.value["choices"][0]["finish_reason"] == reason and len(one.content) > 10


def _is_refused_by(
    loads: Callable[[bytes], Any], *errors: type[Exception]
) -> Callable[[Any], bool]:
    def check(one: Any) -> bool:
        with pytest.raises(errors):
            loads(one.body)
        return True

    return check


REPLIES: dict[str, Callable[[Any], bool]] = {
    "finish_length": _finishes("length"),
    "finish_content_filter": _finishes("content_filter"),
    "null_content": lambda one: one.content is None,
    "refusal": lambda one: one.content is None and one.value["choices"][0]["message"]["refusal"],
    "no_pairs": lambda one: "Question:" not in one.content and len(one.content) > 10,
    "lone_surrogate": lambda one: (
        b"\\ud800" in one.body
        and "\ud800" in json.loads(one.body)["choices"][0]["message"]["content"]
        and _is_refused_by(orjson.loads, orjson.JSONDecodeError)(one)
    ),
    "u2028": lambda one: "\u2028" in one.content and "\u2028".encode() in one.body,
    "nul": lambda one: "\0" in one.content,
    "deep_nesting": lambda one: one.content == "[" * 10_000 + "]" * 10_000,
    "huge": lambda one: 1_000_000 <= len(one.content) < 1_001_000,
    "huge_number": _is_refused_by(json.loads, ValueError),
    "deep_nesting_body": _is_refused_by(json.loads, RecursionError),
    "not_utf8": _is_refused_by(bytes.decode, UnicodeDecodeError),
    "truncated_json": _is_refused_by(json.loads, ValueError),
    "html_200": lambda one: (
        one.headers["Content-Type"].startswith("text/html") and one.body.startswith(b"<!doctype")
    ),
    "empty_object": lambda one: one.value == {},
}
WIRES = {"reset", "close_after_post", "truncated_body", "trickle", "stall"}


def test_every_fault_is_tested_here() -> None:
    """The tables of this file name every kind that a script may play."""
    assert {*STATUSES, "bad_gateway", *REPLIES, *WIRES} == set(FAULT_KINDS)
    assert {*STATUSES, "bad_gateway"} == set(get_args(StatusFault))


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_error_statuses_look_like_the_providers(ask: Any, dialect: str) -> None:
    """Each kind gives its status and its code, in the shape of the route's provider."""
    with ScriptedServer() as server:
        for kind, (status, openai_code, azure_code) in STATUSES.items():
            server.play(Script(faults=[Fault(kind)]))
            answered = ask(server, dialect=dialect)
            assert (answered.status, answered.error["code"]) == (
                status,
                azure_code if dialect == "azure" else openai_code,
            )
            assert answered.error["message"]
            assert "{" not in answered.error["message"]
            if dialect == "openai":
                assert set(answered.error) == {"message", "type", "param", "code"}
        assert server.log.faults == dict.fromkeys(STATUSES, 1)
        assert server.log.successes == 0


def test_error_bodies_say_what_clients_look_for(ask: Any) -> None:
    """The filter's inner error, the refused key, the 502 page and the param are there."""
    with ScriptedServer(Script(faults=[Fault("content_filter")])) as server:
        filtered = ask(server, dialect="azure").error
        server.play(Script(faults=[Fault("invalid_api_key")]))
        echoed = ask(server, headers={"Authorization": "Bearer sk-my-secret"}).error
        server.play(Script(faults=[Fault("bad_gateway")]))
        gateway = ask(server)
        server.play(Script(faults=[Fault("unsupported_parameter", param="temperature")]))
        unsupported = ask(server).error
        seen = orjson.dumps(server.log.as_json(each_query=True))
    assert filtered["innererror"]["code"] == "ResponsibleAIPolicyViolation"
    assert "sk-my-secret" in echoed["message"]
    assert b"sk-my-secret" not in seen
    assert (gateway.status, gateway.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert unsupported["param"] == "temperature"


def test_a_script_may_refuse_parameters(ask: Any) -> None:
    """A request with a refused parameter is told which; without it, it is answered."""
    with ScriptedServer(Script(refuses={"max_tokens"})) as server:
        refused = ask(server, max_tokens=5)
        assert (refused.status, refused.error["param"]) == (400, "max_tokens")
        assert refused.error["code"] == "unsupported_parameter"
        assert ask(server, max_completion_tokens=5).status == 200


def test_retry_after_has_many_spellings(ask: Any) -> None:
    """The time to come back is told in milliseconds, seconds, as a date, as nonsense, or not."""

    def headers(**told: Any) -> Any:
        server.play(Script(faults=[Fault("rate_limited", **told)]))
        return ask(server).headers

    with ScriptedServer() as server:
        assert headers(retry_after=0.05, retry_after_as="ms")["retry-after-ms"] == "50"
        assert headers(retry_after=300)["retry-after"] == "300"
        assert headers(retry_after=-1)["retry-after"] == "-1"
        assert math.isnan(float(headers(retry_after=math.nan)["retry-after"]))
        date = headers(retry_after=30, retry_after_as="date")["retry-after"]
        assert 25 < parsedate_to_datetime(date).timestamp() - time.time() < 31
        assert not {"retry-after", "retry-after-ms"} & {name.lower() for name in headers()}


@pytest.mark.parametrize("kind", sorted(REPLIES))
def test_odd_replies_have_status_200(ask: Any, kind: Any) -> None:
    """Each odd reply comes whole, with status 200, and is odd in its own way."""
    with ScriptedServer(Script(faults=[Fault(kind, size=1_000_000)])) as server:
        answered = ask(server)
        assert answered.status == 200
        assert REPLIES[kind](answered)
        assert server.log.successes == 0
        assert server.log.query("A dog by a lake.").faults == (kind,)


@pytest.mark.parametrize("kind", ["lone_surrogate", "u2028", "nul"])
def test_odd_characters_keep_structured_answers_readable(ask: Any, kind: Any) -> None:
    """In JSON content an odd character stands inside a text, so that the content still parses."""
    with ScriptedServer(Script(faults=[Fault(kind)])) as server:
        answered = ask(server, response_format={"type": "json_object"})
    odd = {"lone_surrogate": "\ud800", "u2028": "\u2028", "nul": "\0"}[kind]
    pairs = json.loads(json.loads(answered.body)["choices"][0]["message"]["content"])["pairs"]
    assert any(odd in text for pair in pairs for text in pair.values())


def test_a_reset_is_a_reset(post_raw: Any) -> None:
    """The client's read fails with a reset, with no byte before it."""
    with ScriptedServer(Script(faults=[Fault("reset")])) as server:
        connection = post_raw(server.port)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_closing_after_the_post_gives_no_byte(post_raw: Any) -> None:
    """The connection ends in order, without an answer."""
    with ScriptedServer(Script(faults=[Fault("close_after_post")])) as server:
        assert post_raw(server.port).recv(1) == b""


def test_a_truncated_body_is_shorter_than_announced(ask: Any, post_raw: Any) -> None:
    """Fewer bytes come than Content-Length says, and a client notices."""
    with ScriptedServer(Script(faults=[Fault("truncated_body")])) as server:
        with post_raw(server.port).makefile("rb") as stream:
            head, _, body = stream.read().partition(b"\r\n\r\n")
        length = int(head.rpartition(b"Content-Length: ")[2])
        assert 0 < len(body) < length
        with pytest.raises(aiohttp.ClientPayloadError):
            ask(server)


@pytest.mark.parametrize("kind", ["trickle", "stall"])
def test_slow_servers_outlast_a_deadline(ask: Any, kind: Any) -> None:
    """Only a deadline ends it; then the request is no longer in flight, nor a success."""
    with ScriptedServer(Script(faults=[Fault(kind, pace=0.1)])) as server:
        with pytest.raises(TimeoutError):
            ask(server, deadline=0.35)
        end = time.monotonic() + 5
        while server.log.in_flight and time.monotonic() < end:
            time.sleep(0.01)
        assert server.log.in_flight == 0
        assert server.log.successes == 0


def test_a_trickle_is_a_few_bytes_and_a_stall_none(post_raw: Any) -> None:
    """A trickling body comes byte by byte, a stalled one not at all."""
    with ScriptedServer(Script(faults=[Fault("trickle", pace=0.05)])) as server:
        connection = post_raw(server.port)
        received = b""
        while len(received.partition(b"\r\n\r\n")[2]) < 3:
            received += connection.recv(1 << 16)
        assert len(received.partition(b"\r\n\r\n")[2]) < 100
        server.play(Script(faults=[Fault("stall")]))
        connection = post_raw(server.port)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def _faults_by_text(server: ScriptedServer) -> dict[str, tuple[str, ...]]:
    return {query.text: query.faults for query in server.log.queries()}


def test_rates_repeat_in_any_order(ask_all: Any) -> None:
    """The same queries meet the same faults at the same attempts, whatever order they come in."""
    script = Script(faults=[Fault("server_error", rate=0.2), Fault("conflict", rate=0.2)])
    with ScriptedServer(script) as one, ScriptedServer(script) as other:
        for texts in (TEXTS, TEXTS, TEXTS):
            ask_all(one, texts, at_once=1)
        ask_all(other, [text for text in reversed(TEXTS) for _ in range(3)], at_once=1)
        assert _faults_by_text(one) == _faults_by_text(other)
        played = sum(one.log.faults.values())
    assert 0.25 * 180 < played < 0.47 * 180  # 36 % expected; four standard deviations
    assert set(one.log.faults) == {"server_error", "conflict"}


def test_another_seed_gives_other_faults(ask_all: Any) -> None:
    """The seed decides which queries meet a fault."""
    met = []
    for seed in (1, 2):
        with ScriptedServer(Script(seed=seed, faults=[Fault("conflict", rate=0.5)])) as server:
            ask_all(server, TEXTS)
            met.append(_faults_by_text(server))
    assert met[0] != met[1]


def test_positions_decide_when(ask_all: Any) -> None:
    """A fault is played at its positions, at the first ones, and only within its bounds."""
    faults = [
        Fault("conflict", at={5}),
        Fault("server_error", first=2),
        Fault("unavailable", after=6, until=8),
    ]
    with ScriptedServer(Script(faults=faults)) as server:
        statuses = [one.status for one in ask_all(server, TEXTS[:10], at_once=1)]
        server.play(Script(faults=faults))
        again = [one.status for one in ask_all(server, TEXTS[:2], at_once=1)]
    assert statuses == [500, 500, 200, 200, 409, 200, 503, 503, 200, 200]
    assert again == [500, 500]


def test_a_query_meets_a_fault_so_often_at_most(ask_all: Any) -> None:
    """`per_query_at_most` bounds a fault for each query, `containing` chooses the queries."""
    fault = Fault("conflict", containing="3 birds", per_query_at_most=2)
    with ScriptedServer(Script(faults=[fault])) as server:
        statuses = [one.status for one in ask_all(server, TEXTS[2:5] * 3, at_once=1)]
    assert statuses == [200, 409, 200, 200, 409, 200, 200, 200, 200]


@pytest.mark.parametrize("wrong", [{"kind": "explode"}, {"kind": "reset", "rate": 1.5}])
def test_nonsense_is_refused(wrong: Any) -> None:
    """An unknown kind or an impossible rate is an error where it is written."""
    with pytest.raises(ValueError, match=r"explode|1\.5"):
        Fault(**wrong)
