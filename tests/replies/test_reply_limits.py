"""Replies made to hurt: enormous, nested, endless repetitions."""

from __future__ import annotations

import time

import pytest

from syphus.core.json_mending import LONGEST as REPAIR_LIMIT
from syphus.replies import parse_reply

SIZE = 1_000_000
SECONDS = 10  # linear parsing takes about one; quadratic would take hours

UNITS = [
    *("Question:", "\nQuestion:", "\nQ1", "**", "\n**Q", "\nAnswer (", "\n1. ", "\n>", "\n* "),
    *("### 1\n", "---\n", "- ", "```\n", "`", " ", "\n", "\u2028Question:", "\ud800", "\0"),
    *("[", "{", '{"', '["', "[ ", "x[ \n", "{ \n", '"', "\\", ",", ", ", "[]", "1"),
    *('{"question":', '{"question":"a","answer":"b"},', '{"question":"a","answer":"b"}\n'),
    *(
        '{"a":1} x\n',
        '"question":"a","answer":"b",',
        "Question: a\nAnswer: b\n",
        "Question: a\nAnswer: b ---\n",
    ),
]
STARTS = ["", "Question: a\nAnswer: b\n", '["']


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_of_anything_takes_linear_time(start: str, unit: str) -> None:
    """No repetition makes the parser slow, and each gives pairs or reasons."""
    reply = start + unit * (SIZE // len(unit))
    began = time.process_time()
    parsed = parse_reply(reply)

    assert time.process_time() - began < SECONDS
    assert parsed.rejected or parsed.pairs


@pytest.mark.parametrize(
    "reply",
    [
        "[" * 10_000,
        "[" * 10_000 + "]" * 10_000,
        '{"question":' * 10_000 + '"a"' + "}" * 10_000,
        '[{"question": "a?", "answer": ' + "[" * 10_000 + "]" * 10_000 + "}]",
    ],
)
@pytest.mark.parametrize("finish_reason", ["stop", "length"])
def test_deep_nesting_is_a_reason(reply: str, finish_reason: str) -> None:
    """Brackets nested ten thousand deep are said to be so, and nothing overflows."""
    parsed = parse_reply(reply, finish_reason=finish_reason)

    assert parsed.pairs == ()
    assert [item.reason for item in parsed.rejected] == ["the JSON is nested too deep"]


@pytest.mark.parametrize(
    "reply",
    [
        '[{"question":"' + "]null{" * 14 + "a" * 16_000,
        '["' + "a]{" * 60 + "a" * 4_000,
        '{"a":' + "/*{/*" * 14 + "a" * 16_000,
        "{" * 30 + " b" * 3_800,
        '["' + '{"' * 250,
    ],
)
def test_the_slowest_repairs_stay_bounded(reply: str) -> None:
    """Replies found to make the repair of JSON slow are repaired or refused in a moment."""
    began = time.process_time()
    parse_reply(reply)

    assert time.process_time() - began < SECONDS / 2


@pytest.mark.parametrize(
    "reply",
    [
        '[{"question" "a?", "answer": "' + "b" * REPAIR_LIMIT + '"}]',
        '[{"question" "a?", "answer": "' + "{ " * 5_000 + '"}]',
        '[{"question" "a?", "answer": "' + '" ' * 5_000 + '"}]',
    ],
)
def test_broken_json_beyond_the_bounds_is_not_repaired(reply: str) -> None:
    """The reason says that it is the size, so that a user knows what to lower."""
    parsed = parse_reply(reply)

    assert parsed.pairs == ()
    assert [item.reason for item in parsed.rejected] == [
        "the JSON is broken and too long to repair"
    ]


def test_valid_json_beyond_the_bounds_is_read() -> None:
    """The bounds are those of the repair alone; trailing commas need none."""
    items = ",".join(f'{{"question": "q{n}?", "answer": "a{n}",}}' for n in range(5_000))
    parsed = parse_reply(f"[{items}]")

    assert len(parsed.pairs) == 5_000
    assert parsed.rejected == ()
