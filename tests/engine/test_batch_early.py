"""Outcomes of earlier batches that come before anybody asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace

import pytest

from syphus.core.errors import (
    BadRequest,
    QuotaUsedUp,
    RequestError,
    StoppingError,
    SyphusError,
)
from syphus.core.records import Request
from tests.engine.batch_desk import Desk, Remote, request


class LateDesk(Desk):
    """A desk whose first sitting ends when all is sent; the next waits till all has come."""

    async def source(self, wanted: Iterable[int], moved: int) -> AsyncIterator[Sequence[Request]]:
        while self.remote.outstanding:  # noqa: ASYNC110 - the remote tells nobody
            await asyncio.sleep(0)
        for number in wanted:
            yield [replace(request(number), position=number + moved)]
            await asyncio.sleep(0)
        if self.remote.is_slow:
            assert self.journal.engine is not None
            self.journal.engine.stop(QuotaUsedUp("enough"))


def sit_twice(verdict: RequestError, refused: set[int], *, count: int = 3) -> LateDesk:
    """Sends some requests, and asks for them again when their outcomes are there."""
    desk = LateDesk(remote=Remote(is_slow=True, most=count))
    desk.sit(range(count))
    assert [len(lines) for lines in desk.remote.sent] == [count]
    desk.remote.is_slow = False
    desk.remote.verdict = lambda asked, _: verdict if asked.position in refused else None
    desk.sit(range(count), patience=0.0)
    return desk


@pytest.mark.parametrize("refused", [{0}, {2}, {0, 1, 2}])
def test_a_refusal_that_came_early_is_its_requests_own(refused: set[int]) -> None:
    """It fails, whether or not it is the first that anybody asks for."""
    desk = sit_twice(BadRequest("too spicy"), refused)
    assert stop_of(desk) is None
    assert desk.journal.failures.keys() == refused
    assert desk.journal.replies.keys() == {0, 1, 2} - refused
    assert desk.remote.gone == ["0000"]


@pytest.mark.parametrize(
    ("verdict", "count", "refused"),
    [(QuotaUsedUp("no credit"), 3, {1}), (BadRequest("no such field"), 20, set(range(20)))],
)
def test_what_came_early_for_all_requests_stops_the_run(
    verdict: RequestError, count: int, refused: set[int]
) -> None:
    """No query is given up for a quota that was used up, nor for a mistake in all requests."""
    desk = sit_twice(verdict, refused, count=count)
    assert isinstance(stop_of(desk), StoppingError)
    assert desk.journal.failures == {}


def stop_of(desk: Desk) -> SyphusError | None:
    """What stopped the last sitting."""
    assert desk.journal.engine is not None
    return desk.journal.engine.stopped_by
