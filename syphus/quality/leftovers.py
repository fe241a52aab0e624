"""What chat templates and replies leave behind in a text: control tokens, roles, labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from syphus.quality.wording import Wording

_PATTERN: Final = re.compile(
    r"""
      <\|[a-z][a-z0-9_]{1,30}\|>
    | \[/?INST\] | <</?SYS>> | </?s> | <(?:start|end)_of_turn> | </?think> | <image>
    | ^\#{1,4}[ ]?(?:Instruction|Response|Input|Human|Assistant|User|System|Question|Answer)\b
    | ^[*_]{0,2}(?:USER|ASSISTANT|SYSTEM|HUMAN|User|Assistant|Human|System|GPT)[*_]{0,2}[ ]?:
    | ^[*_]{0,2}(?:Question|Answer|Instruction|Response)[ ]?\d{0,2}[*_]{0,2}[ ]?:
    | ^[*_]{0,2}Q[*_]{0,2}:[ ] | \A\s*\{\s*"(?:question|answer|instruction|response)s?"\s*:
    | \{\{?(?:question|answer|instruction|response|caption|description|image|text)s?\}\}?
    | ```\w*\s*\Z | \A\s*```
    """,
    re.VERBOSE | re.MULTILINE,
)
_MARK: Final = re.compile(r"[<\[{#:`]")


def check_leftovers(wording: Wording) -> str | None:
    """Whether a text holds what belongs to the conversation around it."""
    for name, text in (("question", wording.question), ("answer", wording.answer)):
        found = _PATTERN.search(text) if _MARK.search(text) else None
        if found:
            return f'the {name} holds a leftover of the conversation: "{found[0].strip()}"'
    return None
