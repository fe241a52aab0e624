"""What is known before a run begins."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from syphus import AbstractDataset
from syphus.core.deployments import Deployment
from syphus.core.errors import SettingsError
from syphus.core.settings import load_settings
from syphus.pipeline.plan import LOOK_AHEAD, Plan, make_plan
from syphus.pipeline.stages import shape_of_run

SIZE = LOOK_AHEAD + 500


class Endless(AbstractDataset):
    """A generator that notes what it made, and how often it was begun."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.made: Counter[int] = Counter()

    def _load_query_inputs(self, path: object) -> Iterator[dict[str, Any]]:
        del path
        self.begun += 1
        return self._items()

    def _items(self) -> Iterator[dict[str, Any]]:
        for number in range(SIZE):
            self.made[number] += 1
            yield {"id": number, "sentences": f"Number {number}."}

    def _load_prefix(self, path: object) -> dict[str, Any]:
        del path
        return {"system_message": "Write pairs."}


def plan_of(dataset: Endless, **settings: Any) -> Plan:
    """A plan to ask an endpoint that isn't there."""
    made = load_settings({"name": "e", "model": "m", "base_url": "http://127.0.0.1:9", **settings})
    return make_plan(made, root=Path(), env={}, dataset=dataset)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"slice_start": 3, "slice_end": SIZE - 3},
        {"slice_start": LOOK_AHEAD + 5},
        {"random_sample": True},
        {"random_sample": True, "slice_end": 40},
    ],
)
def test_a_generator_is_gone_through_once(settings: dict[str, Any]) -> None:
    """Checking the first items, the slice and the size makes no item a second time."""
    dataset = Endless()
    plan = plan_of(dataset, **settings)
    asked = [int(query.id) for query in plan.queries()]
    assert plan.size is None
    assert dataset.begun == 1
    assert set(dataset.made.values()) == {1}
    again = [int(query.id) for query in plan.queries()]
    assert again == asked
    assert dataset.begun == 2


def test_a_slice_without_a_query_is_refused_at_once() -> None:
    """Also where only reading the whole generator can tell."""
    with pytest.raises(SettingsError, match=f"none of the {SIZE} queries"):
        plan_of(Endless(), slice_start=SIZE)


class _Quiz(BaseModel):
    question: str
    answer: str


class Shaped(Endless):
    """A data set that demands a shape."""

    response_model = _Quiz


@pytest.mark.parametrize(
    ("dataset", "backend", "most", "longest"),
    [
        (Endless(), "local", 384, None),
        (Shaped(), "local", 1024, 200),
        (Shaped(), "openai", 2048, None),
    ],
)
def test_the_embedded_model_is_held_to_short_texts(
    dataset: Endless, backend: str, most: int, longest: int | None
) -> None:
    """It would repeat itself in one text until it is cut off; nobody else is sent a bound."""
    where = {} if backend == "local" else {"model": "m", "base_url": "http://127.0.0.1:9"}
    made = load_settings({"name": "e", "backend": backend, **where})
    plan = make_plan(made, root=Path(), env={}, dataset=dataset)
    assert plan.sampling.max_tokens == most
    asked = plan.deployments or [
        Deployment(name="local", api_type="openai", base_url="b", model="m")
    ]
    shape = shape_of_run(plan, asked, None)
    schema = json.loads(shape.response_format or "{}").get("json_schema", {}).get("schema", {})
    found = {each.get("maxLength") for each in schema.get("properties", {}).values()}
    assert found == (set() if dataset.response_model is None else {longest})
