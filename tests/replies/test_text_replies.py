"""Labelled replies as chat models write them."""

from __future__ import annotations

import pytest

from syphus.replies import parse_reply

TWO = [("What is it?", "A dog."), ("Where is it?", "On the lawn.")]

STYLES = {
    "plain": (
        "Question: What is it?\nAnswer: A dog.\n\nQuestion: Where is it?\nAnswer: On the lawn."
    ),
    "no blank lines": (
        "Question: What is it?\nAnswer: A dog.\nQuestion: Where is it?\nAnswer: On the lawn."
    ),
    "blank lines everywhere": (
        "\n\nQuestion: What is it?\n\n\nAnswer: A dog.\n\n\n"
        "Question: Where is it?\n\nAnswer: On the lawn.\n\n"
    ),
    "label on its own line": (
        "Question:\nWhat is it?\nAnswer:\nA dog.\n\nQuestion:\nWhere is it?\nAnswer:\nOn the lawn."
    ),
    "lines end with carriage returns": (
        "Question: What is it?\r\nAnswer: A dog.\r\n\r\n"
        "Question: Where is it?\r\nAnswer: On the lawn.\r\n"
    ),
    "any case": (
        "QUESTION: What is it?\nanswer: A dog.\nquestion: Where is it?\nANSWER: On the lawn."
    ),
    "numbers before labels": (
        "1. Question: What is it?\n   Answer: A dog.\n"
        "2. Question: Where is it?\n   Answer: On the lawn."
    ),
    "brackets behind numbers": (
        "1) Q: What is it?\n   A: A dog.\n(2) Q: Where is it?\n    A: On the lawn."
    ),
    "numbers in labels": (
        "Question 1: What is it?\nAnswer 1: A dog.\nQuestion #2: Where is it?\n"
        "Answer No. 2: On the lawn."
    ),
    "only questions numbered": (
        "Question 1: What is it?\nAnswer: A dog.\n\nQuestion 2: Where is it?\nAnswer: On the lawn."
    ),
    "short with colons": "Q1: What is it?\nA1: A dog.\nQ2: Where is it?\nA2: On the lawn.",
    "short with dots": "Q1. What is it?\nA1. A dog.\nQ2. Where is it?\nA2. On the lawn.",
    "short with brackets": "Q1) What is it?\nA1) A dog.\n\nQ2) Where is it?\nA2) On the lawn.",
    "numbers and dashes": (
        "Question 1 - What is it?\nAnswer 1 - A dog.\n"
        "Question 2 \u2013 Where is it?\nAnswer 2 \u2013 On the lawn."
    ),
    "bold, colon inside": (
        "**Question:** What is it?\n**Answer:** A dog.\n\n"
        "**Question:** Where is it?\n**Answer:** On the lawn."
    ),
    "bold, colon outside": (
        "**Question**: What is it?\n**Answer**: A dog.\n\n"
        "**Question**: Where is it?\n**Answer**: On the lawn."
    ),
    "bold with dots": (
        "**Q1.** What is it?\n**A1.** A dog.\n\n**Q2.** Where is it?\n**A2.** On the lawn."
    ),
    "bold lines": (
        "**Question: What is it?**\nAnswer: A dog.\n\n**Question: Where is it?**\n"
        "Answer: On the lawn."
    ),
    "bold numbers": (
        "**1. Question:** What is it?\n**Answer:** A dog.\n\n"
        "2. **Question:** Where is it?\n   **Answer:** On the lawn."
    ),
    "italics": "*Question:* What is it?\n_Answer:_ A dog.\n*Question:* Where is it?\n"
    "_Answer:_ On the lawn.",
    "headings": (
        "### Question 1\nWhat is it?\n\n### Answer 1\nA dog.\n\n"
        "### Question 2\nWhere is it?\n\n### Answer 2\nOn the lawn."
    ),
    "headings with text": (
        "## Question 1: What is it?\n\nAnswer: A dog.\n\n"
        "## Question 2: Where is it?\n\nAnswer: On the lawn."
    ),
    "bold alone": (
        "**Question 1**\nWhat is it?\n**Answer**\nA dog.\n"
        "**Question 2**\nWhere is it?\n**Answer**\nOn the lawn."
    ),
    "a heading over labels": (
        "### Question 1\n**Question:** What is it?\n**Answer:** A dog.\n\n"
        "### Question 2\n**Question:** Where is it?\n**Answer:** On the lawn."
    ),
    "a heading over short labels": (
        "### Question 1\n**Q:** What is it?\n**A:** A dog.\n\n"
        "### Question 2\n**Q:** Where is it?\n**A:** On the lawn."
    ),
    "bullets": (
        "- Question: What is it?\n- Answer: A dog.\n"
        "* **Question:** Where is it?\n* **Answer:** On the lawn."
    ),
    "quoted": "> Question: What is it?\n> Answer: A dog.\n\n> Question: Where is it?\n"
    "> Answer: On the lawn.",
    "full-width colons": (
        "Question\uff1aWhat is it?\nAnswer\uff1a A dog.\n"
        "Question\uff1aWhere is it?\nAnswer\uff1aOn the lawn."
    ),
    "full-width letters": (
        "\uff31\uff1aWhat is it?\n\uff21\uff1aA dog.\n"
        "\uff51\uff1aWhere is it?\n\uff21\uff1aOn the lawn."
    ),
    "instruction and response": (
        "Instruction: What is it?\nResponse: A dog.\n\n"
        "Instruction: Where is it?\nResponse: On the lawn."
    ),
    "mixed lengths": "Question: What is it?\nA: A dog.\nQuestion: Where is it?\nA: On the lawn.",
    "notes in labels": (
        "Question (object): What is it?\nAnswer (short): A dog.\n"
        "Question (place): Where is it?\nAnswer (short): On the lawn."
    ),
    "unusual spaces": (
        "\ufeffQuestion:\u00a0What is it?\n\u3000Answer: A dog.\n\u00a0Question: Where is it?\n"
        "Answer: On the lawn.\u3000"
    ),
    "announced": (
        "Sure! Here are 2 question-answer pairs:\n\n"
        "Question: What is it?\nAnswer: A dog.\n\nQuestion: Where is it?\nAnswer: On the lawn."
    ),
    "rules between": (
        "---\nQuestion: What is it?\nAnswer: A dog.\n\n---\n\n"
        "Question: Where is it?\nAnswer: On the lawn.\n\n* * *\n"
    ),
    "fenced": (
        "```\nQuestion: What is it?\nAnswer: A dog.\n\n"
        "Question: Where is it?\nAnswer: On the lawn.\n```"
    ),
    "announced and fenced": (
        "Here you are:\n\n```text\nQuestion: What is it?\nAnswer: A dog.\n\n"
        "Question: Where is it?\nAnswer: On the lawn.\n```\n"
    ),
    "each fenced": (
        "```\nQuestion: What is it?\nAnswer: A dog.\n```\n\n"
        "```\nQuestion: Where is it?\nAnswer: On the lawn.\n```"
    ),
    "headed": (
        "Here are two.\n\n### Pair 1\nQuestion: What is it?\nAnswer: A dog.\n\n"
        "### Pair 2\nQuestion: Where is it?\nAnswer: On the lawn."
    ),
    "headed with titles and rules": (
        "#### 1. The animal\n\nQuestion: What is it?\nAnswer: A dog.\n\n---\n\n"
        "#### 2. The place\n\nQuestion: Where is it?\nAnswer: On the lawn."
    ),
    "numbers on their own lines": (
        "1.\nQuestion: What is it?\nAnswer: A dog.\n2.\nQuestion: Where is it?\n"
        "Answer: On the lawn."
    ),
}


def pairs_of(reply: str, **settings: str) -> list[tuple[str, str]]:
    """Return the pairs of a reply as plain tuples."""
    return [(pair.question, pair.answer) for pair in parse_reply(reply, **settings).pairs]


def rejections_of(reply: str, **settings: str) -> list[tuple[str, str]]:
    """Return the rejected pieces of a reply and their reasons as plain tuples."""
    return [(item.response, item.reason) for item in parse_reply(reply, **settings).rejected]


@pytest.mark.parametrize("reply", STYLES.values(), ids=STYLES.keys())
def test_every_style_gives_the_same_pairs(reply: str) -> None:
    """However its labels are written, a reply gives its pairs and nothing is rejected."""
    parsed = parse_reply(reply)

    assert pairs_of(reply) == TWO
    assert parsed.rejected == ()
    assert not parsed.truncated


ANSWERS = {
    "paragraphs": "The dog sits.\n\nIt looks at the door.",
    "list": "Three things:\n- a dog\n- a lawn\n\n1. first\n2. second",
    "code": "Like this:\n```python\nprint('Q')\n```\nand no more.",
    "code alone": "```\nx = 1\n```",
    "a note": "A dog.\nNote: it may be a wolf.",
    "an option": "One of these.\nA: a dog\nB: a cat\nQ: a quiz",
    "words like labels": "Yes.\nAnswering: no label.\nQuestionable: neither.\nAnswers: nor this.",
    "a word at the line start": "Yes.\nQuestion marks are rare.\nAnswer and question.",
    "labels in prose": "He wrote Question: why? and Answer: because. A: or Q: too.",
    "a ratio": "It is\nA 4:3 picture.",
    "a rule": "One.\n\n---\n\nTwo.\n\nThree.\n\nFour.",
    "a title with a rule": "Title\n---\nText.",
    "bold text": "**Blue** and **red**",
    "entities": "Fish &amp; chips &lt;b&gt;",
    "inner indentation": "def f():\n    return 1",
    "a table": "| a | b |\n|---|---|\n| 1 | 2 |",
    "line separators": "one\u2028two\x85three",
    "a lone surrogate": "broken \ud83d here",
    "a NUL": "zero \x00 byte",
    "a number line": "It is\n5.",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_stays_whole(answer: str) -> None:
    """An answer keeps its lines as they are, as the last one of a reply and before another."""
    reply = f"Question: First?\nAnswer: {answer}\n\nQuestion: Second?\nAnswer: {answer}"

    assert pairs_of(reply) == [("First?", answer), ("Second?", answer)]
    assert rejections_of(reply) == []


def test_a_question_may_have_several_lines() -> None:
    """Options that look like short labels belong to a question with a long label."""
    reply = "Question: Which one?\nA: a dog\nB: a cat\nAnswer: A: a dog\nA: it barks"

    assert pairs_of(reply) == [("Which one?\nA: a dog\nB: a cat", "A: a dog\nA: it barks")]


def test_short_labels_keep_long_words_in_answers() -> None:
    """`Answer:` inside an answer is text where the reply's labels are `Q:` and `A:`."""
    reply = "Q: Two plus two?\nA: Count.\nAnswer: 4\nQ: And three?\nA: 7"

    assert pairs_of(reply) == [("Two plus two?", "Count.\nAnswer: 4"), ("And three?", "7")]


def test_an_instruction_above_the_pairs_is_no_pair() -> None:
    """The words of the first question that has an answer are the reply's labels."""
    reply = "Instruction: Look closely.\nQuestion: What is it?\nAnswer: A dog."

    assert pairs_of(reply) == TWO[:1]
    assert rejections_of(reply) == [("Instruction: Look closely.", "question without an answer")]


REJECTED = {
    "no answer at the end": (
        "Question: a?\nAnswer: b\n\nQuestion: c?",
        [("a?", "b")],
        [("Question: c?", "question without an answer")],
    ),
    "two questions in a row": (
        "Question: a?\nQuestion: b?\nAnswer: c",
        [("b?", "c")],
        [("Question: a?", "question without an answer")],
    ),
    "no question": (
        "Answer: a\nQuestion: b?\nAnswer: c\nAnswer: d",
        [("b?", "c")],
        [("Answer: a", "answer without a question"), ("Answer: d", "answer without a question")],
    ),
    "empty answer": (
        "Question: a?\nAnswer:\nQuestion: b?\nAnswer: c",
        [("b?", "c")],
        [("Question: a?\nAnswer:", "the answer is empty")],
    ),
    "empty question": (
        "Question:   \nAnswer: b",
        [],
        [("Question:\nAnswer: b", "the question is empty")],
    ),
    "repeated": (
        "Question: a?\nAnswer: b\nQuestion: a?\nAnswer: c\nQuestion: a?\nAnswer: b",
        [("a?", "b"), ("a?", "c")],
        [("Question: a?\nAnswer: b", "repeated in the same reply")],
    ),
    "grouped": (
        "Question 1: a?\nQuestion 2: b?\nAnswer 1: c\nAnswer 2: d",
        [],
        [
            ("Question 1: a?", "question without an answer"),
            (
                "Question 2: b?\nAnswer 1: c",
                "the answer has the number of another question",
            ),
            ("Answer 2: d", "answer without a question"),
        ],
    ),
    "a remark behind a rule": (
        "Question: a?\nAnswer: b.\n\n---\n\nLet me know if you want more!",
        [("a?", "b.")],
        [("Let me know if you want more!", "text after the last answer")],
    ),
    "a remark behind a fence": (
        "```\nQuestion: a?\nAnswer: b\n```\n\nHope this helps.",
        [("a?", "b")],
        [("Hope this helps.", "text after the last answer")],
    ),
    "prose": ("I see a dog.", [], [("I see a dog.", "no question found")]),
    "a label in a line": (
        "Question: a? Answer: b",
        [],
        [("Question: a? Answer: b", "question without an answer")],
    ),
}


@pytest.mark.parametrize(("reply", "pairs", "rejected"), REJECTED.values(), ids=REJECTED.keys())
def test_what_is_no_pair_is_rejected_with_its_reason(
    reply: str, pairs: list[tuple[str, str]], rejected: list[tuple[str, str]]
) -> None:
    """A piece that gives no pair is quoted with the reason, and its neighbours are kept."""
    assert pairs_of(reply) == pairs
    assert rejections_of(reply) == rejected


def test_a_remark_that_nothing_separates_stays_in_the_answer() -> None:
    """No text is dropped on a guess."""
    reply = "Question: a?\nAnswer: b.\n\nLet me know if you want more!"

    assert pairs_of(reply) == [("a?", "b.\n\nLet me know if you want more!")]


CUT = "the reply was cut off by the token limit"


def test_a_cut_answer_is_rejected_and_whole_pairs_are_kept() -> None:
    """The last answer before the token limit may be damaged; the pairs before it are not."""
    reply = "Question: a?\nAnswer: b\n\nQuestion: c?\nAnswer: it is a ve"
    parsed = parse_reply(reply, finish_reason="length")

    assert parsed.truncated
    assert pairs_of(reply, finish_reason="length") == [("a?", "b")]
    assert rejections_of(reply, finish_reason="length") == [
        ("Question: c?\nAnswer: it is a ve", CUT)
    ]


def test_a_cut_question_leaves_the_pair_before_it_whole() -> None:
    """Where the cut is in a question, only the question is rejected."""
    reply = "Question: a?\nAnswer: b\n\nQuestion: wha"

    assert pairs_of(reply, finish_reason="length") == [("a?", "b")]
    assert rejections_of(reply, finish_reason="length") == [("Question: wha", CUT)]


def test_a_cut_line_is_no_label_without_its_colon() -> None:
    """`Question 1` at the cut may be the start of a sentence of the answer."""
    reply = "Question: a?\nAnswer: b\nQuestion 1"

    assert pairs_of(reply, finish_reason="length") == []
    assert pairs_of(reply) == [("a?", "b")]


def test_a_cut_before_the_first_label_gives_the_cut_as_the_reason() -> None:
    """A reply cut in its preamble is rejected for the cut, not for having no question."""
    assert rejections_of("Sure, here", finish_reason="length") == [("Sure, here", CUT)]
