"""Plugins whose queries bring their pairs, and raise where these are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syphus.core.errors import PluginError, StoppedEarly
from syphus.core.records import Pair

GERMAN = {"languages": "de"}


def ready(_: Any, query: Any) -> list[Pair]:
    """One pair a query."""
    name = query.id
    return [Pair(id=f"{name}_0", query_id=name, instruction="What is it?", answer="A boat.")]


def raising_at(name: str, time: int) -> Callable[..., list[Pair]]:
    """Pairs that can't be had of the query `name` when they are asked for so many times."""
    asked: Counter[str] = Counter()

    def found(_: Any, query: Any) -> list[Pair]:
        asked[query.id] += 1
        if query.id == name and asked[name] >= time:
            raise ValueError("no more")
        return ready(_, query)

    return found


@pytest.mark.parametrize("time", [2, 3])
def test_pairs_that_cannot_be_read_again_for_the_files_stop_the_run(
    job: Any, photos: Callable[..., Any], time: int
) -> None:
    """The reason is told in a line, and a mended plugin pays for nothing twice."""
    broken = photos(4, ready_pairs=raising_at("p2", time))
    with pytest.raises(
        StoppedEarly, match=r"Photos.ready_pairs raised ValueError: no more"
    ) as told:
        job.run(broken, **GERMAN)
    assert "the same command writes them" in str(told.value)
    mended = job.run(photos(4, ready_pairs=ready), **GERMAN)
    assert (mended.outcome.exit_status, mended.requests) == (0, 0)
    assert mended.outcome.snapshot.translated == {"de": 4}


def test_a_query_whose_pairs_cannot_be_had_keeps_those_of_the_others(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The run stops there; the files have what was answered before."""
    dataset = photos(1_200, ready_pairs=raising_at("p1150", 1))
    stopped = job.run(dataset, **GERMAN)
    assert stopped.outcome.exit_status == 3
    assert "no more" in str(stopped.outcome.stopped_by)
    now = stopped.outcome.snapshot
    assert now.read == now.done
    assert len(job.read("PH_instructions_de.json")["data"]) == now.translated["de"] > 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda *_: [{"instruction": "Q", "answer": "A"}], "gave dict, no Pair"),
        (lambda *_: 7, "TypeError"),
    ],
)
def test_what_is_no_pair_is_told(
    job: Any, photos: Callable[..., Any], given: Callable[..., Any], said: str
) -> None:
    """The plugin is named, before anything is sent."""
    with pytest.raises(PluginError, match=rf"Photos.ready_pairs .*{said}"):
        job.run(photos(2, ready_pairs=given), **GERMAN)
    assert job.server.log.requests == 0


def test_a_plugin_that_brings_the_pairs_of_some_queries_alone_is_refused(
    job: Any, photos: Callable[..., Any]
) -> None:
    """There is no prompt to ask about the others, and no file for what they would come to."""

    def some(_: Any, query: Any) -> list[Pair] | None:
        return None if query.id == "p1" else ready(_, query)

    with pytest.raises(PluginError, match=r"ready_pairs gave None.*'p1'"):
        job.run(photos(3, ready_pairs=some), **GERMAN)
    assert job.server.log.requests == 0


def test_pairs_may_come_one_at_a_time(job: Any, photos: Callable[..., Any]) -> None:
    """A generator is as good as a list."""
    dataset = photos(3, ready_pairs=lambda *given: iter(ready(*given)))
    done = job.run(dataset, **GERMAN)
    assert done.outcome.exit_status == 0
    assert done.outcome.snapshot.translated == {"de": 3}


def test_a_plugin_that_finds_fewer_pairs_each_time_is_told(
    job: Any, photos: Callable[..., Any]
) -> None:
    """What was translated stays in the journal; the plugin that it was asked with has it."""
    found: Counter[str] = Counter()

    def two(_: Any, query: Any) -> list[Pair]:
        return [*ready(_, query), replace(ready(_, query)[0], id=f"{query.id}_1")]

    def fewer(_: Any, query: Any) -> list[Pair]:
        found[query.id] += 1
        return two(_, query) if found[query.id] == 1 else ready(_, query)

    with pytest.raises(StoppedEarly, match="it must find the same each time"):
        job.run(photos(3, ready_pairs=fewer), **GERMAN)
    mended = job.run(photos(3, ready_pairs=two), **GERMAN)
    assert (mended.outcome.exit_status, mended.requests) == (0, 0)
