from __future__ import annotations

import pytest

from syphus.core.errors import SettingsError
from syphus.core.languages import LANGUAGES, TARGETS, choose_languages


def test_every_target_has_a_name_and_a_script() -> None:
    """The seven targets are described, in the same order, under their own codes."""
    assert tuple(LANGUAGES) == TARGETS
    assert all(LANGUAGES[code].code == code for code in TARGETS)
    assert LANGUAGES["zh"].name == "Simplified Chinese"
    assert len({language.name for language in LANGUAGES.values()}) == len(TARGETS)


@pytest.mark.parametrize(
    ("flag", "codes"),
    [
        ("all", TARGETS),
        ("none", ()),
        ("zh", ("zh",)),
        ("ar,ja,zh", ("zh", "ja", "ar")),
        (" FR , de ", ("de", "fr")),
    ],
)
def test_languages_are_chosen_in_one_order(flag: str, codes: tuple[str, ...]) -> None:
    """Whatever the order and the case of the codes, they come in the order of the targets."""
    assert choose_languages(flag) == codes


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("xx", "'xx' is none of them"),
        ("zh,all", "'all' is none of them"),
        ("en", "'en' is none of them"),
        ("zh,zh", "'zh' is there twice"),
        ("zh,,ja", "a code is missing"),
        ("", "a code is missing"),
    ],
)
def test_a_wrong_flag_is_named(flag: str, words: str) -> None:
    """A code that is unknown, missing or there twice ends in one line that names the flag."""
    with pytest.raises(SettingsError, match=r"^--languages") as caught:
        choose_languages(flag)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
