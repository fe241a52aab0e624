"""What is known before a run begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syphus import AbstractDataset
from syphus.core.errors import SettingsError
from syphus.core.settings import load_settings
from syphus.pipeline.plan import LOOK_AHEAD, Plan, make_plan

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
