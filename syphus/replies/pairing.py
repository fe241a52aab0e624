"""Questions and answers in the order of a reply -> pairs. Text and JSON replies both end here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.records import Parsed, QuestionAnswer, Rejected
from syphus.replies import reasons

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Raw: TypeAlias = str | Callable[[], str]


class Pairing:
    """Collects the pairs of one reply; mutable, and lives for one call.

    `None` for a question or an answer stands for a value that is no text. `raw` is the piece of
    the reply that a rejection quotes, or makes it when one is needed. `number` is the one written
    on the label ("Answer 2"); an answer whose number is not its question's answers another one,
    and is rejected.
    """

    __slots__ = ("_number", "_open", "_question", "_raw", "_seen", "pairs", "rejected")

    def __init__(self) -> None:
        self.pairs: list[QuestionAnswer] = []
        self.rejected: list[Rejected] = []
        self._seen: set[tuple[str, str]] = set()
        self._open = False
        self._question: str | None = None
        self._number: int | None = None
        self._raw: Raw = ""

    def ask(self, question: str | None, raw: Raw, number: int | None = None) -> None:
        """Open a question; the one before it, if still open, has no answer."""
        if self._open:
            self.flush()
        self._open = True
        self._question = question
        self._number = number
        self._raw = raw

    def answer(self, answer: str | None, raw: Raw, number: int | None = None) -> None:
        """Close the open question with its answer."""
        question = self._question
        if not self._open:
            self.reject(raw, reasons.ORPHAN)
        elif not question or not answer:
            self.reject(self._join(raw), _name_missing(question, answer))
        elif number != self._number and number and self._number:
            self.reject(self._join(raw), reasons.OTHER_NUMBER)
        elif (question, answer) in self._seen:
            self.reject(self._join(raw), reasons.REPEATED)
        else:
            self._seen.add((question, answer))
            self.pairs.append(QuestionAnswer(question=question, answer=answer))
        self._open = False

    def cut(self, raw: Raw, *, answers: bool) -> None:
        """Close the reply with a question or an answer that the token limit may have damaged."""
        if answers and self._open:
            raw = self._join(raw)
            self._open = False
        self.flush()
        self.reject(raw, reasons.CUT_OFF)

    def reject(self, raw: Raw, reason: str) -> None:
        """Keep a piece of the reply that gave no pair."""
        self.rejected.append(Rejected(response=_say(raw), reason=reason))

    def _join(self, raw: Raw) -> str:
        return f"{_say(self._raw)}\n{_say(raw)}"

    def flush(self) -> None:
        """Reject the open question, if there is one."""
        if self._open:
            self._open = False
            self.reject(self._raw, reasons.NO_ANSWER)

    def finish(self, *, truncated: bool) -> Parsed:
        """Return everything collected."""
        self.flush()
        return Parsed(pairs=tuple(self.pairs), rejected=tuple(self.rejected), truncated=truncated)


def _say(raw: Raw) -> str:
    return raw.strip() if isinstance(raw, str) else raw()


def _name_missing(question: str | None, answer: str | None) -> str:
    if question is None:
        return reasons.QUESTION_NOT_TEXT
    if answer is None:
        return reasons.ANSWER_NOT_TEXT
    return reasons.EMPTY_ANSWER if question else reasons.EMPTY_QUESTION
