from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syphus.translation import reading
from syphus.translation.reading import read_translations
from syphus.translation.values import ReadTranslations, SourcePair

CODES = ("ar", "de", "ja", "zh")
PAIRS = (
    SourcePair(number=2, instruction="i2", answer="a2"),
    SourcePair(number=7, instruction="i7", answer="a7"),
)
KEYS = {(pair.number, code) for pair in PAIRS for code in CODES}


def text_for(place: int, name: str, code: str) -> str:
    """A text with everything that could be mistaken for the JSON around it."""
    return f'{name[0]}{place} {code} {{name}}, "zwei": [3] \\ \n 漢字 كتاب 😀 "}}}}}}'


def make_reply() -> dict[str, Any]:
    """A reply that has everything."""
    return {
        str(place): {
            name: {code: text_for(place, name, code) for code in CODES}
            for name in ("answer", "instruction")
        }
        for place in (1, 2)
    }


def write(reply: Any) -> str:
    """A reply as endpoints write it."""
    return json.dumps(reply, ensure_ascii=False, separators=(",", ":"))


def read(text: str | None, finish_reason: str = "stop", **more: Any) -> ReadTranslations:
    """Reads the reply to `PAIRS`; each pair and language is given or missing, never both."""
    result = read_translations(
        text, pairs=PAIRS, languages=CODES, finish_reason=finish_reason, **more
    )
    assert result.given.keys() | result.missing.keys() == KEYS
    assert not result.given.keys() & result.missing.keys()
    assert all(missing.reason for missing in result.missing.values())
    assert (result.rejected is None) == bool(result.given)
    return result


def assert_right(result: ReadTranslations) -> None:
    """What is given is what stands in the reply, to the character."""
    for (number, code), translated in result.given.items():
        place = 1 if number == 2 else 2
        assert translated.language == code
        assert translated.instruction == text_for(place, "instruction", code)
        assert translated.answer == text_for(place, "answer", code)


def reasons(result: ReadTranslations) -> dict[tuple[int, str], str]:
    """Why each missing one is missing."""
    return {key: missing.reason for key, missing in result.missing.items()}


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "```json\n{}\n```",
        "Here is the translation of {{name}}:\n\n{}\n\nHope it helps {{you}}!",
        '{{"pairs":{}}}',
        "{}{{",
        'As {{"1": ...}} asks,\n{}',
        'I was sent {{"languages":["ja"],"pairs":{{"1":{{"answer":"x"}}}}}}.\n{}',
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_everything_is_read(around: str, indent: int | None) -> None:
    """Whatever stands around the JSON, all translations are given under the pairs' numbers."""
    result = read(around.format(json.dumps(make_reply(), ensure_ascii=False, indent=indent)))
    assert result.given.keys() == KEYS
    assert_right(result)


@pytest.mark.parametrize("finish_reason", ["length", "stop"])
@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", '{{"translations":{}}}'])
def test_of_a_cut_reply_what_closed_is_given(finish_reason: str, around: str) -> None:
    """Cut at any byte, no text is given that isn't whole, and no whole pair is lost."""
    whole = around.format(write(make_reply())).encode()
    first_ends = whole.index(b'},"2"')
    for cut in range(len(whole)):
        result = read(whole[:cut].decode(errors="ignore"), finish_reason)
        assert_right(result)
        if cut > first_ends:
            assert {(2, code) for code in CODES} <= result.given.keys()
        else:
            said = set(reasons(result).values())
            assert said <= {reading.CUT_OFF, reading.NO_JSON, reading.NO_CONTENT}
    assert set(reasons(read(whole[:first_ends].decode(), "length")).values()) == {reading.CUT_OFF}


def test_texts_before_a_cut_are_kept() -> None:
    """Languages whose instruction and answer are whole are given, though their pair isn't."""
    text = write(make_reply())
    result = read(text[: text.rindex('"ja"')], "length")
    assert result.given.keys() == KEYS - {(7, "ja"), (7, "zh")}
    assert_right(result)
    assert reasons(result) == {(7, "ja"): reading.CUT_OFF, (7, "zh"): reading.CUT_OFF}
    assert result.missing[7, "ja"].text == text_for(2, "answer", "ja")


def test_one_language_missing() -> None:
    """The others are given; the missing one is named."""
    reply = make_reply()
    for name in ("answer", "instruction"):
        del reply["2"][name]["ja"]
    result = read(write(reply))
    assert result.given.keys() == KEYS - {(7, "ja")}
    assert reasons(result) == {(7, "ja"): reading.NO_LANGUAGE}


def test_one_pair_missing() -> None:
    """The other pair is given; every language of the missing one says so."""
    reply = make_reply()
    del reply["1"]
    result = read(write(reply))
    assert result.given.keys() == {(7, code) for code in CODES}
    assert set(reasons(result).values()) == {reading.NO_PAIR}


@pytest.mark.parametrize("there", ["answer", "instruction"])
def test_half_a_pair_is_missing(there: str) -> None:
    """An answer without its instruction is no translation; what there is stands beside it."""
    reply = make_reply()
    lost = "instruction" if there == "answer" else "answer"
    del reply["1"][lost]["de"]
    result = read(write(reply))
    assert reasons(result) == {(2, "de"): f"the {lost} is missing"}
    assert result.missing[2, "de"].text == text_for(1, there, "de")


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("", "empty"),
        (" \n\u3000", "empty"),
        (None, "not text"),
        (3, "not text"),
        (True, "not text"),
        (["x"], "not text"),
        ({"text": "x"}, "not text"),
    ],
)
def test_a_value_that_is_no_text_is_missing(value: Any, state: str) -> None:
    """The reason names the half and what is wrong with it; nothing else is lost."""
    reply = make_reply()
    reply["2"]["answer"]["zh"] = value
    result = read(write(reply))
    assert result.given.keys() == KEYS - {(7, "zh")}
    assert reasons(result) == {(7, "zh"): f"the answer is {state}"}


@pytest.mark.parametrize("wrong", ["x", None, 3, [], ["x"], {}])
@pytest.mark.parametrize("level", ["reply", "pair", "texts"])
def test_wrong_types_at_any_level(wrong: Any, level: str) -> None:
    """What isn't an object gives nothing, and what stands beside it is read."""
    reply: Any = make_reply()
    if level == "texts":
        reply["1"]["answer"] = wrong
    elif level == "pair":
        reply["1"] = wrong
    else:
        reply = wrong
    result = read(write(reply))
    lost = KEYS if level == "reply" else {(2, code) for code in CODES}
    assert result.missing.keys() == lost
    assert_right(result)


@pytest.mark.parametrize("places", ["01", "23"])
@pytest.mark.parametrize("inside", [None, "pairs"])
def test_texts_under_other_numbers_are_nobodys(places: str, inside: str | None) -> None:
    """Counted from 0, the first pair would get the texts of the second."""
    reply = dict(zip(places, make_reply().values(), strict=True))
    result = read(write(reply if inside is None else {inside: reply}))
    assert not result.given
    assert set(reasons(result).values()) == {reading.OTHER_NUMBERS}


def test_extra_keys_are_passed_over_and_counted() -> None:
    """Of a pair, a field and a language that nobody asked for, nothing is read."""
    reply = make_reply()
    reply["3"] = reply["1"]
    reply["1"]["note"] = "done"
    reply["2"]["answer"]["fr"] = "non"
    result = read(write(reply))
    assert result.given.keys() == KEYS
    assert result.extra_keys == 3
    assert_right(result)


@pytest.mark.parametrize(
    "text", ["I'm sorry, but I can't help with that.", "{name} is not mine to tell.", "[]", "null"]
)
def test_a_refusal_in_words_is_no_json(text: str) -> None:
    """Everything is missing for one reason, and the reply is kept with it."""
    result = read(text)
    assert set(reasons(result).values()) == {reading.NO_JSON}
    assert result.rejected is not None
    assert (result.rejected.response, result.rejected.reason) == (text, reading.NO_JSON)


@pytest.mark.parametrize(
    ("text", "finish_reason", "refusal", "reason"),
    [
        (None, "stop", None, reading.NO_CONTENT),
        ("", "stop", None, reading.NO_CONTENT),
        (" \n", "stop", None, reading.NO_CONTENT),
        (None, "length", None, reading.CUT_OFF),
        (None, "stop", "I can't.", reading.REFUSED),
        ("{", "content_filter", None, reading.FILTERED),
        ("Sure", "length", None, reading.CUT_OFF),
    ],
)
def test_nothing_to_read(
    text: str | None, finish_reason: str, refusal: str | None, reason: str
) -> None:
    """A reply without text says why."""
    assert set(reasons(read(text, finish_reason, refusal=refusal)).values()) == {reason}


def test_a_key_written_twice_alike_is_one() -> None:
    """The same text twice is that text, and halves of a pair may stand in two objects."""
    reply = make_reply()
    halves = ",".join(
        f'"1":{write({name: reply["1"][name]})}' for name in ("answer", "instruction", "answer")
    )
    result = read(f'{{{halves},"2":{write(reply["2"])}}}')
    assert result.given.keys() == KEYS
    assert_right(result)


def test_a_key_written_twice_differently_is_in_doubt() -> None:
    """Two texts for one are none; an empty one beside it doesn't count."""
    first, second, empty = make_reply(), make_reply(), make_reply()
    second["1"]["answer"]["de"] = "anders"
    empty["2"]["answer"]["zh"] = ""
    pairs = [("1", first), ("1", second), ("2", first), ("2", empty)]
    text = ",".join(f'"{place}":{write(reply[place])}' for place, reply in pairs)
    result = read(f"{{{text}}}")
    assert reasons(result) == {(2, "de"): "the answer is given more than once"}
    assert_right(result)


def test_the_fullest_object_is_read_and_the_last_of_equals() -> None:
    """A draft before the reply, or half a reply after it, isn't mixed with it."""
    draft, last = make_reply(), make_reply()
    draft["1"]["answer"]["de"] = "Entwurf"
    del last["2"]
    assert_right(read(f"Draft: {write(draft)}\nFinal: {write(make_reply())}\n{write(last)}"))


@pytest.mark.parametrize(
    ("right", "broken"),
    [
        ('","', '""'),
        ("}}}", "},},}"),
        ("}}}", "}}"),
        ('},"2"', '}"2"'),
        ('"2"', "2"),
        ('{"1"', "{'1'"),
        ("drei", 'die "Drei" dort'),
        ("drei", 'drei 5" breit'),
    ],
)
def test_broken_json_is_repaired(right: str, broken: str) -> None:
    """Slips of a model's hand lose nothing but, at worst, the text that they are in."""
    reply = {
        str(place): {
            name: {code: f"drei {place} {name} {code}" for code in CODES}
            for name in ("answer", "instruction")
        }
        for place in (1, 2)
    }
    text = write(reply)
    assert text.count(right) >= 1
    spoiled = text.replace(right, broken, 1)
    with pytest.raises(ValueError, match="line 1"):
        json.loads(spoiled)
    result = read(spoiled)
    for (number, code), translated in result.given.items():
        place = "1" if number == 2 else "2"
        if (number, code) != (2, "ar"):
            assert translated.instruction == reply[place]["instruction"][code]
            assert translated.answer == reply[place]["answer"][code]
    assert len(result.given) >= len(KEYS) - 1


def test_broken_json_before_talk_is_repaired() -> None:
    """Where the object ends is known by its brackets, whatever is said behind it."""
    text = write(make_reply()).replace('"answer":{', '"answer":{,', 1)
    result = read(f"{text} I hope that's right.")
    assert result.given.keys() == KEYS
    assert_right(result)


def test_what_is_too_broken_to_repair_says_so() -> None:
    """A reply too long for the repair is broken, not cut off."""
    result = read('{"1":{"answer":{"ar":"' + "\\x" * 20_000 + '"}}}')
    assert set(reasons(result).values()) == {reading.BROKEN}


def test_line_breaks_may_stand_in_texts() -> None:
    """Raw ones, which JSON forbids, spoil no reply, not even one that was cut off."""
    text = write(make_reply()).replace("\\n", "\n")
    result = read(text[: text.index(',"2"')], "length")
    assert result.given.keys() == {(2, code) for code in CODES}
    assert_right(result)


def test_text_is_as_it_is_stored() -> None:
    """Texts are NFC, without space around them and without marks that the source doesn't have."""
    reply = make_reply()
    reply["1"]["answer"]["de"] = " Tu\u0308r\n"
    reply["1"]["answer"]["ar"] = "\u200fكتب"
    given = read(write(reply)).given
    assert given[2, "de"].answer == "T\u00fcr"
    assert given[2, "ar"].answer == "كتب"


@given(st.text() | st.text('{}[]"\\:,12ajn \n`'))
def test_any_text_is_read_without_an_error(text: str) -> None:
    """No text raises, whatever the finish reason."""
    for finish_reason in ("stop", "length", ""):
        read(text, finish_reason)
        read(f'{{"1":{text}', finish_reason)


@settings(max_examples=200)
@given(st.data())
def test_any_damage_is_survived(data: st.DataObject) -> None:
    """A reply with any part of it replaced is read without an error."""
    text = write(make_reply())
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    read(text[:start] + data.draw(st.text('{}[]"\\:,1 \nx', max_size=4)) + text[end:])


@pytest.mark.parametrize(
    "text",
    [
        '{"1":{"answer":{"ar":"' + "\\}한국" * 5900 + "'}}}",
        '{"1":[' + ":{한:a" * 4800 + "'}}}",
        '{"1":[' + 'a"a":' * 4800 + "'}}}",
        '{"1":' + "[1," * 100_000,
        '{"a":' * 100_000,
        '{"1":' + "[" * 100_000,
        '{"1":{"answer":{"ar":' + "9" * 100_000 + "}}}",
        '{"' * 100_000,
        '{"1":{"answer":{"ar":"' + "x" * 1_000_000,
        "{" + " " * 1_000_000,
        '{"1":{"answer":{"ar":"' + "\\" * 99_999,
        '["a"“' * 4000 + '"}}}',
        '{\n/*//"' * 3000 + '"}}}',
        '{"1":{"answer":{"ar":"a":("' * 900 + '"}}}',
    ],
    ids=lambda text: text[:24],
)
def test_hostile_replies_take_bounded_time(text: str) -> None:
    """Deep, long or endlessly quoted text is read within two seconds."""
    began = time.process_time()
    read(text)
    assert time.process_time() - began < 2
