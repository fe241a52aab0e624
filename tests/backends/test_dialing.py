"""Names and addresses on the way to a server."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest

from syphus.backends.classify import transport_error
from syphus.backends.transport.errors import (
    NameUnknown,
    NoConnection,
)
from syphus.backends.transport.pool import Pool
from syphus.backends.transport.reading import Answer
from syphus.backends.transport.route import Route
from syphus.core.errors import NoSuchName
from tests.backends.dialing_kit import Answering, Run, exchange, free_port


def test_a_name_that_nobody_has(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is told, and why it leads nowhere."""

    async def look_up(_: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("syphus.backends.transport.dialing.Dialer._look_up", look_up)
    words = r"the name models\.test can't be resolved: .*not known"
    with pytest.raises(NameUnknown, match=words) as caught:
        run(exchange("http://models.test/v1"))
    assert isinstance(transport_error(caught.value), NoSuchName)


def test_names_are_looked_up_once(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait for it, and whoever of them gives up; a failure isn't remembered."""
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, *arguments: Any, **settings: Any) -> Any:
        looked_up.append(host)
        if len(looked_up) == 1:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        time.sleep(0.05)
        return real("127.0.0.1", *arguments, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def go() -> None:
        async with kit.listen(Answering(kit)) as port:
            url = f"http://models.test:{port}/v1"
            route = Route.to(url)
            pool = Pool(route, connections=9, connect_timeout=9)
            head = route.head("POST", url, {})

            async def ask() -> Answer:
                deadline = asyncio.get_running_loop().time() + 60
                return await pool.exchange(head, b"{}", most=9, deadline=deadline)

            failed = await asyncio.gather(*(ask() for _ in range(9)), return_exceptions=True)
            assert {type(each) for each in failed} == {NoConnection}
            tasks = [asyncio.ensure_future(ask()) for _ in range(9)]
            await asyncio.sleep(0.01)
            tasks[0].cancel()
            answers = await asyncio.gather(*tasks[1:])
            assert [answer.status for answer in answers] == [200] * 8
            await pool.close()

    asyncio.run(go())
    assert looked_up == ["models.test"] * 2


def test_the_address_that_answers_is_taken(
    kit: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host with an address that leads nowhere is reached by its other one."""

    async def look_up(self: Any) -> list[Any]:
        port = self._route.origin.port
        stream = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [
            (socket.AF_INET, *stream, ("127.0.0.1", free_port())),
            (socket.AF_INET, *stream, ("127.0.0.1", port)),
        ]

    monkeypatch.setattr("syphus.backends.transport.dialing.Dialer._look_up", look_up)

    async def go() -> None:
        async with kit.listen(Answering(kit)) as port:
            assert (await exchange(f"http://models.test:{port}/v1"))[0].status == 200

    run(go())


def test_an_address_of_the_sixth_version(kit: Any, run: Run) -> None:
    """In brackets in the address and in the Host header."""
    server = Answering(kit)

    async def go() -> None:
        async with kit.listen(server, host="::1") as port:
            assert (await exchange(f"http://[::1]:{port}/v1"))[0].status == 200
            assert b"\r\nHost: [::1]:%d\r\n" % port in server.heads[0]

    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this computer has no IPv6")
    run(go())
