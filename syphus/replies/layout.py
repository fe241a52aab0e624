"""What stands around pairs and belongs to none: rules, fences, item headings, closing remarks."""

from __future__ import annotations

import re
from typing import Final

_RULE_MARKS: Final = "-*_=~—\u2013"
_RULE_WIDTH: Final = 3
_RULE: Final = re.compile(r"\n[ \t]*+([-*_=~—\u2013])(?:[ \t]*+\1){2,}+[ \t]*+(?=\r?\n)")
_SENTENCE_ENDS: Final = ".!?。！？…)\"'”’*`"  # noqa: RUF001 - full-width marks end sentences too
_FENCE: Final = "```"
_ITEM: Final = re.compile(r"([^\d\n]{0,40})(\d{1,4})([^\n]{0,80})")
_LETTER: Final = re.compile(r"[^\W_]")
_TAIL_ROUNDS: Final = 3


def strip_rules(text: str) -> str:
    """Return `text`, already stripped, without the horizontal rules at its end."""
    end = len(text)
    while end and text[end - 1] in _RULE_MARKS:
        line_start = text.rfind("\n", 0, end) + 1
        marks = text[line_start:end].replace(" ", "")
        if len(marks) < _RULE_WIDTH or marks.strip(marks[0]):
            break
        end = line_start
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end]


def split_remark(text: str) -> tuple[str, str]:
    """Split the last answer at a rule that one paragraph follows: the answer, the remark.

    A rule in code, under a title, or with more behind it than one paragraph, is the answer's own.
    """
    rules = list(_RULE.finditer(text))
    if not rules:
        return text, ""
    answer = text[: rules[-1].start()]
    remark = text[rules[-1].end() :].strip()
    body = answer.rstrip(" \t\r")
    is_title = rules[-1][1] in "-=" and not body.endswith(("\n", *_SENTENCE_ENDS))
    is_long = "\n\n" in remark or "\n\r\n" in remark
    is_code = answer.count(_FENCE) % 2 == 1
    if is_title or is_long or is_code or not answer.strip():
        return text, ""
    return strip_rules(answer.strip()), remark


class Surroundings:
    """The layout that one reply puts around its pairs, learnt from what stands before the first.

    Two kinds. A code fence around all pairs, or around each. A heading before each pair, such as
    `### Pair 2`: it must begin as the one before the first pair did and carry the next number, so
    that the end of an answer is not taken for one.
    """

    __slots__ = ("_has_fences", "_is_fenced", "_lead", "_number")

    def __init__(self, preamble: str, reply: str) -> None:
        self._has_fences = _FENCE in reply
        self._is_fenced = False
        self._lead: str | None = None
        self._number = 0
        self._lead, self._number = _read_item(self.strip_end(preamble.strip()))
        self._is_fenced = preamble.count(_FENCE) % 2 == 1

    def strip_end(self, text: str) -> str:
        """Return `text`, already stripped, without the rules, fences and heading at its end."""
        if not self._has_fences and self._lead is None:
            return strip_rules(text)
        for _ in range(_TAIL_ROUNDS):
            before = len(text)
            text = strip_rules(text)
            if self._has_fences:
                text = self._strip_fence(text)
            if self._lead is not None:
                text = self._strip_heading(text)
            if len(text) == before:
                break
        return text

    def split_fence(self, text: str) -> tuple[str, str]:
        """Split the last answer at the closing fence: what is inside, what follows."""
        if not self._is_fenced or text.count(_FENCE) % 2 == 0:
            return text, ""
        start = text.rfind("\n" + _FENCE) + 1
        line, _, remark = text[start:].partition("\n")
        if line.strip().strip("`"):
            return text, ""
        return text[:start].rstrip(), remark.strip()

    def _strip_heading(self, text: str) -> str:
        lead, number = _read_item(text)
        if lead != self._lead or number != self._number + 1:
            return text
        self._number = number
        return text[: text.rfind("\n") + 1].rstrip()

    def _strip_fence(self, text: str) -> str:
        fences = text.count(_FENCE)
        if not fences or not _is_fence(text):
            return text
        shorter = text[: text.rfind("\n") + 1].rstrip()
        if fences % 2 == 1:
            self._is_fenced = not self._is_fenced
            return shorter
        if self._is_fenced and _is_fence(shorter) and shorter.endswith(_FENCE):
            return shorter[: shorter.rfind("\n") + 1].rstrip()
        return text


def _is_fence(text: str) -> bool:
    line = text[text.rfind("\n") + 1 :].lstrip()
    return line.startswith(_FENCE) and "`" not in line.lstrip("`")


def _read_item(text: str) -> tuple[str | None, int]:
    line = text[text.rfind("\n") + 1 :].strip()
    match = _ITEM.fullmatch(line)
    if match is None:
        return None, 0
    lead, number, rest = match.groups()
    is_bold = line.startswith("**") and line.rstrip(":\uff1a").endswith("**")
    if line.startswith("#") or is_bold or not _LETTER.search(rest):
        return lead, int(number)
    return None, 0
