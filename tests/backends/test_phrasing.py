"""What refusals teach about an endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from syphus.backends.body import BodyWriter
from syphus.backends.phrasing import Phrasing
from syphus.core.errors import BadRequest, RequestError, UnsupportedParameter

NO_LIMIT = UnsupportedParameter("", status=400, code="unsupported_parameter", param="max_tokens")
NO_HEAT = UnsupportedParameter("", status=400, code="unsupported_value", param="temperature")
NAMELESS = BadRequest("response_format json_schema is not supported", status=400)


class Said:
    """A phrasing and what it noticed."""

    def __init__(self, kit: Any) -> None:
        self.notices: list[str] = []
        self.phrasing = Phrasing(name="here", model="m", on_notice=self.notices.append)
        self.formatted = kit.request(response_format=kit.schema).shape
        self.plain = kit.request().shape

    @property
    def writer(self) -> BodyWriter:
        return self.phrasing.writer

    def refuse(self, used: BodyWriter, refusal: RequestError) -> BodyWriter | None:
        """What to repeat a request with a format with."""
        return self.phrasing.reworded(used, refusal, self.formatted)


@pytest.fixture
def said(kit: Any) -> Said:
    """A phrasing that knows nothing yet."""
    return Said(kit)


def test_named_refusals_are_learned_once(said: Said) -> None:
    """Both things that reasoning models refuse are learned, each with one notice."""
    first = said.writer
    second = said.refuse(first, NO_LIMIT)
    assert second is not None
    assert said.refuse(second, NO_HEAT) is said.writer
    assert said.writer.dialect.max_tokens_name == "max_completion_tokens"
    assert not said.writer.dialect.temperature
    assert said.notices == [
        "here refuses max_tokens; max_completion_tokens is sent instead",
        "here refuses temperature; its own default is used",
    ]


def test_requests_in_flight_repeat_without_a_lesson(said: Said) -> None:
    """A refusal of the old wording, come late, is repeated in the new one and teaches nothing."""
    first = said.writer
    assert said.refuse(first, NO_LIMIT) is said.writer
    assert said.refuse(first, NO_LIMIT) is said.writer
    assert len(said.notices) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        BadRequest("", status=400, param="response_format"),
        BadRequest("", status=422, param="response_format.type"),
        BadRequest("", status=400, code="json_schema", param="messages"),
        UnsupportedParameter("", status=400, code="unsupported_value", param="response_format"),
    ],
)
def test_format_steps_down(said: Said, refusal: RequestError) -> None:
    """A format that is named in a refusal is said more plainly, then not at all, then given up."""
    modes = []
    writer = said.refuse(said.writer, refusal)
    while writer is not None:
        modes.append(writer.dialect.response_format_mode)
        writer = said.refuse(writer, refusal)
    assert modes == ["json_object", "none"]
    assert len(said.notices) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        BadRequest("temperature max_tokens response_format", status=400, param="messages"),
        UnsupportedParameter("", status=400, code="unsupported_parameter", param="logit_bias"),
        BadRequest("response_format", status=413),
    ],
)
def test_other_refusals_teach_nothing(said: Said, refusal: RequestError) -> None:
    """A refusal of something else isn't taken for a lesson, whatever its words."""
    assert said.refuse(said.writer, refusal) is None
    assert said.notices == []


def test_a_limit_refused_under_both_names_is_given_up(said: Said) -> None:
    """Renaming doesn't go back and forth."""
    both = said.refuse(said.writer, NO_LIMIT)
    assert both is not None
    assert said.refuse(both, NO_LIMIT) is None


def test_nameless_refusal_is_a_guess_until_it_works(said: Said) -> None:
    """A plainer format is tried after a 400 that names nothing, and kept once it is answered."""
    guess = said.refuse(said.writer, NAMELESS)
    assert guess is not None
    assert guess.dialect.response_format_mode == "json_object"
    assert said.writer.dialect.response_format_mode == "json_schema"
    said.phrasing.answered(guess, said.formatted)
    assert said.writer.dialect.response_format_mode == "json_object"
    assert said.notices == ["here refuses json_schema; json_object is sent instead"]


def test_a_guess_that_fails_changes_nothing(said: Said) -> None:
    """A request that is refused however it is said leaves the format as it was."""
    guess = said.refuse(said.writer, NAMELESS)
    assert guess is not None
    last = said.refuse(guess, NAMELESS)
    assert last is not None
    assert last.dialect.response_format_mode == "none"
    assert said.refuse(last, NAMELESS) is None
    assert said.writer.dialect.response_format_mode == "json_schema"
    assert said.notices == []


def test_no_guess_once_the_format_has_worked(said: Said) -> None:
    """After one reply with the format, a nameless 400 is about its own request."""
    said.phrasing.answered(said.writer, said.formatted)
    assert said.refuse(said.writer, NAMELESS) is None


def test_an_answer_without_a_format_proves_nothing(said: Said) -> None:
    """Replies of a stage that asks for no format don't end the guessing."""
    said.phrasing.answered(said.writer, said.plain)
    assert said.refuse(said.writer, NAMELESS) is not None
    assert said.phrasing.reworded(said.writer, NAMELESS, said.plain) is None


def test_a_late_guess_doesnt_undo_a_proof(said: Said) -> None:
    """A plainer format that worked for one request isn't kept if the full one works for others."""
    guess = said.refuse(said.writer, NAMELESS)
    assert guess is not None
    said.phrasing.answered(said.writer, said.formatted)
    said.phrasing.answered(guess, said.formatted)
    assert said.writer.dialect.response_format_mode == "json_schema"


def test_a_guess_keeps_what_others_learned(said: Said) -> None:
    """A guess that works changes the format and nothing else."""
    first = said.writer
    guess = said.refuse(first, NAMELESS)
    assert guess is not None
    said.refuse(first, NO_HEAT)
    said.phrasing.answered(guess, said.formatted)
    assert not said.writer.dialect.temperature
    assert said.writer.dialect.response_format_mode == "json_object"


def test_a_guess_can_learn(said: Said) -> None:
    """A plainer wording may be refused for a parameter that it then leaves out."""
    guess = said.refuse(said.writer, NAMELESS)
    assert guess is not None
    learned = said.refuse(guess, NO_LIMIT)
    assert learned is not None
    assert learned.dialect.response_format_mode == "json_object"
    assert learned.dialect.max_tokens_name == "max_completion_tokens"
