"""Labels such as `Question:`, `**Q1.**` or `### Answer 2`: where they stand in a reply."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

# Every run of characters is possessive or bounded, so no text takes more than linear time. The
# literal line break in front lets the engine skip from line to line.
_LABEL: Final = re.compile(
    r"""
    \n [ \t>\u00a0\u3000\u200b\ufeff]*+
    (?: \#{1,6}[ \t]*+ )?+                      # a heading
    (?: [-*+•][ \t]++ )?+                       # a bullet
    (?: ([*_]{1,3}) | \(?\d{1,4}[.)、:\uff1a][ \t]*+ ){0,3}  # 1: bold, italics; numbers
    (                                           # 2: the word
        [Qq](?i:uestion)? | [Ii](?i:nstruction) | [Aa](?i:nswer)? | [Rr](?i:esponse)
      | [\uff31\uff51\uff21\uff41]              # full-width Q and A
    )
    (?:                                         # 3: its number
        (?: (?<=[a-zA-Z]{2})[ \t] )?+ (?: \#|[Nn]o\.?[ \t]?|[-_.(\[] )?+
        (\d{1,4}) [)\]]?
    )?
    (?: [ \t]*+ \([^()\n]{1,60}\) (?=[*_]{0,3}[ \t]*+[:\uff1a]) )?   # a note: "Answer (short):"
    (?: ([*_]{1,3}) )?                          # 4: the end of bold or italics
    (?:
        [ \t]*+ ([:\uff1a])                     # 5: a colon
      | (?(3) (?: [.)、] | [ \t]++[-\u2013—] ) (?=[*_]{0,3}(?:\s|\Z)) | (?!) )
      | (?: (?<=[a-zA-Z]{2}) | (?<=[\d*_)\]]) ) (?=[ \t]*+(?:\r?\n|\Z))
    )
    (?(1) (?: ([*_]{1,3}) )? )                  # 6: the end of bold or italics
    """,
    re.VERBOSE,
)

_WORDS: Final = {
    "question": ("question", True),
    "instruction": ("instruction", True),
    "q": ("q", True),
    "\uff51": ("q", True),
    "answer": ("answer", False),
    "response": ("response", False),
    "a": ("a", False),
    "\uff41": ("a", False),
}
_SHORT: Final = frozenset({"q", "a"})


class Label(NamedTuple):
    """One label: text[start:end], where `text` is the reply behind a line break.

    `asks`: it stands before a question. `opener` is bold or italics that the label opened and
    left open; `sure` is False where only the end of the line, and no colon, made it a label.
    """

    word: str
    asks: bool
    number: int | None
    start: int
    end: int
    opener: str | None
    sure: bool


def find_labels(text: str) -> list[Label]:
    """Return every label of `text`, which must begin with a line break, in linear time."""
    labels = []
    for match in _LABEL.finditer(text):
        opener, word, number, closer, colon, closer_behind = match.groups()
        word, asks = _WORDS[word.lower()]
        start, end = match.span()
        if opener and (closer or closer_behind):
            opener = None
        labels.append(
            Label(word, asks, int(number) if number else None, start, end, opener, bool(colon))
        )
    return labels


def keep_one_style(labels: Sequence[Label]) -> Sequence[Label]:
    """Return the labels in the words that this reply uses for questions and for answers.

    The first question with an answer settles the words. Where several words could be its
    answer's label, the one of the same length wins: `Answer:` for `Question:`, `A:` for `Q:`. So
    a line that begins with `A:` inside an answer labelled `Answer:` is part of that answer.
    """
    kinds = {label[:2] for label in labels}
    if len(kinds) == len({asks for _, asks in kinds}):
        return labels
    style = _settle_words(labels)
    return [label for label in labels if label.word in style]


def _settle_words(labels: Sequence[Label]) -> tuple[str, ...]:
    question = ""
    answers: list[str] = []
    for label in labels:
        if not label.asks:
            answers.append(label.word)
        elif question and answers:
            break
        else:
            question = label.word
            answers = []
    if not question or not answers:
        return labels[0].word, *answers[:1]
    alike = [word for word in answers if (word in _SHORT) == (question in _SHORT)]
    return (question, (alike or answers)[0])
