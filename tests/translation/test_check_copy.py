from __future__ import annotations

import pytest

from syphus.translation.checks import check_translation

SOURCE = "The man is tall. He is wearing a red shirt and blue jeans."


@pytest.mark.parametrize(
    "text",
    [
        SOURCE,
        "the man is tall, he is wearing a red shirt and blue jeans",
        "«The man is tall! He is wearing a red shirt and blue jeans!»",
    ],
)
@pytest.mark.parametrize("language", ["es", "zh", "ar"])
def test_the_source_itself_is_refused(text: str, language: str) -> None:
    """The source is no translation, even with other punctuation and case."""
    assert check_translation(SOURCE, text, language).reason == "it is a copy of the source"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "El hombre es alto. He is wearing a red shirt and blue jeans."),
        ("zh", "这个男人很高。He is wearing a red shirt and blue jeans。"),
    ],
)
def test_a_sentence_left_in_english_is_refused(language: str, text: str) -> None:
    """One sentence of the source within a translation is enough."""
    reason = check_translation(SOURCE, text, language).reason
    assert reason == "a sentence of the source is left as it was"


@pytest.mark.parametrize("source", ["OK", "42", "Paris", "Golden Gate Bridge", "<image>", "3:1"])
@pytest.mark.parametrize("language", ["de", "fr"])
def test_names_and_numbers_may_stay(source: str, language: str) -> None:
    """What has no words, or names alone, is the same in every language."""
    assert check_translation(source, source, language).ok


def test_answers_are_no_names() -> None:
    """A capital letter makes no name of a common answer."""
    assert check_translation("Yes.", "Yes.", "de").reason == "it is a copy of the source"
    assert check_translation("None", "none", "ja").reason == "it is a copy of the source"


@pytest.mark.parametrize(("language", "text"), [("de", "T-Shirt."), ("fr", "T-shirt")])
def test_a_word_with_a_letter_before_it_is_one_word(language: str, text: str) -> None:
    """It may be the same in a language that shares words with English, and in no other."""
    assert check_translation("T-shirt", text, language).ok
    assert not check_translation("A shirt", "a shirt", language).ok
    assert not check_translation("T-shirt", "T-shirt", "zh").ok


def test_a_heading_is_no_name() -> None:
    """Four English words in capitals were left untranslated."""
    heading = "Verify Your Email Address"
    assert check_translation(heading, heading, "fr").reason == "it is a copy of the source"
