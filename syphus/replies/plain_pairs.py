"""The reply that most models write most of the time, read in a third of the time.

    Question: What does the woman carry?
    Answer: A closed umbrella.

    Question: ...

Each question and each answer on one line, and nothing else. What is read here is what `parse_text`
would give; whatever could be read in another way is left to it.
"""

from __future__ import annotations

import re
from typing import Final

from syphus.core.records import Parsed, QuestionAnswer

# A line that ends in one of these marks may be a rule, and a fence belongs to no pair.
_END: Final = r"(?<![\s*_=~\-—\u2013])"
_PAIR: Final = re.compile(rf"Question:[ \t]*+(\S.*+){_END}\nAnswer:[ \t]*+(\S.*+){_END}(?:\n++|\Z)")
_FENCE: Final = "```"


def parse_plain(text: str) -> Parsed | None:
    """Return the pairs of a plain reply that wasn't cut off; None where `text` isn't one."""
    found: list[tuple[str, str]] = []
    end = 0
    while match := _PAIR.match(text, end):
        question, answer = match.groups()
        found.append((question, answer))
        end = match.end()
    if end < len(text) or not found or _FENCE in text or len(set(found)) < len(found):
        return None
    return Parsed(pairs=tuple([QuestionAnswer(question=q, answer=a) for q, a in found]))
