"""Connections that fail, and bodies of status 200 that are no completion."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from syphus.testing import Fault, Script

# What a server may have done the work for before it went wrong.
PERHAPS_BILLED = {
    "reset": "connection_failed",
    "close_after_post": "connection_failed",
    "truncated_body": "connection_failed",
    "truncated_json": "malformed_reply",
    "html_200": "malformed_reply",
    "empty_object": "malformed_reply",
}
TOO_SLOW = ["trickle", "stall"]


@pytest.mark.parametrize("fault", PERHAPS_BILLED)
def test_a_fault_that_passes_costs_no_query(
    hurried: Any, photos: Callable[..., Any], fault: Any
) -> None:
    """Each query meets it once, is asked once more, and is answered."""
    hurried.server.play(Script(faults=[Fault(fault, per_query_at_most=1)]))
    sitting = hurried.run(photos(4))
    assert sitting.outcome.exit_status == 0
    assert sitting.counts == (4, 0, 0)
    assert sitting.requests == 8
    assert hurried.read("error_messages.json") == []


@pytest.mark.parametrize("fault", PERHAPS_BILLED)
def test_what_may_be_billed_is_tried_three_times_at_most(
    hurried: Any, photos: Callable[..., Any], fault: Any
) -> None:
    """Then the query fails, told as perhaps billed; the others are answered."""
    hurried.server.play(Script(faults=[Fault(fault, containing="number 1")]))
    sitting = hurried.run(photos(4))
    assert sitting.outcome.exit_status == 4
    assert sitting.counts == (3, 0, 1)
    assert hurried.server.log.query("Photo number 1.").seen == 3
    (record,) = hurried.read("error_messages.json")
    assert (record["id"], record["kind"]) == ("p1", PERHAPS_BILLED[fault])
    assert record["maybe_billed"]
    # A later sitting isn't told about it again: its end is known.
    again = hurried.run(photos(4))
    assert again.requests == 0


@pytest.mark.parametrize("fault", TOO_SLOW)
def test_a_server_that_is_too_slow_meets_a_deadline(
    hurried: Any, photos: Callable[..., Any], fault: Any
) -> None:
    """A byte a second, or silence, is given up as a whole, tried three times, and then told."""
    hurried.server.play(Script(faults=[Fault(fault, containing="number 1", pace=1.0)]))
    sitting = hurried.run(photos(4), timeout=1)
    assert sitting.outcome.exit_status == 4
    assert sitting.counts == (3, 0, 1)
    assert hurried.server.log.query("Photo number 1.").seen == 3
    (record,) = hurried.read("error_messages.json")
    assert (record["id"], record["kind"]) == ("p1", "timed_out")
    assert record["maybe_billed"]


@pytest.mark.parametrize("fault", TOO_SLOW)
def test_a_server_that_was_slow_once_costs_no_query(
    hurried: Any, photos: Callable[..., Any], fault: Any
) -> None:
    """The next try is answered."""
    script = Script(faults=[Fault(fault, containing="number 1", per_query_at_most=1)])
    hurried.server.play(script)
    sitting = hurried.run(photos(3), timeout=1)
    assert sitting.counts == (3, 0, 0)
    assert hurried.server.log.query("Photo number 1.").seen >= 2


def test_refused_connections_are_waited_out(hurried: Any, photos: Callable[..., Any]) -> None:
    """A server that is away for a while is asked again when it is back, and nothing is lost.

    It is away for longer than the breaker's first rest.
    """
    hurried.server.play(Script(latency=0.005))
    syphus = hurried.syphus(photos(200), num_threads=4)

    async def go() -> Any:
        running = asyncio.create_task(hurried.hurry(syphus))
        while hurried.server.log.successes < 20:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.001)
        hurried.server.pause(refuse=True)
        while "left alone for 60 s" not in "\n".join(hurried.notices):  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.001)
        hurried.server.resume()
        return await running

    outcome = hurried.in_loop(go())
    assert outcome.exit_status == 0
    assert outcome.snapshot.valid == 200
    assert hurried.read("error_messages.json") == []


def test_an_address_where_nobody_listens_stops_the_run(
    hurried: Any, photos: Callable[..., Any]
) -> None:
    """Refused from the start, it is probed for minutes, then the run stops and fails no query."""
    hurried.server.pause(refuse=True)
    sitting = hurried.run(photos(30))
    assert sitting.outcome.exit_status == 3
    assert sitting.counts == (0, 0, 0)
    assert sitting.requests == 0
    assert "no connection" in str(sitting.outcome.stopped_by)
    hurried.server.resume()
    again = hurried.run(photos(30))
    assert again.counts == (30, 0, 0)
    assert "billed" not in again.said
