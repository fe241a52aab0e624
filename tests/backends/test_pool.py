"""Connections are kept warm, used one exchange at a time, and never trusted blindly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from syphus.backends.transport import reading
from syphus.backends.transport.errors import (
    ConnectionLost,
    DeadlinePassed,
    NoConnection,
    TransportError,
    UnreadableAnswer,
)
from syphus.backends.transport.pool import Pool
from syphus.backends.transport.reading import Answer
from syphus.backends.transport.route import Route

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Run = Callable[[Any], Any]


class Client:
    """A pool, and a short way to ask."""

    def __init__(self, port: int, connections: int) -> None:
        url = f"http://127.0.0.1:{port}/v1"
        route = Route.to(url)
        self.pool = Pool(route, connections=connections, connect_timeout=10)
        self.head = route.head("POST", url, {})

    async def ask(self, body: bytes = b"{}", *, most: int = 1 << 20, seconds: float = 60) -> Answer:
        deadline = asyncio.get_running_loop().time() + seconds
        return await self.pool.exchange(self.head, body, most=most, deadline=deadline)


@asynccontextmanager
async def client(kit: Any, treat: Any, *, connections: int = 1) -> AsyncIterator[Client]:
    """A client of a server that treats its connections so; all is closed in the end."""
    async with kit.listen(treat) as port:
        asking = Client(port, connections)
        try:
            yield asking
        finally:
            await asking.pool.close()
            assert not asking.pool._open


async def settle() -> None:
    """Lets both ends see what the other has done."""
    for _ in range(20):
        await asyncio.sleep(0.001)


def test_1000_exchanges_over_64_connections(kit: Any, run: Run) -> None:
    """Each gets its own answer, the most are in flight, and no connection is opened in vain."""
    opened, busy, most = 0, 0, 0

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened, busy, most
        opened += 1
        while True:
            head, body = await kit.read_request(reader)
            assert head.startswith(b"POST /v1 HTTP/1.1\r\nHost: 127.0.0.1:")
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0.002)
            busy -= 1
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

    async def go() -> None:
        async with client(kit, echo, connections=64) as asking:
            bodies = [b"%d" % number * 50 for number in range(1000)]
            answers = await asyncio.gather(*map(asking.ask, bodies))
            assert [answer.body for answer in answers] == bodies

    run(go())
    assert opened == 64
    assert most == 64


def test_who_waits_for_a_place_waits_in_line(kit: Any, run: Run) -> None:
    """Exchanges begin in the order in which they were asked for; one that gives up holds none."""
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append((await kit.read_request(reader))[1])
            await asyncio.sleep(0.005)
            writer.write(ANSWER)

    async def go() -> None:
        async with client(kit, answer) as asking:
            tasks = [asyncio.ensure_future(asking.ask(b"%d" % number)) for number in range(6)]
            await asyncio.sleep(0)
            tasks[2].cancel()
            late = await asyncio.gather(asking.ask(b"9", seconds=0), return_exceptions=True)
            assert isinstance(late[0], DeadlinePassed)
            assert not late[0].sent
            await asyncio.gather(*tasks, return_exceptions=True)

    run(go())
    assert seen == [b"0", b"1", b"3", b"4", b"5"]


@pytest.mark.parametrize("parting", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
def test_a_connection_that_the_server_closed_while_idle_is_not_used(
    kit: Any, run: Run, parting: bytes
) -> None:
    """With or without a word: nothing is sent on it, so nothing is lost."""
    opened = 0

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await kit.read_request(reader)
        writer.write(ANSWER)
        await asyncio.sleep(0.005)
        writer.write(parting)

    async def go() -> None:
        async with client(kit, answer_once) as asking:
            for _ in range(4):
                assert (await asking.ask()).body == b"{}"
                while asking.pool._open:  # noqa: ASYNC110 - the server takes its time
                    await asyncio.sleep(0.001)

    run(go())
    assert opened == 4


@pytest.mark.parametrize(
    ("answer", "opened"),
    [
        (ANSWER, 1),
        (ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), 3),
        (ANSWER.replace(b"1.1", b"1.0"), 3),
        (ANSWER + ANSWER, 3),
        (ANSWER.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=0\r\n\r\n"), 3),
    ],
)
def test_when_a_connection_is_used_again(kit: Any, run: Run, answer: bytes, opened: int) -> None:
    """Unless the server doesn't want it, or says more than it was asked."""
    count = 0

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        while True:
            await kit.read_request(reader)
            writer.write(answer)

    async def go() -> None:
        async with client(kit, treat) as asking:
            for _ in range(3):
                assert (await asking.ask()).body == b"{}"
                # What ends a connection may come or fall due a little later.
                while opened > 1 and asking.pool._open:  # noqa: ASYNC110 - no event tells of it
                    await asyncio.sleep(0.001)

    run(go())
    assert count == opened


def test_words_between_two_exchanges_end_a_connection(kit: Any, run: Run) -> None:
    """They aren't the answer to the next request, even if the server keeps the connection."""
    opened = 0

    async def mumble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while True:
            await kit.read_request(reader)
            writer.write(ANSWER)
            await asyncio.sleep(0.005)
            writer.write(ANSWER.replace(b"200 OK", b"500 No"))

    async def go() -> None:
        async with client(kit, mumble) as asking:
            for _ in range(3):
                assert (await asking.ask()).status == 200
                while asking.pool._open:  # noqa: ASYNC110 - the server takes its time
                    await asyncio.sleep(0.001)

    run(go())
    assert opened == 3


def test_idle_connections_are_closed_in_time(
    kit: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that nobody needs any more don't stay open."""
    monkeypatch.setattr(reading, "_LONGEST_IDLE", 0.3)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await kit.read_request(reader)
            await asyncio.sleep(0.01)
            writer.write(ANSWER)

    async def go() -> None:
        async with client(kit, answer, connections=8) as asking:
            await asyncio.gather(*(asking.ask() for _ in range(8)))
            assert len(asking.pool._open) == 8
            while len(asking.pool._open) > 1:
                await asking.ask()

    run(go())


def test_an_early_answer_to_a_large_body(kit: Any, run: Run) -> None:
    """A server may refuse before it has read; what is unsent then doesn't go to the next one."""
    body = b"x" * (16 << 20)
    opened = 0

    async def refuse_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        if opened == 1:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER.replace(b"200 OK", b"413 Large"))
            await asyncio.sleep(60)
        assert (await kit.read_request(reader))[1] == body
        writer.write(ANSWER)

    async def go() -> None:
        async with client(kit, refuse_first) as asking:
            assert (await asking.ask(body)).status == 413
            assert (await asking.ask(body)).status == 200

    run(go())
    assert opened == 2


@pytest.mark.parametrize("end", ["cancel", "deadline"])
def test_an_exchange_that_is_given_up_leaves_nothing(kit: Any, run: Run, end: str) -> None:
    """Its late answer is never taken for that of the next request."""
    arrived, given_up, late = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await kit.read_request(reader)
            if body == b"slow":
                arrived.set()
                await given_up.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + body)
            if body == b"slow":
                late.set()

    async def go() -> None:
        async with client(kit, answer_slowly) as asking:
            started = time.monotonic()
            if end == "deadline":
                with pytest.raises(DeadlinePassed) as caught:
                    await asking.ask(b"slow", seconds=0.1)
                assert caught.value.sent
                assert time.monotonic() - started >= 0.1
            else:
                task = asyncio.ensure_future(asking.ask(b"slow"))
                await arrived.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            for _ in range(3):
                assert (await asking.ask(b"fast")).body == b"fast"
            given_up.set()
            await late.wait()
            await settle()
            assert (await asking.ask(b"next")).body == b"next"

    run(go())


def test_a_connection_that_is_cut_anywhere_loses_its_answer(kit: Any, run: Run) -> None:
    """By a close at every byte, whether in order or by a reset; the next one isn't harmed."""
    whole = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"a": "b"}'

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await kit.read_request(reader)
        writer.write(whole[: int(body)])
        if int(body) % 2:
            writer.transport.abort()

    async def go() -> None:
        async with client(kit, cut, connections=4) as asking:
            asks = [asking.ask(b"%d" % size) for size in range(len(whole) + 1)]
            *lost, answer = await asyncio.gather(*asks, return_exceptions=True)
            assert all(isinstance(each, ConnectionLost) for each in lost)
            if len(whole) % 2 == 0:
                assert isinstance(answer, Answer)

    run(go())


def test_a_body_that_ends_with_the_connection(kit: Any, run: Run) -> None:
    """As HTTP/1.0 servers send it."""

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await kit.read_request(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
        await asyncio.sleep(0.005)
        writer.write(b"x" * 300_000)

    async def go() -> None:
        async with client(kit, treat) as asking:
            for _ in range(2):
                assert len((await asking.ask()).body) == 300_000

    run(go())


def test_faults_close_their_connection_and_free_their_place(kit: Any, run: Run) -> None:
    """However many exchanges fail, the only place is there for the next one."""

    async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await kit.read_request(reader)
        writer.write(b"220 mail.example ESMTP\r\n")
        await asyncio.sleep(60)

    async def go() -> None:
        async with client(kit, talk_nonsense) as asking:
            for _ in range(20):
                with pytest.raises(UnreadableAnswer):
                    await asking.ask()
            await settle()
            assert not asking.pool._open

    run(go())


def test_a_server_that_closes_at_once(kit: Any, run: Run) -> None:
    """Before or after the request is written: a failure either way, and no waiting."""

    async def close(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        pass

    async def go() -> None:
        async with client(kit, close) as asking:
            for _ in range(5):
                with pytest.raises((NoConnection, ConnectionLost)):
                    await asking.ask()

    run(go())


def test_closing_ends_what_is_in_flight(kit: Any, run: Run) -> None:
    """Nobody waits for an answer on a closed connection."""

    async def stay_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def go() -> None:
        async with client(kit, stay_silent, connections=3) as asking:
            tasks = [asyncio.ensure_future(asking.ask()) for _ in range(3)]
            await asyncio.sleep(0.05)
            await asking.pool.close()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, TransportError) for end in ends)

    run(go())
