"""Why a reply, or a part of one, gave no pair: the words that users read."""

from __future__ import annotations

from typing import Final

EMPTY: Final = "the reply is empty"
NO_CONTENT: Final = "the reply has no content"
REFUSED: Final = "the model refused"
FILTERED: Final = "the content filter withheld the reply"
CUT_OFF: Final = "the reply was cut off by the token limit"
NO_QUESTION: Final = "no question found"
NO_ANSWER: Final = "question without an answer"
ORPHAN: Final = "answer without a question"
EMPTY_QUESTION: Final = "the question is empty"
EMPTY_ANSWER: Final = "the answer is empty"
QUESTION_NOT_TEXT: Final = "the question is not text"
ANSWER_NOT_TEXT: Final = "the answer is not text"
OTHER_NUMBER: Final = "the answer has the number of another question"
REPEATED: Final = "repeated in the same reply"
REMARK: Final = "text after the last answer"
NO_JSON: Final = "the reply is not JSON"
BROKEN: Final = "the JSON is broken"
TOO_DEEP: Final = "the JSON is nested too deep"
TOO_LONG: Final = "the JSON is broken and too long to repair"
UNREAD: Final = "part of the broken JSON could not be read"

_CUT = "length"
_FILTER = "content_filter"


def is_cut(finish_reason: str) -> bool:
    """Whether the token limit ended the reply."""
    return finish_reason == _CUT


def say_withheld(text: str | None, *, finish_reason: str, refusal: str | None) -> str | None:
    """Return why there is no text to read at all, or None where there is some."""
    if refusal:
        return REFUSED
    if finish_reason == _FILTER:
        return FILTERED
    if text and not text.isspace():
        return None
    if finish_reason == _CUT:
        return CUT_OFF
    return NO_CONTENT if text is None else EMPTY


def reject_reason(
    text: str | None, *, finish_reason: str = "stop", refusal: str | None = None
) -> str | None:
    """Return why a reply as a whole is no success, or None where it is one.

    For replies that are used as they stand (free text): one that the token limit cut off is no
    success either. Whether the model refused is known by `refusal` alone, never by the words of
    the text.
    """
    if reason := say_withheld(text, finish_reason=finish_reason, refusal=refusal):
        return reason
    return CUT_OFF if is_cut(finish_reason) else None
