"""Items that a plugin leaves out: told, counted and listed, while the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def items(total: int, every: int) -> list[dict[str, Any]]:
    """So many items, of which each `every`th is left out."""
    return [
        {"id": f"p{number}", "skip": f"photo {number} is torn"}
        if number % every == 0
        else {"id": f"p{number}", "sentences": f"Photo number {number}."}
        for number in range(1, total + 1)
    ]


def test_each_is_told_and_listed(job: Any, photos: Callable[..., Any]) -> None:
    """One line an item with position, id and reason; the others are asked and written."""
    done = job.run(photos(items(8, 4)))
    assert done.outcome.exit_status == 0
    assert done.counts == (6, 0, 0)
    assert done.outcome.skipped == 2
    assert done.said.count("is left out") == 2
    assert "item 4 (p4) is left out: photo 4 is torn" in done.notices
    assert job.read("meta.json")["skipped_items"] == 2
    assert job.read("meta.json")["total_examples"] == 6
    assert job.read("skipped_items.json") == [
        {"id": "p4", "position": 4, "error_message": "photo 4 is torn"},
        {"id": "p8", "position": 8, "error_message": "photo 8 is torn"},
    ]
    assert {one["id"] for one in job.read("valid_output.json")} == {
        f"p{number}" for number in range(1, 8) if number != 4
    }


def test_a_resume_tells_them_again_and_asks_nothing(job: Any, photos: Callable[..., Any]) -> None:
    """Another sitting comes to the same list; once all are mended, the list is gone."""
    job.run(photos(items(8, 4)))
    again = job.run(photos(items(8, 4)))
    assert again.requests == 0
    assert again.outcome.skipped == len(job.read("skipped_items.json")) == 2
    mended = job.run(photos(items(8, 100)))
    assert mended.requests == 2
    assert mended.outcome.skipped == 0
    assert not (job.folder / "skipped_items.json").exists()


def test_of_many_the_first_are_told(job: Any, photos: Callable[..., Any]) -> None:
    """Twenty lines, then how many more; the list has all, those behind the look-ahead too."""

    def generate() -> Iterator[dict[str, Any]]:
        yield {"id": "p0", "sentences": "Photo number 0."}
        yield from items(1_100, 1)

    done = job.run(photos(generate))
    assert done.said.count("is left out") == 20
    assert f"1080 more items are left out: see {job.folder / 'skipped_items.json'}" in done.notices
    assert len(job.read("skipped_items.json")) == done.outcome.skipped == 1_100
