"""An engine with a scripted backend."""

from __future__ import annotations

import asyncio
import selectors
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from asyncio_throttle import throttler

from syphus.core.deployments import Deployment
from syphus.core.errors import RequestError
from syphus.core.prices import Rates
from syphus.core.records import Failure, Reply, Request, RequestShape, Sampling, Usage
from syphus.engine.budget import Budget
from syphus.engine.engine import Engine
from syphus.engine.lane import Lane
from syphus.engine.retry import Tries

SHAPE = RequestShape(model="m", sampling=Sampling(max_tokens=100))
RATES = Rates(prompt=0.01, completion=0.01, cached=0.005)
PLAIN = Deployment(name="d", api_type="openai", base_url="http://x", model="m", rates=RATES)
Answer = Callable[[Request, int], Awaitable[Reply]]


def request(number: int) -> Request:
    """One of many requests."""
    return Request(
        key=f"{number:032x}",
        identity=f"b2:{number}",
        query_id=str(number),
        stage="generate",
        shape=SHAPE,
        messages=b"[]",
        prompt_tokens=100,
        position=number,
    )


def reply(*, prompt: int = 50, completion: int = 50) -> Reply:
    """A good answer."""
    usage = Usage(prompt_tokens=prompt, completion_tokens=completion)
    return Reply(
        text="t",
        finish_reason="stop",
        usage=usage,
        latency=0,
        deployment="d",
        attempt=1,
        cost=RATES.cost(usage),
    )


@dataclass
class Outcomes:
    """A sink that settles at once."""

    replies: dict[int, Reply] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    sends: list[int] = field(default_factory=list)
    unbilled: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    engine: Engine | None = None
    allows: bool = True

    def sending(self, request: Request, *, attempt: int, deployment: str, most_cost: float) -> bool:
        del attempt, deployment, most_cost
        if self.allows:
            self.sends.append(request.position)
        return self.allows

    def not_billed(self, request: Request) -> None:
        self.unbilled.append(request.position)

    def maybe_billed(self, request: Request, *, most_cost: float) -> None:
        assert most_cost >= 0
        self.lost.append(request.position)

    def replied(self, request: Request, reply: Reply) -> None:
        assert request.position not in self.replies
        self.replies[request.position] = reply
        self._settle()

    def failed(self, request: Request, failure: Failure) -> None:
        self.failures[request.position] = failure
        self._settle()

    def _settle(self) -> None:
        assert self.engine is not None
        self.engine.settle()


class Scripted:
    """A backend that answers as told, and knows how many it had at once."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.now = 0
        self.most = 0
        self.asked: dict[int, int] = defaultdict(int)

    async def ask(self, request: Request, *, attempt: int) -> Reply:
        self.asked[request.position] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self.answer(request, attempt)
        finally:
            self.now -= 1


class AtOnce:
    """Waits hardly at all between tries."""

    def seconds(self, tries: Tries, error: RequestError) -> float:
        del tries
        return (error.retry_after or 0.0) + 0.001


@dataclass
class Bench:
    """One engine over one or more scripted backends."""

    outcomes: Outcomes = field(default_factory=Outcomes)
    notices: list[str] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)

    def engine(
        self,
        *backends: Scripted,
        most: int = 8,
        budget: float | None = None,
        deployment: Deployment | None = None,
        more: Mapping[int, Mapping[str, Any]] = MappingProxyType({}),
    ) -> Engine:
        """`more` are facts of single deployments, by their number."""
        for number, backend in enumerate(backends):
            each = replace(deployment or PLAIN, name=f"d{number}", **dict(more.get(number, {})))
            self.lanes.append(
                Lane(
                    each,
                    backend,
                    most_in_flight=most,
                    on_notice=self.notices.append,
                    clock=lambda: asyncio.get_running_loop().time(),
                )
            )
        engine = Engine(
            self.lanes,
            self.outcomes,
            most_in_flight=most,
            budget=Budget(budget),
            on_notice=self.notices.append,
        )
        engine._ownership.backoff = AtOnce()  # type: ignore[assignment]
        self.outcomes.engine = engine
        return engine


async def chunks(requests: Iterable[Request]) -> AsyncIterator[Sequence[Request]]:
    """Requests as a source gives them."""
    for each in requests:
        yield [each]


def run(engine: Engine, count: int, *, seconds: float = 3600) -> float:
    """Asks `count` requests; gives the virtual seconds that it takes."""

    async def go() -> float:
        async with asyncio.timeout(seconds):
            await engine.run(chunks(map(request, range(count))))
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(go())


class JumpingSelector(selectors.SelectSelector):
    """Never waits: where nothing is ready, the time is at once that of the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing is left that could happen"
            # As in life no turn takes no time: two timers of one moment would go on for ever.
            self.now += timeout or 1e-9
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose hours take as long as the work that is done in them."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A place to put an engine together, all of whose clocks are that of the loop."""
    clock = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    monkeypatch.setattr(throttler, "time", clock)
    return Bench()


@pytest.fixture(scope="session")
def bench_kit() -> SimpleNamespace:
    """What tests with sinks and backends of their own need: a test can't import a conftest."""
    return SimpleNamespace(at_once=AtOnce)
