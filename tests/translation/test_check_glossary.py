from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.errors import SettingsError
from syphus.core.languages import TARGETS
from syphus.translation.check_glossary import (
    Glossary,
    find_glossary_fault,
    load_glossary,
    terms_in,
)
from syphus.translation.values import Term


def write(folder: Path, content: str) -> Path:
    """A glossary file."""
    path = folder / "glossary.json"
    path.write_text(content, encoding="utf-8")
    return path


def keep(*names: str) -> Glossary:
    """A glossary of terms that stay as they are."""
    return Glossary(Term(term=name, forms=dict.fromkeys(TARGETS, name)) for name in names)


def test_a_file_says_forms_and_what_to_keep(tmp_path: Path) -> None:
    """`keep` is every language's form, or one language's; a missing language has none."""
    glossary = load_glossary(
        write(tmp_path, '{"Otter": "keep", "lens flare": {"de": "Lichtreflex", "fr": "keep"}}')
    )
    otter, flare = glossary.terms
    assert otter == Term(term="Otter", forms=dict.fromkeys(TARGETS, "Otter"))
    assert flare == Term(term="lens flare", forms={"de": "Lichtreflex", "fr": "lens flare"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "no JSON object"),
        ("{", "broken JSON"),
        ('{"Otter": 3}', "'Otter' needs \"keep\""),
        ('{"Otter": {}}', "'Otter' needs \"keep\""),
        ('{"Otter": {"xx": "a"}}', "'Otter' names 'xx'"),
        ('{"Otter": {"de": " "}}', "'Otter' has no text for 'de'"),
        ('{"Otter": "keep", "otter": "keep"}', "'otter' is there twice"),
        ('{"->": "keep"}', "'->' has no letter"),
    ],
)
def test_a_wrong_file_is_refused_with_its_term(tmp_path: Path, content: str, words: str) -> None:
    """One line names the file and the term."""
    path = write(tmp_path, content)
    with pytest.raises(SettingsError, match=r"^--glossary") as caught:
        load_glossary(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path without a file is a fault of the settings."""
    with pytest.raises(SettingsError, match="no such file"):
        load_glossary(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("An otter swims.", ["Otter"]),
        ("OTTER and otter", ["Otter"]),
        ("Otters swim.", []),
        ("a sea otter here", ["sea otter"]),
        ("an otter, a sea otter", ["Otter", "sea otter"]),
        ("in C++ or .NET.", ["C++", ".NET"]),
        ("in C or NET", []),
        ("", []),
    ],
)
def test_terms_are_found_as_words(text: str, names: list[str]) -> None:
    """A term counts as a word of its own, once, and not within a longer term."""
    glossary = keep("Otter", "sea otter", "C++", ".NET")
    assert [term.term for term in terms_in(text, glossary)] == names


def test_a_kept_term_has_to_stay() -> None:
    """A term to keep must be there as it is written in the glossary or in the source."""
    glossary = keep("OtterHD")
    assert find_glossary_fault("See OtterHD.", "看 OtterHD。", "zh", glossary) is None
    assert find_glossary_fault("See otterhd.", "看 otterhd。", "zh", glossary) is None
    assert find_glossary_fault("See OtterHD.", "看高清水獭。", "zh", glossary) == (
        "the term OtterHD is missing"
    )
    assert find_glossary_fault("See it.", "看。", "zh", glossary) is None


def test_a_form_has_to_be_said() -> None:
    """Another form must be there, in upper or lower case and with its endings."""
    glossary = Glossary([Term(term="lens", forms={"de": "objektiv"})])
    assert find_glossary_fault("the lens", "des Objektivs", "de", glossary) is None
    assert find_glossary_fault("the lens", "der Linse", "de", glossary) == (
        "the term lens is not said as objektiv"
    )
    assert find_glossary_fault("the lens", "レンズ", "ja", glossary) is None


NAMES = st.lists(
    st.text(alphabet="abcdef", min_size=1, max_size=6), unique=True, min_size=1, max_size=8
)


@given(names=NAMES, words=st.lists(st.text(alphabet="abcdef", min_size=1, max_size=6)))
def test_terms_of_one_word_are_found_where_they_stand(names: list[str], words: list[str]) -> None:
    """Exactly the words that are terms are found."""
    found = terms_in(", ".join(words), keep(*names))
    assert {term.term for term in found} == set(names) & set(words)
