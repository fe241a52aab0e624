"""When a chunk that isn't full is sent off: plugins may be slow for hours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

from syphus.core.records import Request
from syphus.engine.batch_haste import Haste
from tests.engine.batch_desk import Desk, request

HOUR = 3600.0


class ManualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is set by hand."""

    now = 0.0

    def time(self) -> float:
        return self.now


def sendings(*, every: float, hours: float, longest: float, quiet: float = 10.0) -> list[float]:
    """When a chunk was sent while a request came each `every` seconds."""

    async def go() -> list[float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ManualLoop)
        haste, sent = Haste(quiet=quiet, longest=longest), []
        for number in range(round(hours * HOUR / every)):
            loop.now = number * every
            haste.came()
            while (left := haste.seconds_left(is_exhausted=False)) < every:
                loop.now += left
                sent.append(loop.now)
                haste.sent()
                break
        return sent

    with asyncio.Runner(loop_factory=ManualLoop) as runner:
        return runner.run(go())


def test_a_slow_source_gives_few_batches_and_none_waits_long() -> None:
    """Two an hour where a request comes each minute, or each second, or ten times a second."""
    for every in (0.1, 1.0, 60.0):
        sent = sendings(every=every, hours=5, longest=HOUR / 2)
        assert 9 <= len(sent) <= 10
        assert max(later - earlier for earlier, later in pairwise(sent)) < 2000


def test_after_the_end_of_the_source_nothing_waits_long() -> None:
    """Ten seconds after the last that came, and never longer than the longest wait."""

    async def go() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ManualLoop)
        haste = Haste(quiet=10, longest=1800)
        haste.came()
        loop.now = 4.0
        haste.came()
        assert haste.seconds_left(is_exhausted=False) == 1796
        assert haste.seconds_left(is_exhausted=True) == 10
        for _ in range(400):
            loop.now += 5
            haste.came()
        assert haste.seconds_left(is_exhausted=True) == 0

    with asyncio.Runner(loop_factory=ManualLoop) as runner:
        runner.run(go())


def test_what_a_slow_source_gave_is_sent_before_its_end() -> None:
    """Three requests go into a batch and are answered while the source thinks about the next."""
    desk = Desk()
    answered = asyncio.Event()

    def tell(_: Request) -> list[Request]:
        if len(desk.journal.replies) == 3:
            answered.set()
        return []

    desk.journal.follow_up = tell

    async def source() -> AsyncIterator[Sequence[Request]]:
        yield [request(number) for number in range(3)]
        await answered.wait()
        yield [request(number) for number in (3, 4)]

    async def go() -> None:
        desk.remote.restart()
        async with asyncio.timeout(30):
            await desk.engine(longest_wait=0.05).run(source())

    asyncio.run(go())
    assert list(map(len, desk.remote.sent)) == [3, 2]


def test_a_source_that_is_not_slow_fills_its_batch() -> None:
    """Pauses shorter than the longest wait split nothing."""
    desk = Desk()
    desk.sit(range(200), longest_wait=600.0)
    assert list(map(len, desk.remote.sent)) == [200]
