"""A plugin chooses how its pairs are related."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from syphus.core.errors import PluginError, SettingsError
from syphus.core.records import Query, RelatedBy
from syphus.export import minilm, neighbours
from syphus.plugins import construct


def ids(*numbers: int) -> list[str]:
    """Ids of pairs."""
    return [f"PH_INS_{number:05d}" for number in numbers]


def relate(job: Any, dataset: Any, strategy: RelatedBy) -> dict[str, list[str]]:
    """The train file of a run."""
    dataset.relations = strategy
    assert job.run(dataset).outcome.exit_status == 0
    train: dict[str, list[str]] = job.read("PH_train.json")
    assert train == {
        name: entry["rel_ins_ids"]
        for name, entry in job.read("PH_instructions.json")["data"].items()
    }
    return train


def test_queries_on_the_same_images_are_one_source(job: Any, photos: Callable[..., Any]) -> None:
    """Where a plugin names a clip for several of its queries, all pairs on it are related."""
    dataset = photos(3)

    class Clips(type(dataset)):  # type: ignore[misc]
        """Two of three queries are about one clip."""

        def image_ids(self, query: Query) -> Sequence[str]:
            return ["second" if query.id == list(self.query_inputs)[1]["id"] else "first"]

    dataset.__class__ = Clips
    train = relate(job, dataset, "same_source")
    assert train[ids(1)[0]] == ids(2, 3, 7, 8, 9)
    assert train[ids(5)[0]] == ids(4, 6)
    assert job.read("run.json")["relations"] == "same_source"


def test_turns_name_those_before_them(job: Any, photos: Callable[..., Any]) -> None:
    """Three pairs of a reply are three turns."""
    train = relate(job, photos(2), "previous_turns")
    assert [train[name] for name in ids(1, 2, 3, 4, 5)] == [[], ids(1), ids(1, 2), [], ids(4)]


def test_a_reply_may_hold_several_conversations(job: Any, photos: Callable[..., Any]) -> None:
    """A plugin says of how many turns."""
    dataset = photos(1)
    dataset.turns = 1
    assert relate(job, dataset, "previous_turns") == {name: [] for name in ids(1, 2, 3)}


def test_neighbours_by_text_stand_in_the_files(
    job: Any, photos: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs of other queries, known by their texts alone."""

    class Indifferent:
        """To whom all texts are alike."""

        identity = bytes(32)
        width = 1

        def embed(self, _: str) -> list[float]:
            return [1.0]

    monkeypatch.setattr("syphus.pipeline.plan.require_model", lambda: None)
    monkeypatch.setattr(neighbours, "MiniLM", Indifferent)
    train = relate(job, photos(2), "nearest_text")
    assert train == dict.fromkeys(ids(1, 2, 3), ids(4, 5, 6)) | dict.fromkeys(
        ids(4, 5, 6), ids(1, 2, 3)
    )
    assert "by their texts" in "\n".join(job.notices)


def test_a_missing_model_is_said_before_anything_is_asked(
    job: Any, photos: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after the replies have been paid for."""
    monkeypatch.setattr(minilm, "find_spec", lambda _: None)
    dataset = photos(2)
    dataset.relations = "nearest_text"
    with pytest.raises(SettingsError, match=r"syphus-engine\[neighbours\]"):
        job.run(dataset)
    assert job.server.log.requests == 0


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("relations", "nearest", "same_source, previous_turns, nearest_text"),
        ("turns", "3", "number of pairs"),
        ("turns", -1, "number of pairs"),
    ],
)
def test_a_wrong_choice_is_refused(
    photos: Callable[..., Any], name: str, value: object, says: str
) -> None:
    """With what would be right."""
    dataset = photos(1)
    setattr(dataset, name, value)
    with pytest.raises(PluginError, match=says):
        construct._check_attributes(dataset, "Photos")
