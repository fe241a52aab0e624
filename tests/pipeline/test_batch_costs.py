"""What batches cost: told for each that is done, and reckoned later where no price was known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syphus.backends.batch.reading import read_states
from syphus.testing import BatchEnding, Batches, Script
from tests.pipeline.test_batch_run import BATCH, priced, stop_when
from tests.pipeline.test_unpriced import PRICE, deployment, worth


def costs(job: Any) -> list[float | None]:
    """What each batch of the run is said to have cost."""
    return [state.cost for state in read_states(job.folder / "journal")]


def test_each_batch_that_is_done_tells_what_it_cost(job: Any, photos: Callable[..., Any]) -> None:
    """From the usage of its replies, and far less than the most that it might have cost."""
    ending = BatchEnding("expired", at=(1,), done=0.5)
    job.server.play(Script(batches=Batches(endings=[ending])))
    settings = priced(job) | BATCH | {"languages": "de"}
    done = job.run(photos(10), **settings)
    told = costs(job)
    assert len(told) == 3
    assert sum(cost or 0.0 for cost in told) == pytest.approx(done.outcome.snapshot.cost)
    for state in read_states(job.folder / "journal"):
        assert 0 < (state.cost or 0.0) < state.cost_at_most


def test_a_batch_under_way_tells_only_its_most(job: Any, photos: Callable[..., Any]) -> None:
    """Then its cost, also when another sitting took its end."""
    job.server.play(Script(batches=Batches(running=20)))
    settings = priced(job) | BATCH
    stop_when(job, photos(8), lambda: job.server.log.batches.creates == 1, **settings)
    assert costs(job) == [None]
    done = job.run(photos(8), **settings)
    assert costs(job) == [pytest.approx(done.outcome.snapshot.cost)]


def test_without_a_price_no_cost_is_told(job: Any, photos: Callable[..., Any]) -> None:
    """Nothing is worse than a zero that isn't one."""
    job.run(photos(3), **BATCH)
    assert costs(job) == [None]


@pytest.mark.parametrize(("later", "share"), [({}, 0.5), (BATCH, 1.0)])
def test_replies_of_batches_without_a_price_cost_what_batches_cost(
    job: Any, photos: Callable[..., Any], later: dict[str, Any], share: float
) -> None:
    """Half of the price of single requests; in a run by batches the given price is theirs."""
    job.run(photos(20), **deployment(job), **BATCH)
    assert job.read("meta.json")["cost"] is None
    job.run(photos(20), **deployment(job, price=PRICE), **later)
    assert job.read("meta.json")["cost"] == pytest.approx(share * worth(job))


def test_replies_of_both_kinds_without_a_price_are_told_apart(
    job: Any, photos: Callable[..., Any]
) -> None:
    """Of one deployment and in one journal."""
    job.run(photos(10), **deployment(job))
    online = worth(job)
    job.run(photos(30), **deployment(job), **BATCH)
    job.run(photos(30), **deployment(job, price=PRICE))
    in_batches = worth(job) - online
    assert job.read("meta.json")["cost"] == pytest.approx(online + in_batches / 2)


def test_replies_of_another_model_cost_what_that_model_costs(
    job: Any, photos: Callable[..., Any]
) -> None:
    """What was sent to one model isn't counted at the price of the one that is asked now."""
    job.server.play(Script(batches=Batches(running=20)))
    cheap, dear = deployment(job, price=PRICE), {name: 100 * cost for name, cost in PRICE.items()}
    stop_when(job, photos(8), lambda: job.server.log.batches.creates == 1, **cheap, **BATCH)
    job.server.play(Script())
    done = job.run(photos(8), **deployment(job, model="m2", price=dear), **BATCH)
    assert done.counts == (8, 0, 0)
    first, second = costs(job)
    both = worth(job)
    assert first is not None
    assert second == pytest.approx(100 * (both - first))
    assert 0 < first < both
    assert job.read("meta.json")["cost"] == pytest.approx(first + second)
