"""Counting tokens without a network."""

from __future__ import annotations

import socket
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.records import Prefix, Turn
from syphus.prompting.tokens import TokenCounter, estimate_tokens, vocabulary_of

# https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken_for_chat_completions: the
# API bills 124 prompt tokens for these with gpt-4o, where the four in the middle also have a name,
# example_user or example_assistant.
BILLED = 124
NAMES = ("example_user", "example_assistant")
CONTENTS = (
    (
        "You are a helpful, pattern-following assistant that translates corporate jargon into "
        "plain English."
    ),
    "New synergies will help drive top-line growth.",
    "Things working well together will increase revenue.",
    (
        "Let's circle back when we have more bandwidth to touch base on opportunities for "
        "increased leverage."
    ),
    "Let's talk later when we're less busy about how to do better.",
    "This late pivot means we don't have time to boil the ocean for the client deliverable.",
)
MODELS = (
    *("gpt-4", "gpt-4-0613", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-35-turbo", "gpt-5", "o3-mini"),
    *("text-davinci-003", "gpt2", "chatgpt0301", "Qwen/Qwen3-8B", "my-deployment", ""),
)
COUNTER = TokenCounter("gpt-4o")


def prompt_tokens(counter: TokenCounter) -> int:
    """The estimate for the conversation above, without the names."""
    turns = tuple(
        Turn(role="assistant" if number % 2 else "user", content=content)
        for number, content in enumerate(CONTENTS[1:5])
    )
    prefix = Prefix(system_message=CONTENTS[0], in_context=turns)
    return counter.count_prefix(prefix) + counter.count_message(CONTENTS[5])


def test_the_count_is_what_open_ai_bills() -> None:
    """OpenAI's own example comes out to the token; a name costs itself and one more."""
    names = 2 * sum(COUNTER.count(name) + 1 for name in NAMES)
    assert prompt_tokens(COUNTER) + names == BILLED
    assert COUNTER.is_exact


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_counted(model: str) -> None:
    """By its own vocabulary or by another: the figure lies near what OpenAI bills."""
    assert prompt_tokens(TokenCounter(model)) == pytest.approx(BILLED - 13, rel=0.1)


@pytest.mark.parametrize(
    "model", ["gpt-4", "gpt-4-0613", "gpt-4-32k", "gpt-3.5-turbo", "gpt-35-turbo"]
)
def test_older_models_have_a_vocabulary_of_their_own(model: str) -> None:
    """As the package that carries the vocabularies has it, with those of today."""
    import bpe_openai  # noqa: PLC0415 - half a second

    for each in (model, "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini"):
        assert vocabulary_of(each) == bpe_openai.encoding_name_for_model(each)
        tokens = bpe_openai.get_encoding(vocabulary_of(each)).encode_ordinary(CONTENTS[5])
        assert TokenCounter(each).count(CONTENTS[5]) == len(tokens)


def test_counting_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vocabulary is in a package, not at an address."""

    def refuse(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert TokenCounter("gpt-4o").count("A dog by a lake.") == 6


def test_without_the_vocabulary_tokens_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate is told as one, and lies within a third of the truth for English."""
    monkeypatch.setitem(sys.modules, "bpe_openai", None)
    counter = TokenCounter("gpt-4o")
    assert not counter.is_exact
    assert prompt_tokens(counter) == pytest.approx(prompt_tokens(COUNTER), rel=1 / 3)


def test_other_scripts_are_not_taken_for_english() -> None:
    """A hundred characters of Chinese are more than a hundred of English."""
    chinese = "一只猫坐在窗边的木椅上看着外面的雨" * 6
    english = "A cat sits on a wooden chair by the window and looks at the rain. " * 2
    assert COUNTER.count(chinese[:100]) > COUNTER.count(english[:100])
    assert estimate_tokens(chinese[:100]) > estimate_tokens(english[:100])


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=80))
def test_every_text_can_be_counted(text: str) -> None:
    """Surrogates and what looks like a special token are text; nothing has fewer than 0 tokens."""
    for each in (text, f"{text}<|endoftext|>{text}"):
        assert 0 <= COUNTER.count(each) <= 4 * len(each)
        assert estimate_tokens(each) > 0


@given(st.text(max_size=60), st.text(max_size=60))
def test_more_text_has_no_fewer_tokens(one: str, other: str) -> None:
    """Within the few tokens that may merge where two texts meet."""
    whole = COUNTER.count(one + other)
    assert whole >= max(COUNTER.count(one), COUNTER.count(other)) - 8


def test_a_very_long_text_holds_nothing_up() -> None:
    """Ten million characters are estimated at once, near what counting would give."""
    text = "A cat sits on a wooden chair by the window. " * 230_000
    began = time.perf_counter()
    tokens = COUNTER.count(text)
    assert time.perf_counter() - began < 1
    assert tokens == pytest.approx(230_000 * 10, rel=0.35)
