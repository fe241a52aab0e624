from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from inspect import ismodule
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

import syphus.testing
from syphus.testing import Fault, Limits, Script, ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path


def _get(url: str) -> tuple[int, Any]:
    async def fetch() -> tuple[int, Any]:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, orjson.loads(await response.read())

    return asyncio.run(fetch())


def _wait_for(condition: Any) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_public_names_are_sorted_and_exist() -> None:
    """`__all__` is sorted, constants and types first, and is all that the package offers."""
    names = syphus.testing.__all__
    offered = {name for name, value in vars(syphus.testing).items() if not ismodule(value)}
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert set(names) == {name for name in offered if not name.startswith("_")}


def test_the_openai_client_understands_it() -> None:
    """OpenAI's own client, in both dialects, reads answers and errors as a provider's."""
    import openai  # noqa: PLC0415 - slow to import

    asked: Any = [{"role": "user", "content": "A dog."}]
    script = Script(api_keys={"good"}, models={"m"})
    with ScriptedServer(script) as server:
        common: dict[str, Any] = {"api_key": "good", "max_retries": 0}
        with openai.OpenAI(base_url=server.base_url, **common) as client:
            answer = client.chat.completions.create(model="m", messages=asked)
            assert [model.id for model in client.models.list()] == ["m"]
            with pytest.raises(openai.NotFoundError) as missing:
                client.chat.completions.create(model="other", messages=asked)
        with openai.AzureOpenAI(
            azure_endpoint=server.azure_endpoint, api_version="2024-10-21", **common
        ) as client:
            azure = client.chat.completions.create(model="m", messages=asked)
        with (
            openai.OpenAI(base_url=server.base_url, api_key="bad", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.chat.completions.create(model="m", messages=asked)
    assert missing.value.code == "model_not_found"
    assert answer.choices[0].message.content == azure.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


def test_keys_are_checked_in_both_headers(ask: Any) -> None:
    """A key counts as bearer or api-key; a wrong token on Azure is an expired one."""
    with ScriptedServer(Script(api_keys={"k"})) as server:
        statuses = [
            ask(server, headers=headers, dialect=dialect).status
            for dialect in ("openai", "azure")
            for headers in ({"api-key": "k"}, {"Authorization": "Bearer k"}, {"api-key": "x"}, {})
        ]
        token = ask(server, headers={"Authorization": "Bearer old"}, dialect="azure")
    assert statuses == [200, 200, 401, 401] * 2
    assert token.error["code"] == "Unauthorized"


def test_wrong_requests_are_refused_as_a_provider_would(ask: Any) -> None:
    """Bad bodies are 400, unknown addresses and a missing api-version 404, with an error object."""
    with ScriptedServer() as server:
        assert ask(server, messages="hello").status == 400
        assert ask(server, model=None).status == 400
        assert ask(server, stream=True).status == 400
        assert ask(server, max_tokens=0).status == 400
        status, body = _get(f"{server.base_url}/nothing")
        assert (status, set(body["error"])) == (404, {"message", "type", "param", "code"})
        status, body = _get(f"{server.azure_endpoint}/openai/nothing")
        assert (status, body["error"]["code"]) == (404, "404")
        server.play(Script(models=["b", "a"]))
        for path in ("/v1/models", "/openai/v1/models", "/openai/models?api-version=x"):
            status, body = _get(server.azure_endpoint + path)
            assert [model["id"] for model in body["data"]] == ["a", "b"]


def test_azure_needs_its_api_version() -> None:
    """A deployment's address without api-version does not exist."""

    async def post(url: str) -> int:
        body = {"messages": [{"role": "user", "content": "x"}]}
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
            return response.status

    with ScriptedServer() as server:
        url = f"{server.azure_endpoint}/openai/deployments/d/chat/completions"
        assert asyncio.run(post(url)) == 404
        assert asyncio.run(post(f"{url}?api-version=2024-10-21")) == 200


def test_the_log_counts_what_happened(ask_all: Any) -> None:
    """Arrivals, answers, faults, the most in flight and each query are counted."""
    texts = ["a", "b", "c", "a"]
    script = Script(latency=0.1, faults=[Fault("conflict", containing="b")])
    with ScriptedServer(script) as server:
        before = time.monotonic()
        ask_all(server, texts, headers={"User-Agent": "me/1", "Authorization": "Bearer hidden"})
        log = server.log
        status, seen = _get(f"{server.azure_endpoint}/_seen?each_query")
    assert (log.requests, log.successes, log.rate_limited) == (4, 3, 0)
    assert (log.in_flight, log.most_in_flight) == (0, 4)
    assert before <= log.first_arrival <= log.last_arrival <= time.monotonic()
    assert log.statuses == {200: 3, 409: 1}
    assert log.user_agents == {"me/1": 4}
    assert (log.query("a").seen, log.query("a").answered) == (2, 2)
    assert log.query("b").faults == ("conflict",)
    assert log.query("never") == syphus.testing.QuerySeen(key="", text="never")
    assert status == 200
    assert (seen["queries"], seen["queries_seen_again"], seen["queries_answered"]) == (3, 1, 2)
    assert sum(seen["admitted_each_second"]) == 4
    assert {query["text"] for query in seen["each_query"]} == {"a", "b", "c"}
    assert b"hidden" not in orjson.dumps(seen)


def test_an_answer_that_was_read_is_counted(ask: Any) -> None:
    """Whoever has read an answer finds it in the log, without waiting."""
    with ScriptedServer() as server:
        for number in range(1, 101):
            ask(server)
            assert server.log.successes == number


def test_the_log_file_has_a_line_a_request(ask_all: Any, tmp_path: Path) -> None:
    """Each request adds its key, its time and its fault; refusals by limits are named."""
    file = tmp_path / "log"
    script = Script(
        limits=Limits(requests_per_minute=12, window=10), faults=[Fault("conflict", at={2})]
    )
    with ScriptedServer(script, log_file=file) as server:
        ask_all(server, ["a", "b", "c"], at_once=1)
        keys = [query.key for query in server.log.queries()]
    lines = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    assert [line["fault"] for line in lines] == [None, "conflict", "limit"]
    assert [line["key"] for line in lines] == keys
    assert all(abs(line["time"] - time.time()) < 60 for line in lines)


def test_latency_is_kept_and_drawn(ask_all: Any) -> None:
    """No answer comes before the latency, fixed or drawn between two bounds."""
    for latency in (0.1, (0.1, 0.15)):
        with ScriptedServer(Script(latency=latency)) as server:
            begin = time.monotonic()
            ask_all(server, ["a", "b"])
            assert time.monotonic() - begin >= 0.1


def test_a_pause_holds_requests(ask: Any) -> None:
    """During a pause nothing is answered; afterwards what was held is."""
    with ScriptedServer() as server, ThreadPoolExecutor(1) as pool:
        server.pause()
        asked = pool.submit(ask, server)
        _wait_for(lambda: server.log.in_flight == 1)
        assert server.log.successes == 0
        server.play(Script(answer="late"))
        server.resume()
        assert asked.result(5).content == "late"


def test_an_outage_refuses_connections(ask: Any) -> None:
    """A refusing pause drops what is in flight and refuses what comes, at the same address."""
    with ScriptedServer(Script(latency=30)) as server, ThreadPoolExecutor(1) as pool:
        url = server.base_url
        asked = pool.submit(ask, server)
        _wait_for(lambda: server.log.in_flight == 1)
        server.pause(refuse=True)
        with pytest.raises(aiohttp.ClientConnectionError):
            asked.result(5)
        with pytest.raises(aiohttp.ClientConnectorError):
            ask(server)
        server.play(Script())
        server.resume()
        assert server.base_url == url
        assert ask(server).status == 200


def test_leaving_the_block_stops_everything(ask: Any) -> None:
    """What is in flight is dropped, the thread ends, the port is free, the log can be read."""
    with ThreadPoolExecutor(1) as pool:
        with ScriptedServer(Script(faults=[Fault("stall")])) as server:
            port = server.port
            asked = pool.submit(ask, server)
            _wait_for(lambda: server.log.in_flight == 1)
        with pytest.raises(aiohttp.ClientConnectionError):
            asked.result(5)
    assert server.log.requests == 1
    assert not any(thread.name == "scripted-server" for thread in threading.enumerate())
    with ScriptedServer(port=port) as server:
        assert server.port == port
        assert ask(server).status == 200
        with pytest.raises(OSError, match="in use"), ScriptedServer(port=port):
            pass
