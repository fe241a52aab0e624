"""Money, counted on the server's side: what was processed is billed, whether or not it arrived."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from syphus.core.identity import canonical_json
from syphus.testing import Fault, Script, ScriptedServer, draw_answer
from syphus.testing.completion import estimate_tokens

MILLION = 1e6
PRICE = {"prompt": 40.0, "completion": 160.0, "cached": 10.0}
CACHED = 16
PERHAPS_BILLED = ("close_after_post", "truncated_body", "truncated_json", "html_200", "reset")


class Till:
    """Adds up what a server's work is worth, for each request that it has worked on."""

    def __init__(self, price: dict[str, float] = PRICE) -> None:
        self.price = price
        self.billed: list[float] = []
        self.lock = threading.Lock()

    @property
    def total(self) -> float:
        """US dollars."""
        return math.fsum(self.billed)

    def answer(self, messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        """Answers at a length of its own, and bills it."""
        text = draw_answer(messages, body, pairs=1 + len(canonical_json(messages)) % 5)
        prompt = estimate_tokens(canonical_json(messages))
        cached = min(CACHED, prompt)
        cost = (
            (prompt - cached) * self.price["prompt"]
            + cached * self.price["cached"]
            + estimate_tokens(text.encode()) * self.price["completion"]
        )
        with self.lock:
            self.billed.append(cost / MILLION)
        return text


def priced(*urls: str, price: dict[str, float] = PRICE) -> dict[str, Any]:
    """Settings of a run on endpoints of one price."""
    entries = [
        {"name": f"d{at}", "base_url": url, "model": "m", "price": price}
        for at, url in enumerate(urls)
    ]
    return {"base_url": None, "model": None, "deployments": entries, "max_tokens": 600}


@pytest.fixture(autouse=True)
def hardly_any_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are a hundredth, rests of a deployment a tenth of a second."""
    monkeypatch.setattr("syphus.engine.retry._FIRST_WAIT", 0.01)
    monkeypatch.setattr("syphus.engine.breaker.FIRST_REST", 0.1)


def test_the_servers_bill_stays_within_the_budget(job: Any, photos: Callable[..., Any]) -> None:
    """With 64 in flight and lost replies; a larger budget goes on from there and ends the run."""
    till = Till()
    faults = [Fault(kind, rate=0.03, per_query_at_most=1) for kind in PERHAPS_BILLED]
    script = Script(
        answer=till.answer, latency=(0.0, 0.03), cached_tokens=CACHED, faults=faults, seed=4
    )
    job.server.play(script)
    settings = {**priced(job.server.base_url), "num_threads": 64}
    budgets, counts = (3.0, 6.0, 1000.0), []
    for budget in budgets:
        sitting = job.run(photos(300), budget=budget, **settings)
        counts.append(sitting.counts[0])
        meta = job.read("meta.json")
        assert till.total <= budget
        assert meta["cost"] <= till.total + 1e-9
        assert till.total <= meta["cost"] + meta["perhaps_cost"] + 1e-9
        if budget < budgets[-1]:
            assert sitting.outcome.exit_status == 3
            assert f"${budget:.2f}" in str(sitting.outcome.stopped_by)
            # What isn't spent is less than one more request could cost.
            assert meta["cost"] + meta["perhaps_cost"] > budget - 0.2
    assert sitting.outcome.exit_status == 0
    assert 0 < counts[0] < counts[1] < counts[2] == 300
    assert job.server.log.most_in_flight > 8
    lost = sum(job.server.log.faults[kind] for kind in PERHAPS_BILLED)
    assert lost == job.read("meta.json")["perhaps_billed"] > 0
    assert job.server.log.requests == 300 + lost


def test_each_reply_has_the_price_of_its_deployment(job: Any, photos: Callable[..., Any]) -> None:
    """Cached tokens at their own price; the sum in the files is the servers' own."""
    dear = {"prompt": 400.0, "completion": 1600.0, "cached": 40.0}
    here, there = Till(), Till(dear)
    job.server.play(Script(answer=here.answer, latency=0.01, cached_tokens=CACHED))
    script = Script(answer=there.answer, latency=0.01, cached_tokens=CACHED)
    with ScriptedServer(script) as second:
        settings = priced(job.server.base_url, second.base_url)
        settings["deployments"][1]["price"] = dear
        sitting = job.run(photos(40), num_threads=8, **settings)
    assert sitting.outcome.exit_status == 0
    assert min(len(here.billed), len(there.billed)) >= 5
    lines = [orjson.loads(line) for line in job.journal.read_bytes().splitlines()]
    for name, till in (("d0", here), ("d1", there)):
        costs = [
            line["cost"] for line in lines if line.get("deployment") == name and "cost" in line
        ]
        assert sorted(costs) == pytest.approx(sorted(till.billed))
    assert job.read("meta.json")["cost"] == pytest.approx(here.total + there.total)
    assert job.read("meta.json")["cached_tokens"] == 40 * CACHED
    assert job.read("run.json")["counts"]["cost"] == pytest.approx(here.total + there.total)


def test_a_budget_without_a_price_sends_nothing(job: Any, photos: Callable[..., Any]) -> None:
    """The deployment that has none is named, and where to give it."""
    settings = priced(job.server.base_url, job.server.base_url)
    del settings["deployments"][1]["price"]
    with pytest.raises(Exception, match=r"--budget: no price is known for d1.*--config"):
        job.run(photos(3), budget=1.0, **settings)
    assert job.server.log.requests == 0
    assert not job.folder.exists()
