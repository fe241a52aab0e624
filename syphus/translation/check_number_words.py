"""Small numbers as words: what a translator may write where the source has a digit."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# The words for 0 to 12, or 20, cardinal and ordinal, as the beginnings that their forms share.
_BEGINNINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "es": (
        "cero nul ningun ningún negati",
        "un primer",
        "dos segund ambos ambas par",
        "tres tercer",
        "cuatro cuart",
        "cinco quint",
        "seis sext",
        "siete séptim septim",
        "ocho octav",
        "nueve noven",
        "diez décim decim decena",
        "once undécim",
        "doce duodécim docena",
        "trece",
        "catorce",
        "quince",
        "dieciséis dieciseis",
        "diecisiete",
        "dieciocho",
        "diecinueve",
        "veinte",
    ),
    "de": (
        "null kein negativ",
        "ein erst",
        "zwei zwo beid paar",
        "drei dritt",
        "vier",
        "fünf",
        "sechs",
        "sieb",
        "acht",
        "neun",
        "zehn",
        "elf",
        "zwölf dutzend",
        "dreizehn",
        "vierzehn",
        "fünfzehn",
        "sechzehn",
        "siebzehn",
        "achtzehn",
        "neunzehn",
        "zwanzig",
    ),
    "fr": (
        "zéro aucun nul négati",
        "un premi",
        "deux second paire",
        "trois tiers",
        "quatr quart",
        "cinq",
        "six sixi",
        "sept",
        "huit",
        "neuf neuvi",
        "dix dizaine",
        "onz",
        "douz",
        "treiz",
        "quatorz",
        "quinz",
        "seiz",
        "dix-sept",
        "dix-huit",
        "dix-neuf",
        "vingt",
    ),
    "ko": (
        "영 제로",
        "한 하나 일 첫",
        "두 둘 이 쌍",
        "세 셋 석 삼",
        "네 넷 넉 사",
        "다섯 오",
        "여섯 육",
        "일곱 칠",
        "여덟 팔",
        "아홉 구",
        "열 십",
        "열한 열하나 십일",
        "열두 열둘 십이",
        "열세 열셋 십삼",
        "열네 열넷 십사",
        "열다섯 십오",
        "열여섯 십육",
        "열일곱 십칠",
        "열여덟 십팔",
        "열아홉 십구",
        "스물 스무 이십",
    ),
    "ar": (
        "صفر",
        "",
        "",
        "ثلاث ثالث",
        "أربع اربع رابع",
        "خمس خامس",
        "ست سادس",
        "سبع سابع",
        "ثمان ثامن",
        "تسع تاسع",
        "عشر عاشر",
        "أحد حادي إحدى",
        "اثن إثن ثاني اثنا",
    ),
    "zh": ("零 \u3007", "", "双 对", *[""] * 10),
    "ja": (
        "ゼロ 零 \u3007",
        "ひと",
        "ふた 双 対",
        "みっつ",
        "よっつ よん",
        "いつつ",
        "むっつ",
        "ななつ なな",
        "やっつ",
        "ここのつ",
        "とお",
        *[""] * 2,
    ),
}
# Round numbers that are said in one word.
_ROUND: Final[Mapping[str, Mapping[str, str]]] = {
    "es": {"100": r"\bcien(?:to)?\b", "1000": r"\bmil\b"},
    "de": {"100": r"\b(?:ein)?hundert", "1000": r"\b(?:ein)?tausend"},
    "fr": {"100": r"\bcent\b", "1000": r"\bmille\b"},
    "ko": {"100": "백", "1000": "천"},
    "ar": {"100": "مئة|مائة", "1000": "ألف"},
}
_HALVES: Final[Mapping[str, str]] = {
    "es": r"\bmedi[oa]",
    "de": "halb",
    "fr": r"\bdemi",
    "ko": "반",
    "ar": "نصف",
    "zh": "半",
    "ja": "半",
}
_WITHOUT_SPACES: Final = frozenset({"zh", "ja", "ko"})
# Arabic says one and two by the form of the noun, and often writes no word for them at all.
_UNSAID: Final = {"ar": frozenset({"1", "2"})}


_DIGITS: Final = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "\u3007": 0,
    "两": 2,
    "兩": 2,
}
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
_GROUPS: Final = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_NUMERAL: Final = re.compile("[零\u3007一二两兩三四五六七八九十百千万萬亿億]{1,30}")

_ROMAN: Final = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
_LARGEST_ROMAN: Final = 39

# Words of the source that may become digits: a number that is not in its digits is then no fault.
SPELT: Final = re.compile(
    r"""\b(?:
        zero | one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve
      | \w{3,6}teen | (?:twen|thir|for|fif|six|seven|eigh|nine)ty | hundred | thousand | million
      | billion | first | second | third | \w{4,8}th | half | halves | quarter | both
      | pair | couple | dozen | once | twice | thrice | single | double | triple | noon
      | midnight | [ap]\.?m
      | jan | feb | march | apr | may | june | july | aug | sept? | oct | nov | dec
      | (?:janu|febru)ary | april | august | (?:septem|octo|novem|decem)ber
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)


def says_number(value: str, text: str, language: str) -> bool:
    """Whether `text`, in lower case, says a whole number as a word or in Roman letters."""
    if value in _UNSAID.get(language, ()):
        return True
    if (word := _ROUND.get(language, {}).get(value)) and re.search(word, text):
        return True
    if not value.isdigit() or len(value) > len(str(_LARGEST_ROMAN)):
        return False
    number = int(value)
    if number < len(_BEGINNINGS[language]) and _compile(language, number).search(text):
        return True
    return language not in _WITHOUT_SPACES and _says_roman(number, text)


def says_half(value: str, known: set[str], text: str, language: str) -> bool:
    """Whether `text`, in lower case, says a number with a half: "dos horas y media".

    A one before it is often unsaid: "anderthalb", "une heure et demie". `known` are the values of
    the numbers in the text.
    """
    whole, _, fraction = value.partition(".")
    if fraction != "5" or not re.search(_HALVES[language], text):
        return False
    return whole in {"0", "1"} or whole in known or says_number(whole, text, language)


@cache
def _compile(language: str, number: int) -> re.Pattern[str]:
    beginnings = sorted(_BEGINNINGS[language][number].split(), key=len, reverse=True)
    words = "|".join(beginnings) or "(?!)"
    if language in _WITHOUT_SPACES:
        return re.compile(words)
    # In Arabic "and", "by", "for" and "the" are written together with the word.
    before = "(?<!\\w)[وفبلك]?(?:ال)?" if language == "ar" else "(?<!\\w)"
    return re.compile(f"{before}(?:{words})")


def _says_roman(value: int, text: str) -> bool:
    if not 1 < value <= _LARGEST_ROMAN:
        return False
    roman = ""
    for size, letters in _ROMAN:
        roman += letters * (value // size)
        value %= size
    return re.search(rf"\b{roman}(?:e|ème)?\b", text, re.IGNORECASE) is not None


def find_numerals(text: str) -> set[str]:
    """Return the values of the Chinese or Japanese numerals in a text.

    十二 is "12", 二零二四 is "2024".
    """
    return {_read_numeral(numeral) for numeral in _NUMERAL.findall(text)}


def _read_numeral(numeral: str) -> str:
    if not any(character in _UNITS or character in _GROUPS for character in numeral):
        return str(int("".join(str(_DIGITS[character]) for character in numeral)))
    total = group = digit = 0
    for character in numeral:
        if character in _UNITS:
            group += (digit or 1) * _UNITS[character]
            digit = 0
        elif character in _GROUPS:
            total += (group + digit or 1) * _GROUPS[character]
            group = digit = 0
        else:
            digit = _DIGITS[character]
    return str(total + group + digit)
