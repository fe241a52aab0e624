"""Runs by batches whose settings change while batches are out: what is paid for is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from syphus.backends.batch.reading import read_states
from syphus.core.records import Pair
from syphus.pipeline import pair_requests
from syphus.testing import BatchEnding, Batches, RouteFault, Script
from tests.pipeline.eight_photos import lines_of
from tests.pipeline.test_batch_run import BATCH, created, stop_when

COUNT = 6
SLOW = Script(batches=Batches(running=20))


def stop_in_batch(
    job: Any, dataset: Any, number: int, *, script: Script = SLOW, **settings: Any
) -> None:
    """A sitting that is stopped when it has created so many batches."""
    job.server.play(script)
    log = job.server.log.batches
    before = log.creates
    stop_when(job, dataset, lambda: log.creates == before + number, **BATCH, **settings)


def asked_languages(job: Any) -> Counter[str]:
    """How many replies of the translation journal are about each language."""
    lines = [line for line in lines_of(job.folder, "translate") if line["kind"] == "reply"]
    return Counter(code for line in lines for code in line["languages"])


def ready(_: Any, query: Any) -> list[Pair]:
    """A plugin's own pairs: only translations are asked for."""
    return [
        Pair(
            id=f"{query.id}_0",
            query_id=query.id,
            instruction="What is on the lake?",
            answer="There is a boat on the lake.",
        )
    ]


@pytest.mark.parametrize(
    ("before", "after", "batches"),
    [
        ("de,zh", "de", [COUNT, COUNT]),
        ("de", "de,zh", [COUNT, COUNT, COUNT]),
        ("de,zh", "zh,fr", [COUNT, COUNT, COUNT]),
    ],
)
def test_other_languages_do_not_ask_again_for_what_is_in_a_batch(
    job: Any,
    photos: Callable[..., Any],
    *,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    after: str,
    batches: list[int],
) -> None:
    """A translation under way is waited for and used whole; only what it doesn't have is sent."""
    monkeypatch.setattr(pair_requests, "_MOST_AT_HAND", 2)
    stop_in_batch(job, photos(COUNT), 2, languages=before)
    done = job.run(photos(COUNT), languages=after, **BATCH)
    assert done.outcome.exit_status == 0
    wanted = set(before.split(",")) | set(after.split(","))
    assert done.outcome.snapshot.translated == dict.fromkeys(wanted, 3 * COUNT)
    assert created(job.server) == batches
    assert asked_languages(job) == dict.fromkeys(wanted, COUNT)
    job.run(photos(COUNT), languages=",".join(sorted(wanted)), **BATCH)
    assert created(job.server) == batches


def test_translations_that_nobody_wants_now_are_kept_when_they_come(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A sitting without languages fetches them; the next with them asks for nothing."""
    stop_in_batch(job, photos(COUNT), 2, languages="de,zh")
    assert job.run(photos(COUNT), **BATCH).outcome.exit_status == 0
    assert asked_languages(job) == {"de": COUNT, "zh": COUNT}
    done = job.run(photos(COUNT), languages="de,zh", **BATCH)
    assert done.outcome.snapshot.translated == {"de": 3 * COUNT, "zh": 3 * COUNT}
    assert created(job.server) == [COUNT, COUNT]


def test_another_model_does_not_ask_again_for_translations_in_a_batch(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A translation is known by its pairs, whoever was asked for it."""
    settings = {"languages": "de"}
    dataset = photos(COUNT, ready_pairs=ready, has_ready_pairs=lambda _: True)
    stop_in_batch(job, dataset, 1, model="m", **settings)
    done = job.run(dataset, model="m2", **settings, **BATCH)
    assert done.outcome.snapshot.translated == {"de": COUNT}
    assert created(job.server) == [COUNT]


def test_pairs_that_would_be_divided_otherwise_are_not_asked_for_again(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A smaller --max_tokens makes more requests of the same pairs, but not of those in a batch."""
    stop_in_batch(job, photos(COUNT), 2, languages="de,zh,fr,ja", max_tokens=4000)
    done = job.run(photos(COUNT), languages="de,zh,fr,ja", max_tokens=150, **BATCH)
    assert done.outcome.exit_status == 0
    assert created(job.server) == [COUNT, COUNT]


def test_judgements_in_a_batch_are_waited_for_however_pairs_would_be_divided_now(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A --max_tokens with room for one pair's marks asks for none that are under way."""
    stop_in_batch(job, photos(COUNT), 2, judge=True)
    done = job.run(photos(COUNT), judge=True, max_tokens=30, **BATCH)
    assert done.outcome.exit_status == 0
    assert done.outcome.snapshot.judged == 3 * COUNT
    assert created(job.server) == [COUNT, COUNT]


def test_what_another_model_was_asked_is_kept_when_it_comes(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The new model is asked for all; the old one's replies are journalled and used again."""
    stop_in_batch(job, photos(COUNT), 1, model="m")
    job.run(photos(COUNT), model="m2", **BATCH)
    assert created(job.server) == [COUNT, COUNT]
    kinds = [line["kind"] for line in lines_of(job.folder, "generate")]
    assert kinds.count("reply") == 2 * COUNT
    done = job.run(photos(COUNT), model="m", **BATCH)
    assert done.counts == (COUNT, 0, 0)
    assert created(job.server) == [COUNT, COUNT]


def test_a_translation_in_a_batch_that_failed_is_asked_again_once_in_the_next(
    job: Any, photos: Callable[..., Any]
) -> None:
    """What was taken over from a sitting with other languages is retried like any other line."""
    ending = BatchEnding("expired", at=(2,), done=0.5)
    script = Script(batches=Batches(running=20, endings=[ending]))
    stop_in_batch(job, photos(COUNT), 2, script=script, languages="de,zh")
    done = job.run(photos(COUNT), languages="de", **BATCH)
    assert done.outcome.snapshot.translated["de"] == 3 * COUNT
    assert created(job.server) == [COUNT, COUNT, COUNT // 2]
    assert sum(line.billed for line in job.server.log.batches.lines()) == 2 * COUNT


def stop_unsent(job: Any, dataset: Any, at: int, **settings: Any) -> None:
    """A sitting that is stopped when a batch is written whose upload, number `at`, fails."""
    fault = RouteFault("server_error", "upload", at=range(at, 99))
    job.server.play(Script(batches=Batches(faults=[fault])))
    stop_when(job, dataset, lambda: bool(job.server.log.batches.faults), **BATCH, **settings)
    job.server.play(Script())


@pytest.mark.parametrize("settings", [{}, {"slice_end": 2}])
def test_what_was_written_under_another_prompt_and_not_sent_is_given_up(
    job: Any, photos: Callable[..., Any], settings: dict[str, Any]
) -> None:
    """Nothing was paid for it, so nothing is: only the requests of now are sent."""
    stop_unsent(job, photos(COUNT), 1)
    other = {"_load_prefix": lambda _: {"system_message": "Write about the picture."}}
    done = job.run(photos(COUNT, **({} if settings else other)), **BATCH, **settings)
    wanted = settings.get("slice_end", COUNT)
    assert done.outcome.exit_status == 0
    assert done.counts == (wanted, 0, 0)
    assert created(job.server) == [wanted]
    assert f"{COUNT - wanted or COUNT} requests that an earlier sitting wrote" in done.said
    assert job.run(photos(COUNT, **other), **BATCH).counts == (COUNT, 0, 0)


def test_translations_that_were_not_sent_are_asked_in_the_languages_of_now(
    job: Any, photos: Callable[..., Any]
) -> None:
    """Those that were to be asked for before cost nothing, so they are left out."""
    stop_unsent(job, photos(COUNT), 2, languages="de,zh")
    done = job.run(photos(COUNT), languages="de", **BATCH)
    assert done.outcome.snapshot.translated == {"de": 3 * COUNT}
    assert created(job.server) == [COUNT, COUNT]
    assert asked_languages(job) == {"de": COUNT}


def test_what_was_not_sent_and_is_wanted_still_goes_as_it_was_written(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The same settings send the same chunk."""
    stop_unsent(job, photos(COUNT), 2, languages="de,zh")
    done = job.run(photos(COUNT), languages="de,zh", **BATCH)
    assert done.outcome.snapshot.translated == {"de": 3 * COUNT, "zh": 3 * COUNT}
    assert created(job.server) == [COUNT, COUNT]
    assert "given up" not in done.said
    names = [state.name for state in read_states(job.folder / "journal")]
    assert names == ["0001", "0002"]
