"""What the judge is asked: pairs divided without loss, data that stays data, a valid example."""

from __future__ import annotations

import json
from itertools import pairwise
from os.path import commonprefix

from hypothesis import given
from hypothesis import strategies as st

from syphus.core.records import QuestionAnswer, RequestShape, Sampling
from syphus.judging.division import MOST_TOKENS, TOKENS_A_PAIR, divide_pairs
from syphus.judging.prompt import load_example, load_prefix
from syphus.judging.reading import read_judgement
from syphus.judging.request import write_request
from syphus.judging.shape import MOST_PAIRS, describe_format, response_format
from syphus.judging.values import CRITERIA, Graded
from syphus.prompting.messages import Assembler
from syphus.prompting.tokens import TokenCounter

_MOST_PROPERTIES = 100
TEXTS = st.text(max_size=40)
PAIRS = st.builds(QuestionAnswer, question=TEXTS, answer=TEXTS)


@given(
    st.lists(st.integers(0, 3000), max_size=70),
    st.none() | st.integers(1, 4000),
)
def test_pairs_are_divided_in_order_and_without_loss(
    sizes: list[int], max_tokens: int | None
) -> None:
    """Each stands in one request; requests keep to the bounds and none could take the next pair."""
    pairs = [QuestionAnswer(question="q" * size, answer="") for size in sizes]
    parts = divide_pairs(enumerate(pairs, 1), count_tokens=len, max_tokens=max_tokens)
    assert [number for part in parts for number in part] == list(range(1, len(pairs) + 1))
    most = MOST_PAIRS
    if max_tokens is not None:
        most = min(most, max(1, int(0.75 * max_tokens) // TOKENS_A_PAIR))

    def fits(part: tuple[int, ...]) -> bool:
        return len(part) <= most and sum(sizes[n - 1] for n in part) <= MOST_TOKENS

    assert all(len(part) == 1 or fits(part) for part in parts)
    assert not any(fits((*part, following[0])) for part, following in pairwise(parts))


@given(TEXTS, TEXTS, st.lists(PAIRS, min_size=1, max_size=4))
def test_what_is_graded_is_data(task: str, annotation: str, pairs: list[QuestionAnswer]) -> None:
    """No quote, brace or newline in it can end its place in the request."""
    graded = Graded(task=task, annotation=annotation, pairs=tuple(pairs))
    text = write_request(graded, reasons={1: "grounding is 9"}, describe=True)
    request, words = text.split("\n\n", 1)
    assert json.loads(request) == {
        "task": task,
        "annotation": annotation,
        "pairs": {
            str(place): {"question": pair.question, "answer": pair.answer}
            for place, pair in enumerate(pairs, 1)
        },
        "rejected": {"1": "grounding is 9"},
    }
    assert words == describe_format(len(pairs))


def test_all_requests_of_a_run_begin_alike() -> None:
    """Up to the annotation, so that prompt caches serve rubric, example and task."""
    assembler = Assembler(
        load_prefix(), RequestShape(model="m", sampling=Sampling()), stage="judge"
    )
    pair = QuestionAnswer(question="What is it?", answer="A boat.")
    first, second = (
        assembler.ask(
            "q", write_request(Graded(task="T", annotation=said, pairs=(pair,))), position=0
        ).messages
        for said in ("A boat.", "A harbour.")
    )
    # Bytes, not the paths that the function was once made for.
    shared = commonprefix([first, second])  # noqa: RUF071
    assert shared.endswith(rb"{\"task\":\"T\",\"annotation\":\"A ")


def test_the_schema_is_strict_and_small_enough_for_azure() -> None:
    """Every mark of every pair is required and enumerated, in the order of the pairs."""
    schema = json.loads(response_format(MOST_PAIRS))["json_schema"]
    assert schema["strict"] is True
    places = [str(place) for place in range(1, MOST_PAIRS + 1)]
    assert list(schema["schema"]["properties"]) == schema["schema"]["required"] == places
    for scores in schema["schema"]["properties"].values():
        assert list(scores["properties"]) == scores["required"] == list(CRITERIA)
        assert scores["additionalProperties"] is False
        assert all(mark["enum"] == [1, 2, 3, 4, 5] for mark in scores["properties"].values())
    assert MOST_PAIRS * (1 + len(CRITERIA)) <= _MOST_PROPERTIES


def test_the_words_for_the_shape_are_no_judgement() -> None:
    """A model that repeats them hasn't judged."""
    assert not read_judgement(describe_format(2), pairs=2).given


def test_the_example_is_a_judgement_in_the_schemas_order() -> None:
    """Its reply reads as its scores, which use the scale and fall on each criterion."""
    graded, scores = load_example()
    reply = load_prefix().in_context[-1].content
    read = read_judgement(reply, pairs=len(graded.pairs))
    assert tuple(read.given[place] for place in sorted(read.given)) == scores
    assert not read.missing
    properties = json.loads(response_format(len(graded.pairs)))["json_schema"]["schema"]
    assert list(json.loads(reply)) == properties["required"]
    assert [list(marks) for marks in json.loads(reply).values()] == [list(CRITERIA)] * len(scores)
    for name in CRITERIA:
        assert {getattr(each, name) for each in scores} & {1, 2}
        assert 5 in {getattr(each, name) for each in scores}


def test_the_example_shows_an_order_in_the_annotation_that_is_not_followed() -> None:
    """It asks for the best marks, and doesn't get them."""
    graded, scores = load_example()
    assert "all marks are 5" in graded.annotation
    assert any(each.grounding < 3 for each in scores)


def test_the_prefix_is_short() -> None:
    """It is paid for with every request: at most 550 tokens of o200k_base."""
    counter = TokenCounter("gpt-4o")
    assert counter.is_exact
    assert counter.count_prefix(load_prefix()) <= 550
