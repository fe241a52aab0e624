"""What holds for every reply."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.replies import parse_reply
from syphus.replies.plain_pairs import parse_plain
from syphus.replies.text_pairs import parse_text

if TYPE_CHECKING:
    from collections.abc import Callable

    Pairs = list[tuple[str, str]]
    Render = Callable[[Pairs], str]

# Lines that no style could take for its own: they begin with x and hold no mark-up.
LINE = st.text(st.characters(exclude_characters="\n\r*_`"), max_size=20).map(
    lambda tail: ("x" + tail).strip()
)
PARAGRAPHS = st.lists(st.lists(LINE, min_size=1, max_size=3).map("\n".join), min_size=1, max_size=2)
TEXT = PARAGRAPHS.map("\n\n".join)
PAIRS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5, unique=True)


def each(template: str, *, before: str = "", between: str = "\n\n", behind: str = "") -> Render:
    """Return a style that fills its template with number, question and answer of every pair."""

    def render(pairs: Pairs) -> str:
        pieces = (
            template.format(n=place, q=question, a=answer)
            for place, (question, answer) in enumerate(pairs, start=1)
        )
        return before + between.join(pieces) + behind

    return render


def objects(pairs: Pairs) -> list[dict[str, str]]:
    """Return the pairs as JSON objects."""
    return [{"question": question, "answer": answer} for question, answer in pairs]


def numbered_keys(pairs: Pairs) -> str:
    """Return the pairs as one JSON object."""
    return json.dumps(
        {
            key: value
            for place, (question, answer) in enumerate(pairs, start=1)
            for key, value in ((f"Question {place}", question), (f"Answer {place}", answer))
        }
    )


TEXT_STYLES: dict[str, Render] = {
    "plain": each("Question: {q}\nAnswer: {a}"),
    "tight": each("Question: {q}\nAnswer: {a}", between="\n"),
    "alone": each("Question:\n{q}\n\nAnswer:\n{a}"),
    "numbered": each("{n}. Question: {q}\n   Answer: {a}", between="\n"),
    "numbers inside": each("Question {n}: {q}\nAnswer {n}: {a}"),
    "short": each("Q: {q}\nA: {a}", between="\n"),
    "short with dots": each("Q{n}. {q}\nA{n}. {a}"),
    "short with brackets": each("Q{n}) {q}\nA{n}) {a}"),
    "bold": each("**Question:** {q}\n**Answer:** {a}", before="Here they are:\n\n"),
    "bold, colon outside": each("**Q{n}**: {q}\n\n**A{n}**: {a}"),
    "headings": each("### Question {n}\n{q}\n\n### Answer {n}\n{a}"),
    "bullets": each("- Question: {q}\n- Answer: {a}", between="\n"),
    "instruction": each("Instruction: {q}\nResponse: {a}"),
    "full-width": each("question\uff1a{q}\nanswer\uff1a{a}"),
    "rules": each("Question: {q}\nAnswer: {a}", before="---\n", between="\n\n---\n\n"),
    "fenced": each("Question: {q}\nAnswer: {a}", before="Sure:\n```\n", behind="\n```\n"),
    "each fenced": each("```\nQuestion: {q}\nAnswer: {a}\n```"),
    "headed": each("### Pair {n}\n\nQuestion: {q}\nAnswer: {a}", before="Sure.\n\n"),
}
JSON_STYLES: dict[str, Render] = {
    "list": lambda pairs: json.dumps(objects(pairs)),
    "raw characters": lambda pairs: json.dumps(objects(pairs), ensure_ascii=False, indent=2),
    "object": lambda pairs: json.dumps({"pairs": objects(pairs)}, indent=1),
    "lines": lambda pairs: "\n".join(json.dumps(item) for item in objects(pairs)),
    "fenced": lambda pairs: f"Sure:\n\n```json\n{json.dumps(objects(pairs), indent=2)}\n```\n",
    "numbered keys": numbered_keys,
}
STYLES = pytest.mark.parametrize(
    "render",
    [*TEXT_STYLES.values(), *JSON_STYLES.values()],
    ids=[*TEXT_STYLES, *(f"JSON {name}" for name in JSON_STYLES)],
)


@STYLES
@given(pairs=PAIRS)
def test_rendered_pairs_come_back(render: Render, pairs: Pairs) -> None:
    """Pairs written in any style are parsed as they were, and nothing is rejected."""
    parsed = parse_reply(render(pairs))

    assert [(pair.question, pair.answer) for pair in parsed.pairs] == pairs
    assert parsed.rejected == ()


@STYLES
@given(pairs=PAIRS, data=st.data())
def test_a_cut_reply_gives_a_prefix_of_its_pairs(
    render: Render, pairs: Pairs, data: st.DataObject
) -> None:
    """Wherever the token limit cuts, the pairs are the first ones of the whole, undamaged."""
    reply = render(pairs)
    cut = data.draw(st.integers(0, len(reply)))
    parsed = parse_reply(reply[:cut], finish_reason="length")
    found = [(pair.question, pair.answer) for pair in parsed.pairs]

    assert parsed.truncated
    assert found == pairs[: len(found)]
    assert parsed.pairs or parsed.rejected


@pytest.mark.parametrize("render", TEXT_STYLES.values(), ids=TEXT_STYLES.keys())
@given(pairs=PAIRS, data=st.data())
def test_a_cut_reply_keeps_all_but_its_last_pair(
    render: Render, pairs: Pairs, data: st.DataObject
) -> None:
    """A cut in one answer costs no pair before it."""
    kept = data.draw(st.integers(0, len(pairs) - 1))
    question, answer = pairs[kept]
    reply = render(pairs[: kept + 1])
    cut = reply.rindex(answer) + 1
    parsed = parse_reply(reply[:cut], finish_reason="length")

    assert [(pair.question, pair.answer) for pair in parsed.pairs] == pairs[:kept]
    assert question in parsed.rejected[-1].response


FRAGMENTS = st.sampled_from(
    [
        *("Question:", "**Question 1:**", "Q1.", "### Question 2", "Instruction", "- Q:", "**"),
        *("Answer:", "**Answer**", "A:", "A1)", "Response:", "Answering", "A", "a:", "_"),
        *("\n", "\n", "\n", "\n\n", "\r\n", "---", "***", "```", "```json", "### Pair 1", "2."),
        *("{", "}", "[", "]", '"', '"question"', '"answer"', ":", ",", "null", "NaN", "1e999"),
        *(" ", "\t", "\uff1a", "\u2028", "\x00", "\ud800", "\ufeff", "\\", "\\u", "word", "7" * 50),
    ]
)
NASTY = st.lists(FRAGMENTS | st.text(st.characters(exclude_categories=()), max_size=3)).map("".join)
FINISHES = st.sampled_from(["stop", "length", "tool_calls"])


@given(text=NASTY, finish=FINISHES)
def test_any_text_is_parsed_the_same_each_time(text: str, finish: str) -> None:
    """No text raises; every reply gives pairs or reasons; a pair is never empty or padded."""
    parsed = parse_reply(text, finish_reason=finish)

    assert parsed == parse_reply(text, finish_reason=finish)
    assert parsed.pairs or parsed.rejected
    assert len(set(parsed.pairs)) == len(parsed.pairs)
    for pair in parsed.pairs:
        assert pair.question
        assert pair.answer
        assert (pair.question, pair.answer) == (pair.question.strip(), pair.answer.strip())
    assert all(item.reason and "\n" not in item.reason for item in parsed.rejected)


@given(text=NASTY.map(lambda text: text.replace("{", "(").replace("[", "(")), finish=FINISHES)
def test_nothing_is_invented(text: str, finish: str) -> None:
    """Every question and every answer of a labelled reply stands in the reply as it is."""
    for pair in parse_reply(text, finish_reason=finish).pairs:
        assert pair.question in text
        assert pair.answer in text


MARKS = st.sampled_from(
    [
        *("Question: {}", "Answer: {}", "**Question 1:** {}", "**Answer:** {}", "{}", "{}", "- {}"),
        *("Q: {}", "A: {}", "**Question: {}**", "Answer:\n{}", "---\n{}", "\n---\n\n{}", "\n{}"),
        *("```\n{}", "```python\n{}\n```", "```\n\n{}", "Response: {}", "1. {}", "{}\n"),
    ]
)


@given(marks=st.lists(MARKS, max_size=12), finish=FINISHES)
def test_no_text_is_lost(marks: list[str], finish: str) -> None:
    """Each word behind the first question stands in a pair or in a rejection."""
    lines = ["Question: first", *(mark.format(f"word{n}w") for n, mark in enumerate(marks))]
    parsed = parse_reply("\n".join(lines), finish_reason=finish)
    kept = [f"{pair.question}\n{pair.answer}" for pair in parsed.pairs]
    kept += [item.response for item in parsed.rejected]

    for n in range(len(marks)):
        assert any(f"word{n}w" in piece for piece in kept)


PLAIN_LINES = st.sampled_from(
    [
        *("Question: {}", "Question: {}", "Answer: {}", "Answer: {}", "Question:{}", "Answer:\t{}"),
        *("Question: {} ", "Answer: {}\r", "Answer: {}-", "Answer: {}```", "Question: ---", ""),
        *("Answer: same", "Question: same", "{}", "Q: {}", "Answer 1: {}", "Answer: \u3000", " "),
        *("Question: {}\n", "Answer: {}\n", "answer: {}", "Answer: Answer: {}", "Answer: {}\u2028"),
    ]
)


@given(lines=st.lists(st.tuples(PLAIN_LINES, LINE), max_size=8))
def test_the_quick_way_reads_what_the_other_reads(lines: list[tuple[str, str]]) -> None:
    """A reply that is plain enough for the quick way gives what the reader of any labels gives."""
    text = "\n".join(template.format(line) for template, line in lines)
    plain = parse_plain(text)

    assert plain is None or plain == parse_text(text, truncated=False)


@given(pairs=st.lists(st.tuples(LINE, LINE), min_size=1, max_size=5, unique=True))
def test_plain_replies_go_the_quick_way(pairs: Pairs) -> None:
    """One line each and nothing else: read without looking for anything else."""
    lines = [(f"{question}?", f"{answer}.") for question, answer in pairs]
    parsed = parse_plain(TEXT_STYLES["plain"](lines))

    assert parsed is not None
    assert [(pair.question, pair.answer) for pair in parsed.pairs] == lines
