"""What a run by batches holds while a day goes by: next to nothing for each query."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.records import Query, Request
from syphus.pipeline import pair_requests
from syphus.pipeline.asked_languages import AskedLanguages
from syphus.pipeline.pair_progress import Progress
from syphus.testing import Batches, Fault, Script, draw_answer
from syphus.testing.translating import read_translation_request
from tests.pipeline.eight_photos import files_of
from tests.pipeline.test_batch_run import BATCH, stop_when, without_meta

COUNT = 400
LANGUAGES = ("zh", "ja", "de", "fr", "es", "ko", "ar")


def living(kind: type) -> int:
    """How many objects of a kind are in memory."""
    gc.collect()
    return sum(isinstance(each, kind) for each in gc.get_objects())


def test_queries_and_translations_in_batches_are_not_held(
    job: Any, photos: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 400 that wait, some that were read last are in memory."""
    monkeypatch.setattr(pair_requests, "_MOST_AT_HAND", 10)
    job.server.play(Script(batches=Batches(running=20)))
    held: dict[int, list[int]] = {}
    log = job.server.log.batches

    def due() -> bool:
        if log.creates and log.creates not in held:
            held[log.creates] = [living(kind) for kind in (Query, Request, Progress)]
        return len(held) == 2

    stop_when(job, photos(COUNT), due, languages="de", **BATCH)
    assert max(map(max, held.values())) < COUNT / 2


@pytest.mark.parametrize("how", [{}, BATCH])
def test_what_is_read_again_comes_to_the_same_files(
    job: Any,
    another: Any,
    photos: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    how: dict[str, Any],
) -> None:
    """Requests of several for one query, translations that are asked again, pairs that lack one."""
    asked: set[str] = set()

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        text = messages[-1]["content"]
        is_due = read_translation_request(text) is not None and crc32(text.encode()) % 3 == 0
        if text in asked or not is_due:
            return draw_answer(messages, body)
        asked.add(text)
        return "Not now."

    settings = {"languages": "de,zh,fr,ja", "max_tokens": 150} | how
    fault = Fault("context_length", containing="number 3.")
    for each, at_hand in ((another, 2000), (job, 0)):
        asked.clear()
        monkeypatch.setattr(pair_requests, "_MOST_AT_HAND", at_hand)
        each.server.play(Script(answer=answer, faults=[fault]))
        each.run(photos(12), num_threads=1, **settings)
    assert asked
    assert without_meta(files_of(job.folder)) == without_meta(files_of(another.folder))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sets(st.tuples(st.integers(1, 40), st.sampled_from(LANGUAGES)), max_size=20),
        )
    )
)
def test_sets_of_what_is_asked_come_back_as_they_were(
    puts: list[tuple[int, set[tuple[int, str]]]],
) -> None:
    """Small ones and large ones, one position after the other or again."""
    asked, expected = AskedLanguages(LANGUAGES), {}
    for position, names in puts:
        asked.put(position, names)
        expected[position] = names
    assert {position: asked.take(position) for position in expected} == expected
