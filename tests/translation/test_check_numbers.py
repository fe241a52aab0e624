from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.languages import TARGETS
from syphus.translation.check_number_words import find_numerals
from syphus.translation.check_numbers import find_number_fault, find_numbers
from syphus.translation.checks import check_translation


@pytest.mark.parametrize(
    ("source", "language", "text"),
    [
        ("It costs 1,000 dollars.", "de", "Es kostet 1.000 Dollar."),
        ("It costs 1,000 dollars.", "fr", "Cela coûte 1\u202f000 dollars."),
        ("It costs 1,000 dollars.", "de", "Es kostet 1'000 Dollar."),
        ("It costs 1,234.50 dollars.", "es", "Cuesta 1.234,50 dólares."),
        ("It is 3.5 metres long.", "de", "Es ist 3,5 Meter lang."),
        ("It is 3.50 metres long.", "de", "Es ist 3,5 Meter lang."),
        ("It has 15,000 people.", "zh", "这里有1.5万人。"),
        ("It has 15,000 people.", "ja", "ここには1万5千人、つまり15000人がいます。"),
        ("It has 15,000 people.", "fr", "Il y a 15 mille personnes."),
        ("It has 2 million people.", "ko", "인구는 200만 명입니다."),
        ("It starts at 5 pm.", "de", "Es beginnt um 17 Uhr."),
        ("It starts at 12 am.", "de", "Es beginnt um 0 Uhr."),
        ("It happened on 05/12/2020.", "de", "Es geschah am 12.5.2020."),
        ("Use version 3.11.7.", "es", "Usa la versión 3.11.7."),
        ("In the 1990s", "de", "In den Neunzigern"),
        ("the 19th century", "es", "el siglo XIX"),
        ("2 dogs", "zh", "两只狗"),
        ("2 dogs", "ja", "二匹の犬"),
        ("12 dogs", "ja", "十二匹の犬"),
        ("2 dogs", "ko", "개 두 마리"),
        ("2 dogs", "ar", "كلبان"),
        ("3 dogs", "ar", "ثلاثة كلاب"),
        ("2 dogs", "de", "zwei Hunde"),
        ("2nd dog", "fr", "le deuxième chien"),
        ("1.5 hours", "es", "una hora y media"),
        ("1.5 hours", "de", "anderthalb Stunden"),
        ("2.5 hours", "de", "zweieinhalb Stunden"),
        ("1.5 hours", "fr", "une heure et demie"),
        ("1.5 hours", "zh", "一个半小时"),
        ("2.5 hours", "ja", "2時間半"),
        ("1.5 hours", "ko", "한 시간 반"),
        ("3.5 hours", "ar", "ثلاث ساعات ونصف"),
        ("1,000 balloons", "es", "mil globos"),
        ("1,000 balloons", "de", "tausend Luftballons"),
        ("100 balloons", "fr", "cent ballons"),
        ("100 balloons", "ar", "مئة بالون"),
        ("13 people", "es", "trece personas"),
        ("15 people", "fr", "quinze personnes"),
        ("20 people", "de", "zwanzig Personen"),
        ("15 people", "ko", "열다섯 명"),
        ("20 years", "ko", "스무 살"),
        ("room 204", "ar", "الغرفة ٢٠٤"),
        ("room 204", "zh", "\uff12\uff10\uff14号房间"),
    ],
)
def test_a_number_may_be_written_otherwise(source: str, language: str, text: str) -> None:
    """Other separators, digits, units, words, numerals and clocks say the same number."""
    reason = check_translation(source, text, language).reason or ""
    assert "number" not in reason


@pytest.mark.parametrize(
    ("source", "language", "text", "number"),
    [
        ("He has 45 dogs.", "de", "Er hat 54 Hunde.", "45"),
        ("He has 3 dogs.", "de", "Er hat vier Hunde.", "3"),
        ("He has 3 dogs.", "zh", "他有四只狗。", "3"),
        ("He has 3 dogs.", "ar", "لديه ٤ كلاب.", "3"),
        ("It is 3.5 m long.", "fr", "Il mesure 35 m de long.", "3.5"),
        ("It takes 3.5 hours.", "es", "Tarda dos horas y media.", "3.5"),
        ("There are 16 balls.", "de", "Es gibt sechs Bälle.", "16"),
        ("There are 100 balls.", "fr", "Il y a 10 balles au centre.", "100"),
        ("It costs 1,000 dollars.", "es", "Cuesta 10.000 dólares.", "1,000"),
        ("It has 15,000 people.", "zh", "这里有15万人。", "15,000"),
    ],
)
def test_a_changed_number_is_named(source: str, language: str, text: str, number: str) -> None:
    """A number with another value is missing, as the source writes it."""
    reason = check_translation(source, text, language).reason
    assert reason == f"the number {number} is missing"


def test_one_of_two_equal_numbers_may_not_change() -> None:
    """3 and 3 is not 3 and 4; said once it is let through."""
    source = "3 men and 3 dogs"
    numbers = find_numbers(source)
    fault = find_number_fault(numbers, source, "3 Männer und 4 Hunde", "de")
    assert fault == "the number 4 is not in the source"
    assert find_number_fault(numbers, source, "je 3 Männer und Hunde", "de") is None


@pytest.mark.parametrize(
    ("numeral", "value"),
    [("十", "10"), ("十二", "12"), ("二十", "20"), ("三百五", "305"), ("一万二千", "12000")],
)
def test_numerals_are_read(numeral: str, value: str) -> None:
    """Chinese and Japanese numerals have their values."""
    assert find_numerals(f"有{numeral}个") == {value}


def test_years_are_read_digit_by_digit() -> None:
    """A numeral without units is a row of digits."""
    assert find_numerals("二零二四年") == {"2024"}


@given(
    numbers=st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=5),
    language=st.sampled_from(TARGETS),
    style=st.sampled_from(["{}", "{:,}", "{:_}"]),
)
def test_every_number_that_is_there_is_found(numbers: list[int], language: str, style: str) -> None:
    """Numbers pass in any order and with any grouping."""
    source = " und ".join(str(number) for number in numbers)
    written = (style.format(number).replace("_", "\u202f") for number in reversed(numbers))
    text = " und ".join(written)
    assert find_number_fault(find_numbers(source), source, text, language) is None


@given(number=st.integers(min_value=40), language=st.sampled_from(TARGETS))
def test_a_number_that_is_not_there_is_missed(number: int, language: str) -> None:
    """A number one larger is another number."""
    source = str(number)
    fault = find_number_fault(find_numbers(source), source, str(number + 1), language)
    assert fault == f"the number {number} is missing"
