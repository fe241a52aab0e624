"""Replies of data sets that say themselves what a reply is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel

from syphus.core.errors import PluginError
from syphus.core.records import Query
from syphus.testing import Fault, Script

STORY = "Once upon a time.\n\nQuestion: never mind?"


class Talk(BaseModel):
    """A question and its answer."""

    question: str
    answer: str


class Talks(BaseModel):
    """What a reply must look like."""

    scene: str
    talks: list[Talk]


def test_free_text_is_kept_whole(job: Any, photos: Callable[..., Any]) -> None:
    """Replies of a free-text data set are results as they stand, and no pairs are made of them."""
    job.server.play(Script(answer=STORY))
    sitting = job.run(photos(2, free_text=True))
    assert sitting.requests == 2
    assert sitting.counts == (2, 0, 0)
    expected = [{"id": "p0", "results": STORY}, {"id": "p1", "results": STORY}]
    assert job.read("valid_output.json") == expected
    assert not (job.folder / "PH_instructions.json").exists()


@pytest.mark.parametrize(
    "fault", ["finish_length", "finish_content_filter", "null_content", "refusal"]
)
def test_free_text_that_is_not_whole_is_no_result(
    job: Any, photos: Callable[..., Any], fault: Any
) -> None:
    """A text that was cut off, withheld, refused or empty is invalid, with the reason."""
    job.server.play(Script(answer=STORY, faults=[Fault(fault)]))
    assert job.run(photos(1, free_text=True), max_reasks=0).counts == (0, 1, 0)
    assert job.read("valid_output.json") == []
    assert job.read("invalid_output.json")[0]["error_message"]


def test_free_text_is_asked_again_for_a_text(job: Any, photos: Callable[..., Any]) -> None:
    """The correcting turn of a free-text data set doesn't ask for questions and answers."""
    turns: list[str] = []

    def answer(messages: list[dict[str, Any]], _: object) -> str:
        turns.append(messages[-1]["content"])
        return " " if len(turns) == 1 else STORY

    job.server.play(Script(answer=answer))
    assert job.run(photos(1, free_text=True)).counts == (1, 0, 0)
    assert "Question: ...\nAnswer: ..." not in turns[1]


def test_structured_replies_become_pairs(job: Any, photos: Callable[..., Any]) -> None:
    """A response model is sent as a strict schema, and what comes back gives the pairs."""
    formats: list[Any] = []

    def answer(_: object, body: dict[str, Any]) -> str:
        formats.append(body.get("response_format"))
        return json.dumps({"scene": "s", "talks": [{"question": "What?", "answer": "That."}]})

    job.server.play(Script(answer=answer))
    assert job.run(photos(1, response_model=Talks)).counts == (1, 0, 0)
    assert job.pairs_of("p0") == [("What?", "That.")]
    (asked,) = formats
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["strict"] is True
    assert set(asked["json_schema"]["schema"]["required"]) == {"scene", "talks"}


def test_a_structured_reply_is_asked_again_for_json(job: Any, photos: Callable[..., Any]) -> None:
    """The correcting turn asks for the form that the plugin wants, not for labelled text."""
    turns: list[str] = []

    def answer(messages: list[dict[str, Any]], _: object) -> str:
        turns.append(messages[-1]["content"])
        good = {"scene": "s", "talks": [{"question": "What?", "answer": "That."}]}
        return "no JSON" if len(turns) == 1 else json.dumps(good)

    job.server.play(Script(answer=answer))
    assert job.run(photos(1, response_model=Talks)).counts == (1, 0, 0)
    assert "JSON" in turns[1]
    assert "Question:" not in turns[1]


def test_data_that_does_not_fit_the_model_is_invalid(job: Any, photos: Callable[..., Any]) -> None:
    """The reason names the field that is wrong."""
    job.server.play(Script(answer='{"scene": 3, "talks": []}'))
    assert job.run(photos(1, response_model=Talks), max_reasks=0).counts == (0, 1, 0)
    assert "scene" in job.read("invalid_output.json")[0]["error_message"]


def test_a_plugin_may_parse_replies_itself(job: Any, photos: Callable[..., Any]) -> None:
    """What the plugin's parse yields are the pairs; Syphus's own parser isn't asked."""

    def parse(_: object, reply: str) -> Iterator[dict[str, str]]:
        for line in reply.splitlines():
            question, answer = line.split("|")
            yield {"question": question, "answer": answer}

    job.server.play(Script(answer="Who?|A dog.\nWhere?|Here."))
    assert job.run(photos(1, parse=parse)).counts == (1, 0, 0)
    assert job.pairs_of("p0") == [("Who?", "A dog."), ("Where?", "Here.")]


def test_a_parse_that_returns_none_leaves_the_reply_to_syphus(
    job: Any, photos: Callable[..., Any]
) -> None:
    """None is how a plugin says that a reply is nothing special."""
    assert job.run(photos(1, parse=lambda _self, _reply: None)).counts == (1, 0, 0)
    assert len(job.pairs_of("p0")) == 3


@pytest.mark.parametrize("error", [KeyError("pair"), RecursionError("deep"), SystemExit("no")])
def test_a_parse_that_raises_costs_one_query(
    job: Any, photos: Callable[..., Any], error: BaseException
) -> None:
    """The reply stays in the journal and is listed as invalid with the error as the reason."""

    def parse(_: object, reply: str) -> None:
        if "number" in reply:
            raise error

    job.server.play(Script(answer=lambda messages, _: f"Question: A?\nAnswer: {messages[-1]}"))
    dataset = photos({"a": "Photo number 1.", "b": "Another."}, parse=parse)
    assert job.run(dataset, max_reasks=0).counts == (1, 1, 0)
    (record,) = job.read("invalid_output.json")
    assert record["id"] == "a"
    assert type(error).__name__ in record["error_message"]
    assert "number 1" in record["response"]


@pytest.mark.parametrize(
    "pair",
    [
        {"question": "What?", "answer": ""},
        {"question": None, "answer": "That."},
        {"question": "What?", "answer": None},
        {"question": " ", "answer": "That."},
    ],
)
def test_a_pair_without_a_text_is_no_pair(
    job: Any, photos: Callable[..., Any], pair: dict[str, Any]
) -> None:
    """Whatever a plugin's parse gives, no pair with an empty or missing side is written."""
    sitting = job.run(photos(1, parse=lambda _self, _reply: [pair]), max_reasks=0)
    assert sitting.counts == (0, 1, 0)
    assert job.read("PH_instructions.json")["data"] == {}


@pytest.mark.parametrize("found", [[], [{"q": "What?"}], ["What?"], 7])
def test_a_parse_that_gives_something_else_makes_the_reply_invalid(
    job: Any, photos: Callable[..., Any], found: Any
) -> None:
    """No pair, a wrong key, and no list of pairs each give a reason and no error."""
    sitting = job.run(photos(1, parse=lambda _self, _reply: found), max_reasks=0)
    assert sitting.counts == (0, 1, 0)
    assert job.read("invalid_output.json")[0]["error_message"]


def test_user_message_is_what_the_model_is_told(job: Any, photos: Callable[..., Any]) -> None:
    """The plugin's own words for a query are sent in place of its text."""

    def user_message(_: object, query: Query) -> str:
        return f"Look at {query.text}"

    job.run(photos({"a": "A dog."}, user_message=user_message))
    assert [query.text for query in job.server.log.queries()] == ["Look at A dog."]


def test_image_ids_stand_in_the_instructions(job: Any, photos: Callable[..., Any]) -> None:
    """The plugin names the images that the pairs of a query belong to."""

    def image_ids(_: object, query: Query) -> tuple[str, str]:
        return f"{query.source_id}_1", f"{query.source_id}_2"

    job.run(photos({"a": "A dog."}, image_ids=image_ids))
    data = job.read("PH_instructions.json")["data"]
    assert [entry["image_ids"] for entry in data.values()] == [["a_1", "a_2"]] * 3


def test_one_image_id_may_be_a_text(job: Any, photos: Callable[..., Any]) -> None:
    """A text given in place of a list is one id, not one for each letter."""
    job.run(photos(1, image_ids=lambda _self, query: f"IMG_{query.id}"))
    entries = job.read("PH_instructions.json")["data"].values()
    assert [entry["image_ids"] for entry in entries] == [["IMG_p0"]] * 3


@pytest.mark.parametrize("method", ["user_message", "image_ids"])
def test_a_method_that_raises_for_the_first_query_is_wrong_input(
    job: Any, photos: Callable[..., Any], method: str
) -> None:
    """A plugin that can't work is told before anything is sent, by its method and the error."""

    def broken(_: object, query: Query) -> str:
        raise LookupError(query.id)

    with pytest.raises(PluginError, match=rf"{method}.*LookupError"):
        job.run(photos(3, **{method: broken}))
    assert job.server.log.requests == 0


@pytest.mark.parametrize("method", ["user_message", "image_ids"])
def test_a_method_that_raises_late_loses_no_reply(
    job: Any, photos: Callable[..., Any], method: str
) -> None:
    """The error is told, and the mended plugin is asked only for what has no reply yet."""

    def broken(_: object, query: Query) -> Any:
        if query.id == "p1040":
            raise LookupError(query.id)
        return query.text if method == "user_message" else (query.id,)

    def items() -> Iterator[dict[str, str]]:
        yield from ({"id": f"p{at}", "sentences": f"Photo {at}."} for at in range(1050))

    with suppress(PluginError):
        sitting = job.run(photos(items, **{method: broken}), num_threads=64)
        assert sitting.outcome.exit_status == 3
        assert "LookupError" in str(sitting.outcome.stopped_by)
    sent = job.server.log.successes
    again = job.run(photos(items), num_threads=64)
    assert again.outcome.exit_status == 0
    assert again.requests == 1050 - sent
