from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.languages import TARGETS
from syphus.translation.check_glossary import Glossary
from syphus.translation.checks import check_translation, normalise
from syphus.translation.values import Term

DOG = "A man is walking his dog in the park."
RIGHT = {
    "zh": "一个男人正在公园里遛狗。",
    "ja": "公園で男性が犬を散歩させています。",
    "es": "Un hombre pasea a su perro por el parque.",
    "de": "Ein Mann geht mit seinem Hund im Park spazieren.",
    "fr": "Un homme promène son chien dans le parc.",
    "ko": "한 남자가 공원에서 개를 산책시키고 있습니다.",
    "ar": "رجل يمشي مع كلبه في الحديقة.",
}
COUNT = "At 00:12 two men carry 3 bags, and at 1:05:30 they put down 12 of <image>."
COUNTED = {
    "zh": "00:12\uff0c两名男子提着三个袋子\uff0c1:05:30\uff0c他们放下了<image>中的12个。",
    "ja": "00:12に2人の男性が3つの袋を運び、1:05:30に<image>のうち十二個を下ろします。",
    "es": "En 00:12, dos hombres llevan tres bolsas y en 1:05:30 dejan doce de <image>.",
    "de": "Bei 00:12 tragen zwei Männer drei Taschen, bei 1:05:30 stellen sie 12 von <image> ab.",
    "fr": "À 00:12, deux hommes portent 3 sacs, et à 1:05:30 ils en posent douze de <image>.",
    "ko": "00:12에 두 남자가 가방 세 개를 들고 있고, 1:05:30에 <image> 중 12개를 내려놓습니다.",
    "ar": "عند \u0660\u0660:\u0661\u0662 يحمل رجلان ٣ حقائب، وعند 1:05:30 يضعان ١٢ من <image>.",
}


@pytest.mark.parametrize("language", TARGETS)
def test_right_translations_pass(language: str) -> None:
    """A right translation passes, with its numbers and timestamps as the language has them."""
    for source, texts in ((DOG, RIGHT), (COUNT, COUNTED)):
        finding = check_translation(source, texts[language], language)
        assert finding.reason is None
        assert not finding.unjudged


@pytest.mark.parametrize("text", ["", " \n\t", "\u3000"])
def test_an_empty_text_is_refused(text: str) -> None:
    """Nothing, or white space alone, is no translation."""
    assert check_translation(DOG, text, "es").reason == "it is empty"


def test_a_text_of_signs_alone_is_refused() -> None:
    """Three dots are no translation of a sentence, though they are one of three dots."""
    assert check_translation(DOG, "...", "es").reason == "it has no words"
    assert check_translation("...", "...", "es").ok


def test_a_truncated_text_is_refused() -> None:
    """A few words for a long source are too short for it, a story for a sentence too long."""
    assert check_translation(DOG, "Un hombre.", "es").reason == "it is too short for its source"
    longer = check_translation(DOG, RIGHT["es"] * 4, "es")
    assert longer.reason == "it is too long for its source"


def test_the_first_fault_is_the_telling_one() -> None:
    """English in place of Arabic is called so, whatever else is wrong with it."""
    english = check_translation(COUNT, "Two men carry bags and put some of them down.", "ar")
    assert english.reason == "it is not Arabic but English"


def test_glossary_forms_are_asked_for() -> None:
    """A term of the source must be there in its form, in upper or lower case."""
    glossary = Glossary([Term(term="dog", forms={"de": "hund", "fr": "toutou"})])
    assert check_translation(DOG, RIGHT["de"], "de", glossary=glossary).ok
    assert check_translation(DOG, RIGHT["es"], "es", glossary=glossary).ok
    french = check_translation(DOG, RIGHT["fr"], "fr", glossary=glossary)
    assert french.reason == "the term dog is not said as toutou"


def test_a_check_can_be_repeated() -> None:
    """The same texts give the same finding, whatever was checked before."""
    first = [check_translation(DOG, RIGHT[code], other) for code in TARGETS for other in TARGETS]
    again = [check_translation(DOG, RIGHT[code], other) for code in TARGETS for other in TARGETS]
    assert first == again


@given(source=st.text(), text=st.text(), language=st.sampled_from(TARGETS))
def test_no_text_raises(source: str, text: str, language: str) -> None:
    """Any two texts, surrogates and control characters too, give a finding and no error."""
    finding = check_translation(source, normalise(text, source=source), language)
    assert finding.reason != ""


@given(
    source=st.text(alphabet="ab `<>{}%@:/.h0123456789,\u0663\uff11\u4e8c\u5341'\"=\n"),
    text=st.text(alphabet="ab `<>{}%@:/.h0123456789,\u0663\uff11\u4e8c\u5341'\"=\n"),
    language=st.sampled_from(TARGETS),
)
def test_no_text_of_signs_raises(source: str, text: str, language: str) -> None:
    """Nor do texts of the signs that the checks look for."""
    check_translation(source, normalise(text, source=source), language)


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "The man walks. ",
        "漢",
        "漢字。",
        "`",
        "<",
        "<a b=",
        '<a b="',
        "{",
        "%(",
        "@",
        "a@a.",
        "http://",
        "1",
        "1,",
        "1 ",
        "12:30:",
        "三",
        "三 4 ",
        "رجل ",
        "\u202e",
        "Über das ",
        "translation",
        " \n",
    ],
)
def test_a_megabyte_is_checked_within_a_second(part: str) -> None:
    """The time grows with the length of the texts, not with its square."""
    text = part * (1_000_000 // len(part.encode()))
    start = time.process_time()
    check_translation(text, text.swapcase() + "x", "fr")
    check_translation("The man has 3 dogs and 4 cats.", text, "zh")
    assert time.process_time() - start < 2


def test_the_language_library_waits_for_a_text() -> None:
    """Importing the checks, and checking Chinese, loads no language tables."""
    code = (
        "import sys; from syphus.translation.checks import check_translation as check;"
        f"check({DOG!r}, {RIGHT['zh']!r}, 'zh'); assert 'eldc' not in sys.modules;"
        f"check({DOG!r}, {RIGHT['es']!r}, 'es'); assert 'eldc' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("language", TARGETS)
def test_digits_in_place_of_a_sentence_are_refused(language: str) -> None:
    """What has no word at all says nothing of a source that has several."""
    found = check_translation("What is a sentence that contains both", "12 12", language)
    assert found.reason == "it has no words"
    assert check_translation("25", "25", language).ok
