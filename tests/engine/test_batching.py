from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from syphus.core.errors import (
    AccessDenied,
    BadRequest,
    ContentFiltered,
    QuotaUsedUp,
    RequestError,
    RetryableError,
    ServerFailed,
    UnsupportedParameter,
)
from syphus.core.records import Request, Usage
from syphus.engine.batching import STRAY
from syphus.engine.budget import Budget
from tests.engine.batch_desk import (
    COST,
    MOST,
    Desk,
    Journal,
    answers,
    request,
)


@pytest.fixture
def desk() -> Desk:
    """A run that has not begun."""
    return Desk()


def test_every_request_is_answered_once_in_as_few_batches_as_fit(desk: Desk) -> None:
    """Full chunks go at once, the rest when the source is at its end; all are let go."""
    desk.remote.most = 40
    engine = desk.sit(range(100))
    assert {at: len(found) for at, found in desk.journal.replies.items()} == dict.fromkeys(
        range(100), 1
    )
    assert list(map(len, desk.remote.sent)) == [40, 40, 20]
    assert desk.remote.gone == ["0000", "0001", "0002"]
    assert (engine.counts.sent, engine.counts.replied, engine.in_flight) == (100, 100, 0)
    assert engine.stopped_by is None


def test_what_replies_give_rise_to_goes_into_a_batch_of_its_own(desk: Desk) -> None:
    """Forty replies of one batch give forty translations in one batch, not in forty."""
    desk.remote.most = 40
    desk.journal.follow_up = lambda each: (
        [request(each.position + 1000)] if each.position < 1000 else []
    )
    desk.sit(range(40))
    assert list(map(len, desk.remote.sent)) == [40, 40]
    assert len(desk.journal.replies) == 80


def test_failed_lines_are_asked_again_in_the_next_batch(desk: Desk) -> None:
    """What a batch left unanswered is sent again under another custom id, in one batch."""
    desk.remote.verdict = lambda each, attempt: (
        RetryableError("batch_expired") if each.position % 3 == 0 and attempt == 1 else None
    )
    engine = desk.sit(range(90))
    assert list(map(len, desk.remote.sent)) == [90, 30]
    assert len({custom for sent in desk.remote.sent for custom in sent}) == 120
    assert {reply.attempt for reply in desk.journal.replies[3]} == {2}
    assert engine.counts.retried == 30
    assert desk.remote.gone == ["0000", "0001"]


def test_a_line_that_fails_for_ever_is_given_up(desk: Desk) -> None:
    """While others are answered, a request is tried a bounded number of times."""
    desk.remote.verdict = lambda each, _: ServerFailed("500") if each.position == 7 else None
    desk.sit(range(10))
    assert desk.journal.failures[7].kind == "server_failed"
    assert 1 < desk.journal.failures[7].attempts == len(desk.remote.sent) <= 12
    assert len(desk.journal.replies) == 9


def test_lines_that_never_came_back_may_have_been_billed(desk: Desk) -> None:
    """Three tries that may each have cost money are the most, and the budget counts them."""
    desk.remote.verdict = lambda each, _: (
        RetryableError("no line", maybe_billed=True) if each.position == 1 else None
    )
    engine = desk.sit(range(3))
    assert desk.journal.lost == [1, 1, 1]
    assert desk.journal.failures[1].maybe_billed
    assert engine.budget.spent == pytest.approx(2 * COST + 3 * MOST)


def test_a_refused_request_fails_alone(desk: Desk) -> None:
    """A refusal of one line is that request's, whatever it is that comes first."""
    desk.remote.verdict = lambda each, _: ContentFiltered("no") if each.position < 30 else None
    desk.sit(range(40))
    assert sorted(desk.journal.failures) == list(range(30))
    assert desk.remote.gone == ["0000"]


def test_a_chunk_that_is_refused_as_a_whole_stops_the_run(desk: Desk) -> None:
    """No query is given up for what is wrong with all; mended, they are asked again."""
    desk.remote.verdict = lambda _request, _attempt: BadRequest("no such thing")
    engine = desk.sit(range(40))
    assert "refused the first 40" in str(engine.stopped_by)
    assert desk.journal.failures == {}
    assert desk.remote.gone == ["0000"]
    desk.remote.verdict = answers
    assert desk.sit(range(40)).stopped_by is None
    assert len(desk.journal.replies) == 40


def test_quota_in_lines_stops_after_the_chunk(desk: Desk) -> None:
    """What was answered is kept, the chunk is let go, and the next sitting asks the rest."""
    desk.remote.verdict = lambda each, _: QuotaUsedUp("paid up") if each.position > 4 else None
    engine = desk.sit(range(10))
    assert isinstance(engine.stopped_by, QuotaUsedUp)
    assert sorted(desk.journal.replies) == list(range(5))
    assert desk.remote.gone == ["0000"]
    desk.remote.verdict = answers
    desk.sit(range(10))
    assert [len(desk.journal.replies[at]) for at in range(10)] == [1] * 10


def test_an_endpoint_that_refuses_all_stops_the_run(desk: Desk) -> None:
    """Nothing is lost by it: the chunk is found again."""
    desk.remote.refuses = AccessDenied("401")
    assert isinstance(desk.sit(range(10)).stopped_by, AccessDenied)
    desk.remote.refuses = None
    desk.sit(range(10))
    assert list(map(len, desk.remote.sent)) == [10]
    assert len(desk.journal.replies) == 10


def test_other_words_are_tried_in_the_next_batch(desk: Desk) -> None:
    """A parameter that the endpoint refuses costs no request one of its tries."""
    desk.remote.verdict = lambda _, attempt: (
        UnsupportedParameter("max_tokens", param="max_tokens") if attempt < 3 else None
    )
    desk.sit(range(30))
    assert desk.words.refusals == 2
    assert list(map(len, desk.remote.sent)) == [30, 30, 30]
    assert desk.journal.failures == {}


def test_a_line_too_large_for_any_batch_fails(desk: Desk) -> None:
    """The others go."""
    desk.remote.too_large = frozenset({3})
    engine = desk.sit(range(5))
    assert desk.journal.failures[3].kind == "bad_request"
    assert len(desk.journal.replies) == 4
    assert engine.budget.spent == pytest.approx(4 * COST)


def test_a_stop_leaves_batches_alone_and_the_next_sitting_finds_them(desk: Desk) -> None:
    """Nothing is sent twice, and outcomes go to the positions of the new sitting."""
    desk.remote.is_slow = True
    engine = desk.sit(range(20), stop_after=0.2)
    assert engine.in_flight == 20
    assert "the same command fetches it" in desk.notices[-1]
    desk.remote.is_slow = False
    engine = desk.sit(range(20), moved=100)
    assert list(map(len, desk.remote.sent)) == [20]
    assert sorted(desk.journal.replies) == list(range(100, 120))
    assert engine.counts.sent == 0
    assert desk.remote.gone == ["0000"]


def test_a_stop_at_the_start_tells_of_all_that_earlier_sittings_sent(desk: Desk) -> None:
    """Also of what wasn't recognised yet: it goes on at the endpoint, and is paid for."""
    desk.remote.is_slow = True
    desk.sit(range(20), stop_after=0.2)
    for count in (0, 7):
        desk.sit(range(count), stop_after=0.2)
        assert desk.notices[-1].startswith("20 requests are in batches.")


def test_a_chunk_whose_outcomes_were_journalled_before_a_kill_is_not_counted_twice(
    desk: Desk,
) -> None:
    """Its replies come again, are known by their custom ids, and the chunk is let go."""
    desk.journal.stores = False
    desk.sit(range(10))
    assert desk.remote.gone == []
    desk.journal.stores = True
    engine = desk.sit(range(12), budget=Budget(100.0, spent=10 * COST + 10 * MOST))
    assert all(len(found) == 1 for found in desk.journal.replies.values())
    assert len(desk.journal.replies) == 12
    assert desk.remote.gone == ["0000", "0001"]
    assert engine.budget.spent == pytest.approx(12 * COST)


def test_replies_that_nobody_asks_for_any_more_are_journalled(desk: Desk) -> None:
    """They were paid for; they belong to no query of the sitting."""
    desk.remote.is_slow = True
    desk.sit(range(10), stop_after=0.2)
    desk.remote.is_slow = False
    desk.sit(range(5))
    assert len(desk.journal.replies[STRAY]) == 5
    assert sorted(set(desk.journal.replies) - {STRAY}) == list(range(5))
    assert desk.remote.gone == ["0000"]


def test_a_second_try_of_an_earlier_sitting_is_found(desk: Desk) -> None:
    """The chunk of the first try is gone, that of the second is on its way: it isn't sent again."""
    desk.remote.verdict = lambda each, attempt: (
        ServerFailed("500") if each.position == 1 and attempt == 1 else None
    )

    def slow_second(each: Request, attempt: int) -> RequestError | None:
        desk.remote.is_slow = True
        return ServerFailed("500") if each.position == 1 and attempt == 1 else None

    desk.remote.verdict = slow_second
    desk.sit(range(3), stop_after=0.4)
    assert list(map(len, desk.remote.sent)) == [3, 1]
    desk.remote.is_slow = False
    desk.remote.verdict = answers
    desk.sit(range(3))
    assert list(map(len, desk.remote.sent)) == [3, 1]
    assert [reply.attempt for reply in desk.journal.replies[1]] == [2]


def test_asking_anew_what_was_answered_is_another_attempt(desk: Desk) -> None:
    """`--redo` asks again what the journal has: under a custom id that was never paid for."""
    desk.sit(range(3))

    async def source() -> AsyncIterator[Sequence[Request]]:
        yield [request(1)]

    async def go() -> None:
        desk.remote.restart()
        await desk.engine().run(source())

    asyncio.run(go())
    first, second = desk.journal.replies[1]
    assert first.headers["custom_id"] != second.headers["custom_id"]
    assert second.attempt == 2


def test_the_budget_is_held_before_each_chunk(desk: Desk) -> None:
    """What does not fit waits for the true cost of a batch, then goes; at last the run stops."""
    limit = 10 * MOST
    engine = desk.sit(range(100), budget=Budget(limit))
    assert engine.stopped_by is not None
    assert "--budget" in str(engine.stopped_by)
    assert engine.budget.spent <= limit
    assert len(desk.journal.replies) * COST == pytest.approx(engine.budget.spent)
    assert limit - engine.budget.spent < MOST
    assert len(desk.remote.sent[0]) == 10
    assert len(desk.remote.sent) > 2
    assert desk.remote.outstanding == 0


@pytest.mark.parametrize("usage", [Usage(), Usage(prompt_tokens=50)])
def test_a_reply_without_usage_costs_the_most(desk: Desk, usage: Usage) -> None:
    """An endpoint that doesn't tell all that it used must not pass the budget by."""
    desk.remote.usage = usage
    engine = desk.sit(range(3))
    assert engine.budget.spent == pytest.approx(3 * MOST)
    assert desk.journal.replies[0][0].cost == pytest.approx(MOST)


def test_the_budget_counts_batches_of_an_earlier_sitting(desk: Desk) -> None:
    """Their lines count at their most until they come back, then at their cost."""
    desk.remote.is_slow = True
    desk.sit(range(10), stop_after=0.2)
    desk.remote.is_slow = False
    engine = desk.sit(range(30), budget=Budget(1000.0, spent=10 * MOST))
    assert engine.budget.spent == pytest.approx(30 * COST)


def test_what_came_early_waits_for_its_owner_while_money_is_short(desk: Desk) -> None:
    """Outcomes are taken before the source is read, to free money; none is asked for again."""
    desk.remote.is_slow = True
    desk.sit(range(20, 40), stop_after=0.3)
    desk.remote.is_slow = False
    engine = desk.sit(range(40), budget=Budget(20 * MOST + MOST, spent=20 * MOST))
    assert engine.stopped_by is None
    assert sorted(desk.journal.replies) == list(range(40))
    assert all(len(found) == 1 for found in desk.journal.replies.values())
    assert sum(map(len, desk.remote.sent)) == 40


@dataclass
class Online:
    """Stands for an engine that answers at once."""

    sink: Journal
    asked: list[int] = field(default_factory=list)
    stopped_by: None = None
    in_flight: int = 0

    async def run(self, source: AsyncIterator[Sequence[Request]]) -> None:
        async for chunk in source:
            for each in chunk:
                self.submit(each)
            await asyncio.sleep(0)

    def submit(self, each: Request) -> None:
        self.asked.append(each.position)
        self.sink.replies[each.position] = []
        self.sink.store(each)

    def settle(self) -> None:
        pass


def test_a_small_rest_is_finished_online(desk: Desk) -> None:
    """At most so many requests, when nothing else is on its way; more go into a batch."""
    online = Online(desk.journal)
    desk.remote.verdict = lambda each, _: ServerFailed("500") if each.position < 5 else None
    desk.sit(range(50), online=online, online_below=5)
    assert list(map(len, desk.remote.sent)) == [50]
    assert sorted(online.asked) == list(range(5))
    assert "online price" in desk.notices[-1]


def test_a_larger_rest_is_not(desk: Desk) -> None:
    """Six are more than five."""
    online = Online(desk.journal)
    desk.remote.verdict = lambda each, attempt: (
        ServerFailed("500") if each.position < 6 and attempt == 1 else None
    )
    desk.sit(range(50), online=online, online_below=5)
    assert list(map(len, desk.remote.sent)) == [50, 6]
    assert online.asked == []


def test_cancelling_keeps_what_is_done_and_asks_nothing(desk: Desk) -> None:
    """Replies are journalled, failures are left to be asked again some day."""
    desk.remote.is_slow = True
    desk.sit(range(10), stop_after=0.2)
    desk.remote.verdict = lambda each, _: RetryableError("cancelled") if each.position > 3 else None

    async def go() -> None:
        desk.remote.restart()
        await desk.engine().cancel()

    asyncio.run(go())
    assert len(desk.journal.replies[STRAY]) == 4
    assert desk.journal.failures == {}
    assert desk.remote.gone == ["0000"]
    assert list(map(len, desk.remote.sent)) == [10]
