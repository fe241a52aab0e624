"""Bounds on the length of questions and answers, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from syphus.quality.wording import Check, Wording

QUESTION_WORDS: Final = (2, 200)
ANSWER_WORDS: Final = (1, 1000)
_LETTER: Final = re.compile(r"[^\W_]")


def check_length(
    question: tuple[int, int] = QUESTION_WORDS, answer: tuple[int, int] = ANSWER_WORDS
) -> Check:
    """A check that a question has so many words, least and most, and an answer so many.

    Words are what stands between spaces; a text without a letter or a digit has none.
    """

    def check(wording: Wording) -> str | None:
        return _judge("question", wording.low_question, *question) or _judge(
            "answer", wording.low_answer, *answer
        )

    return check


def _judge(name: str, text: str, least: int, most: int) -> str | None:
    words = text.count(" ") + 1 if _LETTER.search(text) else 0
    if words < least:
        return f"the {name} is too short: {words} of at least {least} words"
    if words > most:
        return f"the {name} is too long: {words} of at most {most} words"
    return None
