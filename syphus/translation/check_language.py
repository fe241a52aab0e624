"""Whether a translation is in its language.

Chinese, Japanese, Korean and Arabic are told by the script of the letters: those of the language
against those of words that the source doesn't have, so that names, units and terms in Latin letters
are no fault however many there are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from syphus.core.languages import LANGUAGES
from syphus.translation.check_detector import (
    NAMES,
    is_english,
    name_language,
    name_other_arabic,
    name_other_language,
)
from syphus.translation.check_finding import Finding
from syphus.translation.check_han import count_outside, find_han_fault
from syphus.translation.check_source import find_words, is_names, read_source

if TYPE_CHECKING:
    from syphus.translation.check_source import Source

_HAN_RANGES: Final = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA_RANGES: Final = "\u3041-\u3096\u30a1-\u30fa\u30fc\u31f0-\u31ff\uff66-\uff9d"
_HANGUL_RANGES: Final = "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"
_ARABIC_RANGES: Final = (
    "\u0620-\u063f\u0641-\u064a\u066e-\u06d3\u06d5\u06ee-\u06ef\u0750-\u077f\ufb50-\ufdfb"
    "\ufe70-\ufefc"
)
_LATIN_RANGES: Final = "A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff"
_LATIN: Final = frozenset({"es", "de", "fr"})
_SCRIPTS: Final = {
    "zh": _HAN_RANGES,
    "ja": _HAN_RANGES + _KANA_RANGES,
    "ko": _HANGUL_RANGES,
    "ar": _ARABIC_RANGES,
}
_OWN: Final = {code: re.compile(f"[{ranges}]+") for code, ranges in _SCRIPTS.items()}
_FOREIGN: Final = {code: re.compile(rf"[^\W\d_{ranges}]+") for code, ranges in _SCRIPTS.items()}
_NOT_LATIN: Final = re.compile(rf"[^\W\d_{_LATIN_RANGES}]+")
# Finds out fast that a text has no other script; signs among these characters do no harm.
_BEYOND_LATIN: Final = re.compile(
    "[\u0370-\u1dff\u2c80-\u2dff\u3005-\ufaff\uff21-\uffdc\U00010000-\U0003ffff]"
)
_HAN: Final = re.compile(f"[{_HAN_RANGES}]+")
_KANA: Final = re.compile(f"[{_KANA_RANGES}]")
# Weighed, because a fifth of the letters of a Japanese text, or more, is kana and the rest Chinese.
_LETTERS: Final = {
    "Japanese": (_KANA, 5),
    "Korean": (re.compile(f"[{_HANGUL_RANGES}]"), 1),
    "Arabic": (re.compile(f"[{_ARABIC_RANGES}]"), 1),
    "Chinese": (re.compile(f"[{_HAN_RANGES}]"), 1),
    "English": (re.compile(f"[{_LATIN_RANGES}]"), 1),
}
# The figures below were measured on catalogues of other programs than Django, 2,000 (Arabic) to
# 12,000 messages a language. 995 in 1,000 have two thirds of these letters or more.
_OWN_SHARE: Final = 1 / 3
# A Chinese character or a Korean syllable says as much as two to three letters.
_LETTERS_PER_SIGN: Final = 2
# Of the Japanese messages 1 in 100 has less than a tenth of kana. The longest without any has 9
# characters; with a source of four words or more, 5 in 1,000 have none.
_KANJI_ONLY: Final = 9
_NEEDS_KANA: Final = 4
_KANA_SHARE: Final = 0.2
# A Chinese text has kana in names, and then characters that Japanese doesn't have too.
_KANA_IN_CHINESE: Final = 0.15
_CHINESE_CHARACTERS: Final = 2
# Fewer words, besides names and what is quoted, are a dish or a title: "tacos al pastor".
_TELLING_WORDS: Final = 4
_QUOTED: Final = re.compile('"[^"]*"|\u201c[^\u201d]*\u201d|\u00ab[^\u00bb]*\u00bb')
_NAME: Final = re.compile(r"(?<=[^\W\d_][ ,])[ ]?[^\W\d_a-z][\w'-]*")


def check_language(prose: str, words: list[str], source: Source, language: str) -> Finding:
    """Judge the language of a translation. `prose` is the text without its kept items.

    `words` are its words in lower case.
    """
    if language in _LATIN:
        return _check_latin(prose, words, source, language)
    lowered = prose.lower()
    foreign = [
        word for word in _FOREIGN[language].findall(lowered) if word not in source.vocabulary
    ]
    own = sum(map(len, _OWN[language].findall(prose)))
    if not own:
        return _check_without_letters(prose, words, foreign, language)
    if own < (own + sum(map(len, foreign))) * _OWN_SHARE:
        return _refuse(language, _name_script(" ".join(foreign)))
    if language == "ja":
        return _check_japanese(prose, own, source.vocabulary.difference(words))
    fault = None
    if language == "zh":
        fault = _find_chinese_fault(prose, own)
    elif language == "ar":
        fault = name_other_arabic(_OWN["ar"].findall(prose))
    return _refuse(language, fault) if fault else Finding()


def name_not_english(text: str) -> str | None:
    """Return the name of the language of a text, None where it is English or too short to tell.

    For texts without a source: names, and what a sign in the picture says, are no fault in an
    English sentence.
    """
    text = _QUOTED.sub(" ", text)
    foreign = "".join(_NOT_LATIN.findall(text))
    words = find_words(_NAME.sub(" ", text))
    if len(foreign) > sum(map(len, find_words(text))) - len(foreign):
        return _name_script(foreign)
    if len(words) < _TELLING_WORDS:
        return None
    return name_other_language(words, read_source(""), "en")[0]


def _check_without_letters(
    prose: str, words: list[str], foreign: list[str], language: str
) -> Finding:
    if foreign:
        return _refuse(language, _name_script(" ".join(foreign)))
    if is_names(prose) and not is_english(words):
        return Finding(unjudged=True)
    return _refuse(language, NAMES["en"])


def _check_latin(prose: str, words: list[str], source: Source, language: str) -> Finding:
    if not prose.isascii() and _BEYOND_LATIN.search(prose):
        foreign = [word for word in _NOT_LATIN.findall(prose) if word not in source.vocabulary]
        if foreign and sum(map(len, foreign)) * _LETTERS_PER_SIGN > sum(
            len(word)
            for word in words
            if word not in source.vocabulary and not _BEYOND_LATIN.search(word)
        ):
            return _refuse(language, _name_script(" ".join(foreign)))
    other, unjudged = name_other_language(words, source, language)
    return _refuse(language, other) if other else Finding(unjudged=unjudged)


def _find_chinese_fault(prose: str, own: int) -> str | None:
    han = "".join(_HAN.findall(prose))
    if (
        len(_KANA.findall(prose)) > own * _KANA_IN_CHINESE
        and count_outside(han, "shift_jis") < _CHINESE_CHARACTERS
    ):
        return "Japanese"
    return find_han_fault(han)


def _check_japanese(prose: str, own: int, said: frozenset[str]) -> Finding:
    han = "".join(_HAN.findall(prose))
    kana = own - len(han)
    if kana > own * _KANA_SHARE:
        return Finding()
    strange = count_outside(han, "shift_jis")
    if kana:
        return _refuse("ja", "Chinese") if strange >= _CHINESE_CHARACTERS else Finding()
    if strange or len(han) > _KANJI_ONLY or len(said) >= _NEEDS_KANA:
        return _refuse("ja", "Chinese")
    return Finding(unjudged=True)


def _name_script(text: str) -> str:
    sizes = {
        name: weight * len(pattern.findall(text)) for name, (pattern, weight) in _LETTERS.items()
    }
    name = max(sizes, key=sizes.__getitem__)
    if not sizes[name]:
        return "another language"
    return name_language(find_words(text)) if name == "English" else name


def _refuse(language: str, found: str) -> Finding:
    if found == "traditional Chinese":
        return Finding(reason="it is traditional Chinese")
    name = LANGUAGES[language].name
    return Finding(reason=f"it is not {name} but {found}")
