"""Syphus from Python, in a loop that already runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syphus import AbstractDataset, Syphus
from syphus.core.errors import PluginError, SettingsError
from syphus.testing import Script


def test_a_cell_awaits_a_run(job: Any, another: Any, photos: Callable[..., Any]) -> None:
    """In a running event loop two runs go on beside each other and beside other tasks."""
    job.server.play(Script(latency=0.1))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def cell() -> tuple[Any, Any]:
        ticking = asyncio.create_task(tick())
        first, second = await asyncio.gather(
            job.syphus(photos(10), num_threads=2).run(),
            another.syphus(photos(10), num_threads=2).run(),
        )
        ticking.cancel()
        return first, second

    first, second = asyncio.run(cell())
    assert first.exit_status == second.exit_status == 0
    assert first.folder != second.folder
    assert job.outputs() == another.outputs()
    assert ticks >= 10


def test_a_plugin_needs_no_file(job: Any, tmp_path: Path, untranslated: dict[str, str]) -> None:
    """An instance of a class from a notebook's cell is enough; its name makes the folder's."""

    class Birds(AbstractDataset):
        def _load_query_inputs(self, path: object) -> list[dict[str, str]]:
            del path
            return [{"id": "b1", "sentences": "A heron by a pond."}]

        def _load_prefix(self, path: object) -> dict[str, Any]:
            del path
            return {"system_message": "Write pairs."}

    async def cell() -> Any:
        settings = {"base_url": job.server.base_url, "model": "m", **untranslated}
        return await Syphus(dataset=Birds("birds"), **settings).run()

    outcome = asyncio.run(cell())
    assert outcome.exit_status == 0
    assert outcome.folder.resolve() == tmp_path / "output_Birds_v1"
    assert (outcome.folder / "B_instructions.json").exists()


def test_a_plugin_is_found_by_its_name(
    job: Any, tmp_path: Path, untranslated: dict[str, str]
) -> None:
    """Without an instance, `name` finds the class in the folder `datasets` under `root`."""
    folder = tmp_path / "project" / "datasets"
    folder.mkdir(parents=True)
    folder.joinpath("seas.py").write_text(
        "from syphus import AbstractDataset\n"
        "class Seas(AbstractDataset):\n"
        "    def _load_query_inputs(self):\n"
        "        return [{'id': 1, 'sentences': ['A wave.', 'A gull.']}]\n"
        "    def _load_prefix(self):\n"
        "        return {'system_message': 'Write pairs.'}\n"
    )
    settings = {"base_url": job.server.base_url, "model": "m", **untranslated}
    syphus = Syphus(name="Seas.seas", root=folder.parent, **settings)
    assert asyncio.run(syphus.run()).exit_status == 0
    assert [query.text for query in job.server.log.queries()] == ["A wave.\nA gull."]


def test_a_preview_sends_nothing_and_leaves_no_folder(job: Any, photos: Callable[..., Any]) -> None:
    """It shows the first query's messages, and what the run would come to at the given price."""
    entry = {
        "base_url": job.server.base_url,
        "model": "gpt-4o",
        "price": {"prompt": 2.5, "completion": 10.0},
    }
    dataset = photos({"a": "A dog.", "b": "A cat.", "c": ""})
    found = job.syphus(dataset, base_url=None, model=None, deployments=[entry]).preview()
    assert [message["role"] for message in found.messages] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    assert found.messages[-1]["content"] == "A dog."
    assert (found.queries, found.empty) == (2, 1)
    assert found.model == "gpt-4o"
    assert found.tokens_are_exact
    assert 2 * found.prefix_tokens < found.prompt_tokens < 2 * found.prefix_tokens + 40
    assert found.most_completion_tokens == 2 * 2048
    assert 0 < found.completion_tokens < found.most_completion_tokens
    usual = (found.prompt_tokens * 2.5 + found.completion_tokens * 10.0) / 1e6
    most = (found.prompt_tokens * 2.5 + found.most_completion_tokens * 10.0) / 1e6
    assert (found.cost, found.most_cost) == pytest.approx((usual, most))
    assert job.server.log.requests == 0
    assert not job.folder.exists()


def test_a_preview_without_a_price_says_so(job: Any, photos: Callable[..., Any]) -> None:
    """A cost that isn't known is None, and never 0."""
    found = job.syphus(photos(3)).preview()
    assert found.cost is None
    assert found.most_cost is None


def test_a_preview_shows_odd_texts(job: Any, photos: Callable[..., Any]) -> None:
    """A plugin's message with half a surrogate pair is shown and sent like any other."""
    dataset = photos(1, user_message=lambda _self, _query: "A \ud83d sign.")
    assert "sign" in job.syphus(dataset).preview().messages[-1]["content"]
    assert job.run(dataset).counts == (1, 0, 0)


def test_a_preview_tells_repeated_and_renamed_ids(job: Any, photos: Callable[..., Any]) -> None:
    """Ids that occur twice are counted before anything is paid for them."""
    texts = ["A dog.", "A dog.", "A cat."]
    found = job.syphus(photos([{"id": "a", "sentences": text} for text in texts])).preview()
    assert (found.queries, found.repeated, found.renamed) == (2, 1, 1)


def test_a_cancelled_run_goes_on_later(job: Any, photos: Callable[..., Any]) -> None:
    """A cell that is interrupted leaves a journal, no lock, and nothing that is asked twice."""
    job.server.play(Script(latency=0.1))

    async def cells() -> tuple[int, Any]:
        running = asyncio.create_task(job.syphus(photos(60), num_threads=4).run())
        while job.server.log.successes < 8:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        kept = job.journal.read_bytes().count(b'"kind":"reply"')
        job.server.play(Script())
        before = job.server.log.requests
        outcome = await job.syphus(photos(60)).run()
        return kept + job.server.log.requests - before, outcome

    answered, outcome = asyncio.run(cells())
    assert answered == 60
    assert outcome.exit_status == 0
    assert len(job.read("valid_output.json")) == 180


def test_a_run_tells_how_far_it_is(job: Any, photos: Callable[..., Any]) -> None:
    """The snapshot counts what is done, in flight and left, and is None before the run."""
    job.server.play(Script(latency=0.3))

    async def cell() -> tuple[Any, Any, Any]:
        syphus = job.syphus(photos(6), num_threads=3)
        before = syphus.snapshot()
        running = asyncio.create_task(syphus.run())
        while job.server.log.successes < 3:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.15)
        during = syphus.snapshot()
        await running
        return before, during, syphus.snapshot()

    before, during, after = asyncio.run(cell())
    assert before is None
    assert (during.total, during.done, during.in_flight, during.left) == (6, 3, 3, 3)
    assert (after.done, after.in_flight, after.left) == (6, 0, 0)


@pytest.mark.parametrize("wrong", [{"num_threads": 0}, {"nme": "x"}, {"redo": "all"}])
def test_wrong_settings_raise_at_once(photos: Callable[..., Any], wrong: dict[str, Any]) -> None:
    """A mistyped setting is told by its name before anything is read."""
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Syphus(dataset=photos(1), **wrong)


def test_an_unknown_name_raises_when_the_run_begins() -> None:
    """A name that nobody has gives one line that says what a name looks like."""
    with pytest.raises(PluginError, match="Nobody") as caught:
        asyncio.run(Syphus(name="Nobody.nowhere", backend="local").run())
    assert "\n" not in str(caught.value)
