"""Single calls of the endpoint, answered by hand."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from syphus.backends.batch.client import connect
from syphus.backends.batch.remote import Remote
from syphus.core.errors import (
    JournalWriteFailed,
    MalformedReply,
    RateLimited,
    RequestError,
    UnknownDeployment,
)

NOW = 1_700_000_000.0
BATCH = {"id": "batch_1", "status": "in_progress", "created_at": NOW}
CALLS = ("batch", "create", "upload", "download", "delete", "cancel")


def _reply(value: Any) -> web.Response:
    return web.Response(text=json.dumps(value), content_type="application/json")


def _call(remote: Remote, name: str, folder: Path) -> Coroutine[Any, Any, Any]:
    path = folder / "a.jsonl"
    path.write_bytes(b"{}\n")
    calls = {
        "batch": lambda: remote.batch("batch_1"),
        "create": lambda: remote.create("file-1", metadata={}),
        "upload": lambda: remote.upload(path, name="a.jsonl"),
        "download": lambda: remote.download("file-1", folder / "out", most=1 << 20),
        "delete": lambda: remote.delete("file-1"),
        "cancel": lambda: remote.cancel("batch_1"),
    }
    return calls[name]()


@pytest.fixture
def ask(kit: Any) -> Callable[..., Any]:
    """Runs `act` with a Remote whose every call `handler` answers; `settings` are the Remote's."""

    def run(handler: Any, act: Callable[[Remote], Any], **settings: Any) -> Any:
        async def go() -> Any:
            async with kit.serve(handler) as address:
                client = connect(kit.deployment(base_url=f"{address}/v1"), timeout=5)
                remote = Remote(client, timeout=settings.pop("timeout", 5), **settings)
                try:
                    return await act(remote)
                finally:
                    await client.sdk.close()

        return asyncio.run(go())

    return run


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("spelling", "seconds"), [("seconds", 900.0), ("ms", 61.5), ("date", 3600.0)]
)
def test_a_long_retry_after_is_kept_in_full(
    ask: Any, tmp_path: Path, name: str, *, spelling: str, seconds: float
) -> None:
    """Whatever was called and however it is spelled, no call is due before the time has passed."""
    slept: list[float] = []
    now = [0.0]

    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        header = {
            "seconds": {"Retry-After": f"{seconds:g}"},
            "ms": {"retry-after-ms": f"{seconds * 1000:g}"},
            # A minute of room for a machine that stops.
            "date": {"Retry-After": formatdate(time.time() + seconds, usegmt=True)},
        }[spelling]
        return web.Response(status=429, headers=header)

    async def sleep(length: float) -> None:
        slept.append(length)

    async def act(remote: Remote) -> None:
        with pytest.raises(RateLimited):
            await _call(remote, name, tmp_path)
        room = 60.0 if spelling == "date" else 0.01
        assert remote.rests
        now[0] = seconds - room
        assert remote.rests
        now[0] = seconds + 0.01
        assert not remote.rests

    ask(refuse, act, sleep=sleep, clock=lambda: now[0])
    assert not slept


@pytest.mark.parametrize("name", ["batch", "download", "delete", "cancel"])
def test_a_short_retry_after_is_the_least_that_is_waited(
    ask: Any, tmp_path: Path, name: str
) -> None:
    """Up to a minute is waited on the spot, and never less than was asked for."""
    slept: list[float] = []
    left = [3]

    async def refuse(_: web.Request) -> web.Response:
        left[0] -= 1
        if left[0] < 0:
            return _reply(BATCH)
        return web.Response(status=503, headers={"Retry-After": "59"})

    async def sleep(length: float) -> None:
        slept.append(length)

    ask(refuse, lambda remote: _call(remote, name, tmp_path), sleep=sleep)
    assert len(slept) == 3
    assert min(slept) >= 59


@pytest.mark.parametrize("said", ["soon", "-5", "nan", "1e9", "Mon, 99 Foo 2020", "", "٣"])
def test_nonsense_in_retry_after_is_ignored(ask: Any, tmp_path: Path, said: str) -> None:
    """What is no time asks for nothing."""

    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=503, headers={"Retry-After": said, "retry-after-ms": said})

    async def act(remote: Remote) -> None:
        with pytest.raises(RequestError):
            await _call(remote, "create", tmp_path)
        assert not remote.rests

    ask(refuse, act)


@pytest.mark.parametrize("body", ["{}", "[]", '{"data": null}', "<html>Log in</html>", ""])
@pytest.mark.parametrize("name", ["batches", "files"])
def test_what_is_no_list_is_no_empty_list(ask: Any, name: str, body: str) -> None:
    """A gateway's page in place of a list would have a paid batch created again."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    async def act(remote: Remote) -> None:
        with pytest.raises(MalformedReply):
            await (
                remote.batches(since=NOW) if name == "batches" else remote.files(name="a", size=1)
            )

    ask(answer, act, sleep=lambda _: asyncio.sleep(0))


@pytest.mark.parametrize("tells", [{}, {"has_more": True}, {"has_more": None}])
def test_a_list_that_gives_the_same_page_again_ends(ask: Any, tells: dict[str, Any]) -> None:
    """Where nothing is said of further pages, or a lie, what was seen once is seen once."""
    pages = []

    async def answer(request: web.Request) -> web.Response:
        pages.append(request.query.get("after"))
        assert len(pages) < 5
        data = [{"id": f"batch_{n}", "created_at": NOW, "status": "completed"} for n in range(3)]
        return _reply({"data": data} | tells)

    found = ask(answer, lambda remote: remote.batches(since=NOW))
    assert sorted(batch.id for batch in found) == ["batch_0", "batch_1", "batch_2"]
    assert pages == [None, "batch_2"]


def test_a_list_goes_on_where_it_doesnt_say_that_it_ends(ask: Any) -> None:
    """Azure's older versions leave has_more out: pages are asked for until none is new."""

    async def answer(request: web.Request) -> web.Response:
        first = int(request.query.get("after", "batch_0").removeprefix("batch_")) + 1
        names = [f"batch_{number}" for number in range(first, min(first + 3, 8))]
        return _reply({"data": [{"id": name} for name in names]})

    found = ask(answer, lambda remote: remote.batches(since=NOW))
    assert sorted(batch.id for batch in found) == [f"batch_{n}" for n in range(1, 8)]


def test_garbage_in_a_list_hides_no_batch(ask: Any) -> None:
    """Entries without an id, of any type, and a batch without a time, are no reason to see none."""
    odd: list[Any] = [None, 7, "batch_0", {}, {"id": 3}, {"id": ""}, {"id": "a\nb"}, []]
    ours = {"id": "batch_1", "created_at": None, "metadata": {"run": "r", "n": 1}}

    async def answer(_: web.Request) -> web.Response:
        return _reply({"data": [*odd, ours, *odd], "has_more": False})

    (found,) = ask(answer, lambda remote: remote.batches(since=NOW))
    assert (found.id, found.metadata) == ("batch_1", {"run": "r"})


def test_a_clock_that_is_wrong_hides_no_batch(ask: Any) -> None:
    """A batch that seems older than what is looked for is shown all the same."""

    async def answer(_: web.Request) -> web.Response:
        return _reply({"data": [BATCH], "has_more": False})

    (found,) = ask(answer, lambda remote: remote.batches(since=NOW + 1e8))
    assert found.id == "batch_1"


def test_an_answer_about_another_batch_is_refused(ask: Any) -> None:
    """Another batch's end is never taken for this one's."""

    async def answer(_: web.Request) -> web.Response:
        return _reply(BATCH | {"id": "batch_2", "status": "completed"})

    async def act(remote: Remote) -> None:
        with pytest.raises(MalformedReply, match="another"):
            await remote.batch("batch_1")

    ask(answer, act, sleep=lambda _: asyncio.sleep(0))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", ["download", "batch", "upload"])
def test_a_redirect_takes_the_key_nowhere(
    ask: Any, kit: Any, tmp_path: Path, status: int, name: str
) -> None:
    """A redirect to another host isn't followed; it is told, and what stands there isn't taken."""
    visits: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        visits.append(request.headers.get("Authorization", ""))
        return web.Response(text="{}")

    async def act(remote: Remote) -> None:
        with pytest.raises(UnknownDeployment, match="redirects"):
            await _call(remote, name, tmp_path)

    async def go() -> None:
        async with kit.serve(elsewhere) as other:

            async def redirect(request: web.Request) -> web.Response:
                await request.read()
                place = other.replace("127.0.0.1", "localhost")
                return web.Response(status=status, headers={"Location": f"{place}/v1/x"})

            await asyncio.to_thread(ask, redirect, act)

    asyncio.run(go())
    assert not visits


def test_a_packed_download_is_unpacked(ask: Any, tmp_path: Path) -> None:
    """A gateway may send gzip: what counts are the bytes of the file itself."""
    data = b'{"custom_id":"q-1"}\r\n' * 1000

    async def answer(_: web.Request) -> web.Response:
        packed = gzip.compress(data)
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    size = ask(answer, lambda remote: remote.download("file-1", tmp_path / "out", most=1 << 20))
    assert size == len(data)
    assert (tmp_path / "out").read_bytes() == data


def test_a_download_without_end_is_left(ask: Any, tmp_path: Path) -> None:
    """An endpoint that tells no size and goes on for ever fills no disk."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b"{}\n" * 10_000)
        return response

    size = ask(answer, lambda remote: remote.download("f", tmp_path / "out", most=100_000))
    assert 100_000 < size == (tmp_path / "out").stat().st_size


def test_a_full_disk_ends_a_download(ask: Any) -> None:
    """A disk that refuses a part of a file is no trouble of the endpoint's, to be tried again."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b"{}\n" * 1000)

    async def act(remote: Remote) -> None:
        with pytest.raises(JournalWriteFailed):
            await remote.download("file-1", Path("/dev/full"), most=1 << 20)

    ask(answer, act)


def test_a_call_that_trickles_is_given_up(ask: Any) -> None:
    """A byte now and then keeps no call alive beyond its whole time."""
    done = asyncio.Event()

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not done.is_set():
            await response.write(b" ")
            await asyncio.sleep(0.01)
        return response

    async def act(remote: Remote) -> None:
        async with asyncio.timeout(60):
            with pytest.raises(RequestError, match="no whole answer"):
                await remote.create("file-1", metadata={})
        done.set()

    ask(trickle, act, timeout=0.2)
