"""Replies that came before their price was known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from syphus.core.deployments import Deployment
from syphus.core.prices import Rates
from syphus.pipeline.journalled import counts_after_kill

PRICE = {"prompt": 1000.0, "completion": 2000.0, "cached": 100.0}
MILLION = 1e6


def deployment(job: Any, name: str = "here", **more: Any) -> dict[str, Any]:
    """Settings of a run on one deployment."""
    entry = {"name": name, "base_url": job.server.base_url, "model": "m", **more}
    return {"base_url": None, "model": None, "deployments": [entry], "max_tokens": 200}


def worth(job: Any) -> float:
    """What the journal's replies are worth, from their usage alone."""
    lines = map(orjson.loads, job.journal.read_bytes().splitlines())
    used = [line["usage"] for line in lines if line["kind"] == "reply"]
    dollars = [
        (prompt - cached) * PRICE["prompt"]
        + cached * PRICE["cached"]
        + completion * PRICE["completion"]
        for prompt, completion, cached in used
    ]
    return sum(dollars) / MILLION


def test_earlier_replies_cost_what_they_cost_today(job: Any, photos: Callable[..., Any]) -> None:
    """By their usage, at their deployment's price; and it is said."""
    job.run(photos(20), **deployment(job))
    assert job.read("meta.json")["cost"] is None
    sitting = job.run(photos(30), **deployment(job, price=PRICE))
    assert sitting.requests == 10
    assert job.read("meta.json")["cost"] == pytest.approx(worth(job))
    assert "20 earlier replies had no price" in sitting.said


def test_what_they_cost_is_not_forgotten_after_a_kill(job: Any, photos: Callable[..., Any]) -> None:
    """The journal has no cost of theirs, so the status keeps to what the run's file says."""
    job.run(photos(20), **deployment(job))
    job.run(photos(30), **deployment(job, price=PRICE))
    facts = job.read("run.json")
    counts = counts_after_kill(job.folder, facts | {"state": "running"})
    assert counts["cost"] == pytest.approx(worth(job))


@pytest.mark.parametrize("change", [{"name": "there"}, {"model": "other"}])
def test_no_price_is_another_deployments(
    job: Any, photos: Callable[..., Any], change: dict[str, str]
) -> None:
    """One of another name or model says nothing of what was paid; a budget counts it all the same.

    What it counts is the dearest price, so that it isn't passed.
    """
    job.run(photos(20), **deployment(job))
    spent = worth(job)
    priced = deployment(job, price=PRICE, **change)
    sitting = job.run(photos(20), budget=spent, **priced)
    assert job.read("meta.json")["cost"] == 0
    assert "no price is known for 20 earlier replies: the cost leaves them out" in sitting.said
    assert f"--budget counts ${spent:.4f}" in sitting.said
    assert sitting.requests == 0


def test_the_embedded_models_price_is_its_own(
    job: Any, photos: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has it go on where an endpoint answered is told that, and of what has no price."""

    async def open_local(*_: object) -> tuple[Deployment, None]:
        address, free = job.server.base_url, Rates(prompt=0, completion=0, cached=0)
        local = Deployment(
            name="local", api_type="openai", base_url=address, model="embedded", rates=free
        )
        return local, None

    monkeypatch.setattr("syphus.pipeline.run.open_local", open_local)
    job.run(photos(4), **deployment(job))
    sitting = job.run(photos(4), backend="local", base_url=None, model=None)
    assert sitting.requests == 4
    assert "the model has changed since the last time (m, now embedded)" in sitting.said
    assert "no price is known for 4 earlier replies" in sitting.said
    assert "had no price: at the prices known now" not in sitting.said


def test_the_budget_counts_earlier_replies_without_a_price(
    job: Any, photos: Callable[..., Any]
) -> None:
    """What they used up isn't there to be spent again."""
    job.run(photos(20), **deployment(job))
    spent = worth(job)
    sitting = job.run(photos(30), budget=spent, **deployment(job, price=PRICE))
    assert (sitting.requests, sitting.outcome.exit_status) == (0, 3)
    assert "budget" in str(sitting.outcome.stopped_by)


def test_what_has_no_price_even_now_is_told(job: Any, photos: Callable[..., Any]) -> None:
    """Where money is counted at all; a server without any price has nothing to tell."""
    job.run(photos(4), **deployment(job))
    assert "price" not in job.run(photos(4), **deployment(job)).said
    settings = deployment(job, "there", price=PRICE)
    settings["deployments"].append(deployment(job)["deployments"][0])
    sitting = job.run(photos(4), **settings)
    assert "no price is known for 4 earlier replies" in sitting.said
    assert job.read("meta.json")["cost"] == 0
