"""JSON replies as chat models write them."""

from __future__ import annotations

import pytest

from syphus.replies import parse_reply

TWO = [("What is it?", "A dog."), ("Where is it?", "On the lawn.")]

FIRST = '{"question": "What is it?", "answer": "A dog."}'
SECOND = '{"question": "Where is it?", "answer": "On the lawn."}'
LIST = f"[{FIRST}, {SECOND}]"

STYLES = {
    "a list": LIST,
    "an object around it": f'{{"pairs": {LIST}}}',
    "any key": f'{{"Conversations": {LIST}}}',
    "two levels": f'{{"data": {{"qa": {LIST}}}}}',
    "a key that is an answer's name": f'{{"response": {{"pairs": {LIST}}}}}',
    "with other fields": (
        '{"image": 7, "pairs": [{"id": 1, "question": "What is it?", "answer": "A dog."},'
        '{"id": 2, "question": "Where is it?", "answer": "On the lawn.", "score": NaN}]}'
    ),
    "other words": (
        '[{"Instruction": "What is it?", "RESPONSE": "A dog."},'
        '{"query": "Where is it?", "Output": "On the lawn."}]'
    ),
    "short keys": (
        '[{"Q": "What is it?", "A": "A dog."},{"q": "Where is it?", "a": "On the lawn."}]'
    ),
    "answers first": (
        '[{"answer": "A dog.", "question": "What is it?"},'
        '{"answer": "On the lawn.", "question": "Where is it?"}]'
    ),
    "numbered keys": (
        '{"Question 1": "What is it?", "Answer 1": "A dog.",'
        ' "Question 2": "Where is it?", "Answer 2": "On the lawn."}'
    ),
    "numbered keys, grouped": (
        '{"question_1": "What is it?", "question_2": "Where is it?",'
        ' "answer_1": "A dog.", "answer_2": "On the lawn."}'
    ),
    "keys written twice": (
        '{"question": "What is it?", "answer": "A dog.",'
        ' "question": "Where is it?", "answer": "On the lawn."}'
    ),
    "an object a line": f"{FIRST}\n{SECOND}\n",
    "objects with commas": f"{FIRST},\n{SECOND},",
    "questions and answers in turn": (
        '[{"question": "What is it?"}, {"answer": "A dog."},'
        ' {"question": "Where is it?"}, {"answer": "On the lawn."}]'
    ),
    "fenced": f"```json\n{LIST}\n```",
    "fenced without a name": f"```\n{LIST}\n```\n",
    "announced": f"Here are the pairs [as asked]:\n\n{LIST}",
    "announced in the same line": f"Here are the pairs: {LIST}",
    "announced and fenced": f"Here are the pairs:\n\n```json\n{LIST}\n```",
    "under a label": f"Response:\n{LIST}",
    "an instruction beside it": (
        '[{"instruction": "Look.", "question": "What is it?", "answer": "A dog."},'
        '{"instruction": "Look.", "question": "Where is it?", "answer": "On the lawn."}]'
    ),
    "two fences": f"```json\n{FIRST}\n```\n\n```json\n{SECOND}\n```",
    "each announced": f"First:\n```json\n{FIRST}\n```\nSecond:\n```json\n{SECOND}\n```",
    "commas before brackets": f"[{FIRST[:-1]},}}, {SECOND},]",
    "no comma between objects": f"[{FIRST} {SECOND}]",
    "no comma between members": LIST.replace('", "', '" "'),
    "single quotes": LIST.replace('"', "'"),
    "keys without quotes": LIST.replace('"question"', "question").replace('"answer"', "answer"),
    "comments": f"[\n  // the first\n  {FIRST},\n  {SECOND}\n]",
    "never closed": LIST[:-1],
    "broken lines": f"{FIRST[:-1]} x}}\n{SECOND}",
}


def pairs_of(reply: str, **settings: str) -> list[tuple[str, str]]:
    """Return the pairs of a reply as plain tuples."""
    return [(pair.question, pair.answer) for pair in parse_reply(reply, **settings).pairs]


def rejections_of(reply: str, **settings: str) -> list[tuple[str, str]]:
    """Return the rejected pieces of a reply and their reasons as plain tuples."""
    return [(item.response, item.reason) for item in parse_reply(reply, **settings).rejected]


@pytest.mark.parametrize("reply", STYLES.values(), ids=STYLES.keys())
def test_every_style_gives_the_same_pairs(reply: str) -> None:
    """However its JSON is laid out, and slightly broken or not, a reply gives its pairs."""
    assert pairs_of(reply) == TWO
    assert rejections_of(reply) == []


VALUES = {
    "a line break that was not escaped": ('"one\ntwo"', "one\ntwo"),
    "escapes": (r'"caf\u00e9 \"x\" \n y"', 'café "x" \n y'),
    "an escaped lone surrogate": (r'"\ud83d"', "\ud83d"),
    "a number": ("1.50", "1.50"),
    "5,000 digits": ("7" * 5000, "7" * 5000),
    "true": ("true", "true"),
    "a list of lines": ('["one", 2, "three"]', "one\n2\nthree"),
    "entities": ('"a &amp; b"', "a &amp; b"),
    "labels": ('"Question: x\\nAnswer: y"', "Question: x\nAnswer: y"),
}


@pytest.mark.parametrize(("written", "answer"), VALUES.values(), ids=VALUES.keys())
def test_plain_values_become_text(written: str, answer: str) -> None:
    """Strings, numbers as written, true and false, and lists of such are answers."""
    assert pairs_of(f'[{{"question": "a?", "answer": {written}}}]') == [("a?", answer)]


@pytest.mark.parametrize(
    "written", ["null", "NaN", "-Infinity", '{"text": "b"}', '[["b"]]', '["b", null]']
)
def test_values_without_plain_text_are_rejected(written: str) -> None:
    """null, NaN and nested values are neither questions nor answers."""
    answer_rejected = rejections_of(f'[{{"question": "a?", "answer": {written}}}]')
    question_rejected = rejections_of(f'[{{"question": {written}, "answer": "b"}}]')

    assert [reason for _, reason in answer_rejected] == ["the answer is not text"]
    assert [reason for _, reason in question_rejected] == ["the question is not text"]


@pytest.mark.parametrize(
    ("reply", "rejected"),
    [
        ('{"question": "a?"}', ('"question": "a?"', "question without an answer")),
        ('{"answer": "b"}', ('"answer": "b"', "answer without a question")),
        (
            '{"question": "a?", "answer": " "}',
            ('"question": "a?"\n"answer": " "', "the answer is empty"),
        ),
        (
            '{"question": "", "answer": "b"}',
            ('"question": ""\n"answer": "b"', "the question is empty"),
        ),
        ('{"caption": "A dog."}', ('{"caption": "A dog."}', "no question found")),
        ("[1, 2]", ("[1, 2]", "no question found")),
    ],
)
def test_json_without_a_pair_is_rejected_with_its_reason(
    reply: str, rejected: tuple[str, str]
) -> None:
    """The rejection quotes what there was and says what was missing."""
    assert pairs_of(reply) == []
    assert rejections_of(reply) == [rejected]


def test_repeated_objects_are_kept_once() -> None:
    """The second of two equal pairs is rejected."""
    reply = f"[{FIRST}, {FIRST}, {SECOND}]"

    assert pairs_of(reply) == TWO
    assert [reason for _, reason in rejections_of(reply)] == ["repeated in the same reply"]


@pytest.mark.parametrize("written", [LIST, f"[{FIRST} {SECOND}]", f"```json\n{LIST}\n```"])
def test_text_behind_the_json_is_rejected(written: str) -> None:
    """A closing remark is told apart from the data, whether or not the data was repaired."""
    reply = f"{written}\n\nLet me know, if you want more."

    assert pairs_of(reply) == TWO
    assert rejections_of(reply) == [
        ("Let me know, if you want more.", "text after the last answer")
    ]


def test_quotes_inside_broken_strings_are_kept() -> None:
    """Quotes that the model forgot to escape don't end the answer."""
    reply = '[{"question": "What is "that" thing?", "answer": "A "dog", I think."}]'

    assert pairs_of(reply) == [('What is "that" thing?', 'A "dog", I think.')]


def test_labels_after_other_json_are_read() -> None:
    """JSON that holds no pair is no reason to overlook the labels behind it."""
    reply = '{"scene": "a lawn"}\n\nQuestion: a?\nAnswer: b'

    assert pairs_of(reply) == [("a?", "b")]


def test_json_inside_an_answer_stays_text() -> None:
    """A labelled reply whose answer is JSON is no JSON reply."""
    reply = 'Question: a?\nAnswer: [{"question": "x", "answer": "y"}]'

    assert pairs_of(reply) == [("a?", '[{"question": "x", "answer": "y"}]')]


CUT = "the reply was cut off by the token limit"


def test_a_cut_list_keeps_the_objects_that_closed() -> None:
    """What closed before the cut is whole, and the rest is quoted as cut off."""
    reply = f'[{FIRST}, {{"question": "Where is it?", "answer": "On th'

    assert pairs_of(reply, finish_reason="length") == TWO[:1]
    assert rejections_of(reply, finish_reason="length") == [
        ('{"question": "Where is it?", "answer": "On th', CUT)
    ]


def test_json_that_closed_before_the_limit_is_kept_whole() -> None:
    """The limit came after the last bracket, so nothing is damaged; it is still said."""
    parsed = parse_reply(LIST, finish_reason="length")

    assert pairs_of(LIST, finish_reason="length") == TWO
    assert parsed.rejected == ()
    assert parsed.truncated


def test_a_cut_object_of_numbered_keys_keeps_whole_members() -> None:
    """Members up to the last comma are whole."""
    reply = '{"Question 1": "a?", "Answer 1": "b", "Question 2": "c?", "Answer 2": "it i'

    assert pairs_of(reply, finish_reason="length") == [("a?", "b")]
    assert [reason for _, reason in rejections_of(reply, finish_reason="length")] == [
        "question without an answer",
        CUT,
    ]


def test_cut_and_broken_json_loses_its_last_pair() -> None:
    """Where repair had to guess, the last pair may be damaged by the cut."""
    reply = f"[{FIRST} {FIRST.replace('What', 'Which')} {SECOND[:-6]}"

    assert pairs_of(reply, finish_reason="length") == [
        ("What is it?", "A dog."),
        ("Which is it?", "A dog."),
    ]
    assert (
        "Where is it?\nOn the l",
        CUT,
    ) in rejections_of(reply, finish_reason="length")
