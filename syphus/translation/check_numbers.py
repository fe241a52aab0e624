"""Whether a translation has the numbers of its source, however the language writes them.

A number counts as kept with other separators (1,000 as 1.000, 1 000 or 1'000; 3.5 as 3,5), other
digits (Arabic-Indic, full-width), in units of the language (15,000 as 1.5万 or 15 mille), as a word
or numeral where it is small, round or a half (2 as zwei, 二 or 둘; 1,000 as mil; 1.5 as anderthalb;
the 19th century as XIX), and on a clock of 24 hours (5 p.m. as 17). In doubt it is kept: the check
is there for numbers that changed.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Final

from syphus.translation.check_number_words import (
    SPELT,
    find_numerals,
    says_half,
    says_number,
)

_NUMBER: Final = re.compile(
    r"""
    ( [0-9]{1,3}(?:[ \u00a0\u202f\u2009][0-9]{3}){1,6}(?![0-9])(?:[.,\u066b][0-9]{1,30})?
    | [0-9]+(?:[.,'\u2019\u066b\u066c][0-9]+)* )
    (?: [\s-]? (
        thousand | millionen | millones | millions? | millón | milliarden? | milliards? | mille
      | mil\b | mio\b | mrd\b | billion | k\b | tausend | tsd\b | 百万 | 백만 | 十亿 | 십억
      | [千천万萬만億亿억百백] | آلاف | ألف | مليون | ملايين | مليار
    ) )?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_POWERS: Final = {
    "百": 2, "백": 2, "千": 3, "천": 3, "万": 4, "萬": 4, "만": 4, "百万": 6, "백만": 6,
    "億": 8, "亿": 8, "억": 8, "十亿": 9, "십억": 9, "thousand": 3, "k": 3, "tausend": 3, "tsd": 3,
    "mille": 3, "mil": 3, "ألف": 3, "آلاف": 3, "million": 6, "millions": 6, "millón": 6,
    "millionen": 6, "millones": 6, "mio": 6, "مليون": 6, "ملايين": 6, "billion": 9, "milliard": 9,
    "milliards": 9, "milliarde": 9, "milliarden": 9, "mrd": 9, "مليار": 9,
}  # fmt: skip
_DIGIT: Final = re.compile("[0-9]")
_SEPARATOR: Final = re.compile("[^0-9]")
_GROUP: Final = 3
_MERIDIEM: Final = re.compile(r"(?::[0-5][0-9])?\s?([ap])\.?m\b", re.IGNORECASE)
_DECADE: Final = re.compile(r"['\u2019]?s\b")
_NOON: Final = 12
# A number of more digits is an identifier: it is compared as it stands.
_MOST_DIGITS: Final = 40
# A source of more numbers is a table, and not checked; of a text twice as many are read.
_MOST_NUMBERS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number of a text: its `values` in every reading ("1.000" is 1 and 1000).

    `parts` are the numbers in it, if it can be read as several: a date, a version, a list.
    """

    text: str
    values: frozenset[str]
    parts: frozenset[str]


def find_numbers(text: str) -> tuple[Number, ...]:
    """Return the numbers of a text whose digits are 0-9, in their order.

    Decades ("the 1990s", "in his 20s") are left out: languages name them in many ways. So are all
    behind the first 2,000.
    """
    numbers: list[Number] = []
    if not _DIGIT.search(text):
        return ()
    for match in islice(_NUMBER.finditer(text), 2 * _MOST_NUMBERS):
        written, unit = match.groups()
        if _DECADE.match(text, match.end(1)) and written.endswith("0"):
            continue
        values, parts = _read(written)
        if unit:
            power = _POWERS.get(unit.lower(), 0)
            values |= {_shift(value, power) for value in values}
        elif clock := _MERIDIEM.match(text, match.end(1)):
            values |= _read_hour(written, clock[1])
        numbers.append(Number(text=written, values=frozenset(values), parts=frozenset(parts)))
    return tuple(numbers)


def _read(written: str) -> tuple[set[str], set[str]]:
    groups = _SEPARATOR.split(written)
    if len(groups) == 1 or len(written) > _MOST_DIGITS:
        return {_canonical(written)}, set()
    separators = _SEPARATOR.findall(written)
    head_short = 0 < len(groups[0]) <= _GROUP
    values = set()
    if head_short and all(len(group) == _GROUP for group in groups[1:]):
        values.add(_canonical("".join(groups)))
    if not separators[-1].isspace() and (
        len(groups) == len(("whole", "fraction"))
        or (head_short and all(len(group) == _GROUP for group in groups[1:-1]))
    ):
        values.add(_canonical(f"{''.join(groups[:-1])}.{groups[-1]}"))
    several = len(groups) > len(("whole", "fraction")) or separators[0].isspace()
    return values, {_canonical(group) for group in groups} if several else set()


def _canonical(written: str) -> str:
    whole, _, fraction = written.partition(".")
    # 15.000 may be fifteen thousand, so it is not 15.
    if len(fraction) != _GROUP:
        fraction = fraction.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def _shift(value: str, power: int) -> str:
    whole, _, fraction = value.partition(".")
    fraction = fraction.ljust(power, "0")
    return _canonical(f"{whole}{fraction[:power]}.{fraction[power:]}")


def _read_hour(written: str, half: str) -> set[str]:
    if not written.isdigit() or len(written) > len(str(_NOON)):
        return set()
    hour = int(written)
    if half in "pP":
        return {str(hour + _NOON)} if hour < _NOON else set()
    return {"0", "24"} if hour == _NOON else set()


def find_number_fault(
    numbers: tuple[Number, ...], source: str, text: str, language: str
) -> str | None:
    """Return which number of the source the text lost or changed, or None.

    `numbers` are those of `source`; both texts have 0-9 for digits and no kept items.
    """
    if not numbers or len(numbers) > _MOST_NUMBERS:
        return None
    found = find_numbers(text)
    known: set[str] = set().union(*(number.values | number.parts for number in found))
    lowered = text.lower()
    if language in {"zh", "ja"}:
        known |= find_numerals(text)
    for number in dict.fromkeys(numbers):
        if number.values & known or (number.parts and number.parts <= known):
            continue
        if not any(
            says_number(value, lowered, language) or says_half(value, known, lowered, language)
            for value in number.values
        ):
            return f"the number {number.text} is missing"
    return _find_swap(numbers, found, source)


def _find_swap(numbers: tuple[Number, ...], found: tuple[Number, ...], source: str) -> str | None:
    """Find one of several equal numbers that became another: "3 and 3" as "3 and 4"."""
    if len(numbers) == 1 or len(found) < len(numbers) or SPELT.search(source):
        return None
    known: set[str] = {"1"}.union(*(number.values | number.parts for number in numbers))
    strange = next((number.text for number in found if not number.values & known), None)
    if strange is None:
        return None
    wanted = Counter(number.values for number in numbers)
    there = Counter(value for number in found for value in number.values)
    if all(sum(there[value] for value in values) >= count for values, count in wanted.items()):
        return None
    return f"the number {strange} is not in the source"
