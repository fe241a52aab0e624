"""What the scripted server says to translation requests passes for translations."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.languages import TARGETS
from syphus.testing import ScriptedServer
from syphus.testing.translating import (
    draw_translation,
    draw_translations,
    read_translation_request,
)
from syphus.translation.checks import check_translation

SOURCES = (
    "What has changed in the car park between the two pictures?",
    "The white van on the left has gone, and two people now stand beside the red car.",
    "There are 3 dogs, 12 birds and about 1,500 people in <image> at 00:12.",
    "Open `main.py` or https://example.org/a?b=1 and write to {name} at a@example.org.",
)
PAIR = {"instruction": SOURCES[0], "answer": SOURCES[1]}


def request(*languages: str, pairs: int = 1) -> dict[str, Any]:
    """A translation request."""
    return {
        "languages": list(languages),
        "pairs": {str(number): PAIR for number in range(1, pairs + 1)},
    }


@pytest.mark.parametrize("code", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_drawn_text_passes_the_checks_of_its_language(source: str, code: str) -> None:
    """Numbers, tags, addresses, placeholders and code are kept."""
    finding = check_translation(source, draw_translation(source, code), code)
    assert finding.ok, finding.reason


@pytest.mark.parametrize(("code", "other"), list(permutations(TARGETS, 2)))
def test_a_drawn_text_passes_in_no_other_language(code: str, other: str) -> None:
    """A test that swaps two languages is a test of the check."""
    text = draw_translation(SOURCES[1], code)
    assert not check_translation(SOURCES[1], text, other).ok


@given(text=st.text(max_size=200), code=st.sampled_from(TARGETS))
def test_any_text_gives_words_always_the_same(text: str, code: str) -> None:
    """Never empty and never the source."""
    drawn = draw_translation(text, code)
    assert drawn.strip()
    assert drawn != text
    assert draw_translation(text, code) == drawn


def test_a_reply_has_what_was_asked_for_and_no_more() -> None:
    """Each pair under its number, each text under its language's code, in the schema's order."""
    reply = orjson.loads(draw_translations(request("de", "ar", pairs=2)))
    assert list(reply) == ["1", "2"]
    for pair in reply.values():
        assert list(pair) == ["answer", "instruction"]
        assert all(list(texts) == ["ar", "de"] for texts in pair.values())


@pytest.mark.parametrize("rest", ["", "\n\nReply with one JSON object of exactly this shape: {}"])
def test_a_request_is_known_with_words_behind_it(rest: str) -> None:
    """As an endpoint gets it that knows no response format."""
    text = orjson.dumps(request("fr")).decode() + rest
    assert read_translation_request(text) == request("fr")


@pytest.mark.parametrize(
    "text", ["", "Photo 1.", "{", "[]", "{}", '{"languages":["de"]}', '{"pairs":{}}', "{} {}"]
)
def test_other_messages_are_no_requests(text: str) -> None:
    """Whatever else is sent gets pairs, as ever."""
    assert read_translation_request(text) is None


def test_the_server_answers_requests_for_translations(ask: Callable[..., Any]) -> None:
    """Without a script of its own, and with a response format or without."""
    text = orjson.dumps(request("ja", "ko")).decode()
    with ScriptedServer() as server:
        plain = ask(server, text)
        formed = ask(server, text, response_format={"type": "json_object"})
    assert plain.content == formed.content == draw_translations(request("ja", "ko"))
