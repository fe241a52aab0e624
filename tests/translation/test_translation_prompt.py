from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.identity import canonical_json
from syphus.core.languages import LANGUAGES, TARGETS
from syphus.core.records import RequestShape, Sampling
from syphus.prompting.messages import Assembler
from syphus.prompting.tokens import TOKENS_PER_MESSAGE, TokenCounter
from syphus.translation.chunks import chunk_pairs
from syphus.translation.prompt import load_example, load_prefix
from syphus.translation.reading import read_translations
from syphus.translation.request import write_request
from syphus.translation.shape import response_format
from syphus.translation.values import SourcePair

CODES = tuple(sorted(TARGETS))
KEPT = re.compile(r"<\w+>|\{\w+\}|\d+(?::\d+)?")
SCRIPTS = {
    "ar": re.compile("[\u0621-\u064a]"),
    "ja": re.compile("[\u3041-\u309f]"),
    "ko": re.compile("[\uac00-\ud7a3]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
}


@given(
    languages=st.sets(st.sampled_from(CODES), min_size=1),
    texts=st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4),
    describe=st.booleans(),
)
def test_the_prefix_is_the_same_whatever_is_asked(
    *, languages: set[str], texts: list[tuple[str, str]], describe: bool
) -> None:
    """All requests begin with the same bytes and differ in the last user message alone."""
    pairs = [
        SourcePair(number=number, instruction=instruction, answer=answer)
        for number, (instruction, answer) in enumerate(texts, 1)
    ]
    chunk = chunk_pairs(pairs, languages=languages, count_tokens=len, most_tokens=1 << 30)[0]
    shape = RequestShape(model="m", sampling=Sampling(), response_format=response_format(chunk))
    assembler = Assembler(load_prefix(), shape, stage="translate")
    request = assembler.ask("q", write_request(chunk, describe=describe), position=0)
    messages = json.loads(request.messages)
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    head = canonical_json(messages[:-1])[:-1]
    prefix = load_prefix()
    assert request.messages.startswith(head)
    assert [message["content"] for message in messages[:-1]] == [
        prefix.system_message,
        *(turn.content for turn in prefix.in_context),
    ]


def test_the_example_shows_every_language() -> None:
    """The example's reply is valid JSON that gives both pairs in all seven languages."""
    chunk, translations = load_example()
    assert chunk.languages == CODES
    assert len(chunk.pairs) == len(translations) == 2
    reply = load_prefix().in_context[-1].content
    read = read_translations(reply, pairs=chunk.pairs, languages=CODES)
    assert not read.missing
    assert read.extra_keys == 0
    for number, translated in enumerate(translations, 1):
        assert [read.given[number, code] for code in CODES] == list(translated)


def test_the_example_stands_in_the_order_that_the_schema_enforces() -> None:
    """A strict endpoint writes properties in the schema's order; the example must not differ."""
    reply = load_prefix().in_context[-1].content
    assert reply == canonical_json(json.loads(reply)).decode()
    assert json.loads(load_prefix().in_context[0].content)["languages"] == list(CODES)


def test_the_example_keeps_what_must_be_kept() -> None:
    """Its numbers, tags and placeholders, of which it has some, stand in every translation."""
    chunk, translations = load_example()
    seen = set()
    for pair, translated in zip(chunk.pairs, translations, strict=True):
        for each in translated:
            for name in ("instruction", "answer"):
                kept = sorted(KEPT.findall(getattr(pair, name)))
                assert sorted(KEPT.findall(getattr(each, name))) == kept
                seen.update(kept)
    assert seen == {"<image>", "{name}", "3", "00:12"}


@pytest.mark.parametrize("code", SCRIPTS)
def test_the_example_is_in_its_own_script(code: str) -> None:
    """A text is in the script of its language and of no other."""
    _, translations = load_example()
    for each in (one for translated in translations for one in translated):
        for text in (each.instruction, each.answer):
            is_japanese_kanji = code == "zh" and each.language == "ja"
            assert bool(SCRIPTS[code].search(text)) == (each.language == code) or is_japanese_kanji


def test_the_prefix_is_short() -> None:
    """It is paid for with every request: at most 800 tokens of o200k_base."""
    prefix = load_prefix()
    counter = TokenCounter("gpt-4o")
    assert counter.is_exact
    texts = [prefix.system_message, *(turn.content for turn in prefix.in_context)]
    assert sum(counter.count(text) + TOKENS_PER_MESSAGE for text in texts) <= 800


def test_the_system_message_names_each_language_and_says_json() -> None:
    """Endpoints refuse json_object where no message has the word JSON."""
    message = load_prefix().system_message
    assert "JSON" in message
    assert all(f"{code} {LANGUAGES[code].name}" in message for code in CODES)
