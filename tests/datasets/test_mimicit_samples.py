"""The data sets of MIMIC-IT's family: a run of each sample, and what is drawn by chance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus import Syphus
from syphus.plugins import load_dataset, select
from syphus.replies import parse_structured
from syphus.testing import ScriptedServer

ROOT = Path(__file__).parents[2]
SHORTS = {
    "CocoSpotTheDifference.change": "CGD",
    "LACONV.2d": "LACONV",
    "LADD.2d": "LADD",
    "SceneNavigation.3d": "SN",
    "EGO4D.fpv": "E4D",
    "VisualStoryTelling.video": "VST",
    "FunQATranslation.funqa": "FunQA",
    "FunQAMultipleChoice.funqa": "FunQA_MC",
    "FunQADialogue.funqa": "FunQA_DIA",
}
PAIRS_OF_A_REPLY = {
    "SceneNavigation.3d": 9,
    "FunQATranslation.funqa": 6,
    "FunQAMultipleChoice.funqa": 5,
}
FIRST_IMAGES = {
    "CocoSpotTheDifference.change": ["CGD_IMG_000000061001", "CGD_IMG_000000061003"],
    "LACONV.2d": ["LA_IMG_000000061001"],
    "LADD.2d": ["LA_IMG_000000061001"],
    "SceneNavigation.3d": ["SN_IMG_scene0801"],
    "EGO4D.fpv": [
        f"E4D_IMG_0a1b2c3d-5e6f-4a7b-8c9d-000000000001_{second:08d}" for second in range(0, 22, 2)
    ],
    "VisualStoryTelling.video": ["VST_IMG_1100201", "VST_IMG_1100202", "VST_IMG_1100204"],
    "FunQATranslation.funqa": ["FunQA_IMG_H_A_801_0120_0410"],
    "FunQAMultipleChoice.funqa": ["FunQA_IMG_H_A_801_0120_0410"],
    "FunQADialogue.funqa": ["FunQA_IMG_H_A_801_0120_0410"],
}


@pytest.mark.parametrize(("name", "short"), SHORTS.items())
def test_sample_becomes_pairs_of_mimicit(
    name: str, short: str, tmp_path: Path, read_dataset: Callable[..., Any]
) -> None:
    """As many pairs as the data set asks for, under MIMIC-IT's ids, on the images that it names."""
    queries = read_dataset(name).queries
    pairs = PAIRS_OF_A_REPLY.get(name, 3) * len(queries)
    with ScriptedServer() as server:
        syphus = Syphus(
            dataset=type(load_dataset(name, root=ROOT, prompt_path=None, query_inputs_path=None)),
            base_url=server.base_url,
            model="m",
            languages="none",
            output_dir=tmp_path / "out",
        )
        outcome = asyncio.run(syphus.run())
    assert outcome.exit_status == 0
    read = {
        file.name: orjson.loads(file.read_bytes()) for file in (tmp_path / "out").glob("*.json")
    }
    data = read[f"{short}_instructions.json"]["data"]
    ids = [f"{short}_INS_{number:05d}" for number in range(1, pairs + 1)]
    assert list(data) == list(read[f"{short}_train.json"]) == ids
    assert data[ids[0]]["image_ids"] == FIRST_IMAGES[name]


@pytest.mark.parametrize("name", SHORTS)
def test_a_second_reading_asks_the_same(name: str, read_dataset: Callable[..., Any]) -> None:
    """What is drawn is drawn by the item's id: messages and images are those of the first time."""
    first, second = read_dataset(name), read_dataset(name)
    assert first.queries == second.queries
    for query in first.queries:
        assert first.dataset.user_message(query) == second.dataset.user_message(query)
        assert first.images(query.id) == second.images(query.id)


@pytest.mark.parametrize("name", SHORTS)
def test_a_part_of_the_data_set_asks_what_the_whole_does(
    name: str, read_dataset: Callable[..., Any]
) -> None:
    """In a slice, and in another order, each item has the messages that it has in all."""
    whole = read_dataset(name)
    asked = {each.id: (each, whole.dataset.user_message(each)) for each in whole.queries}
    for part in (
        select(whole.queries, 2, 4),
        select(read_dataset(name).queries, 1, 5, sample=True, seed=7),
        select(reversed(read_dataset(name).queries)),
    ):
        again = read_dataset(name).dataset
        for query in part:
            assert (query, again.user_message(query)) == asked[query.id]


def quiz(**change: Any) -> str:
    """A reply with five questions, of which the first is changed."""
    question = {
        "question": "What falls?",
        "right_option": "A hat",
        "wrong_options": ["A cup", "A leaf", "Snow", "Rain"],
    }
    others = [{**question, "question": f"What falls in scene {at}?"} for at in range(2, 6)]
    return json.dumps({"questions": [question | change, *others]})


def test_a_choice_names_its_options_and_the_right_one() -> None:
    """The question has five lettered options; the answer is one of these lines, the right one."""
    model = load_dataset(
        "FunQAMultipleChoice.funqa", root=ROOT, prompt_path=None, query_inputs_path=None
    ).response_model
    assert model is not None
    found = parse_structured(quiz(), model).pairs
    assert len(found) == 5
    letters = set()
    for pair in found:
        stem, *options = pair.question.split("\n")
        assert stem.startswith("What falls")
        assert [option[:3] for option in options] == ["A. ", "B. ", "C. ", "D. ", "E. "]
        assert pair.answer in options
        assert pair.answer.endswith("A hat")
        letters.add(pair.answer[0])
    assert len(letters) > 1
    assert not parse_structured(quiz(wrong_options=["b", "c", "d"]), model).pairs


@pytest.mark.parametrize(
    ("wrong", "options"),
    [
        (["a hat ", "B", "c", "D"], ["A hat", "B", "c", "D"]),
        (["B", "b", "C ", "c"], ["A hat", "B", "C"]),
        (["B", " ", "C", ""], ["A hat", "B", "C"]),
        (["B", "b", "a hat", "B"], None),
        (["", " ", "", "B"], None),
    ],
)
def test_an_option_that_comes_twice_is_offered_once(
    wrong: list[str], options: list[str] | None
) -> None:
    """Three different ones make a choice; with fewer the question alone is rejected."""
    model = load_dataset(
        "FunQAMultipleChoice.funqa", root=ROOT, prompt_path=None, query_inputs_path=None
    ).response_model
    assert model is not None
    found = parse_structured(quiz(wrong_options=wrong), model)
    if options is None:
        assert len(found.pairs) == 4
        assert [each.reason for each in found.rejected] == ["the answer is empty"]
        return
    assert len(found.pairs) == 5
    lines = found.pairs[0].question.split("\n")[1:]
    assert [line[:3] for line in lines] == ["A. ", "B. ", "C. ", "D. "][: len(options)]
    assert sorted(line[3:] for line in lines) == sorted(options)
    assert found.pairs[0].answer in lines
    assert found.pairs[0].answer.endswith("A hat")


def test_a_question_without_a_right_option_is_rejected() -> None:
    """The blank is no option, and none of the others is right."""
    model = load_dataset(
        "FunQAMultipleChoice.funqa", root=ROOT, prompt_path=None, query_inputs_path=None
    ).response_model
    assert model is not None
    assert len(parse_structured(quiz(right_option=" "), model).pairs) == 4
