"""Refusals, and models that speak about themselves, where a pair should be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from syphus.quality.wording import has_any

if TYPE_CHECKING:
    from syphus.quality.wording import Wording

_CANNOT: Final = (
    "i(?: (?:cannot|can't|can not|won't(?: be able to)?|do not have the ability to)"
    "|(?:'m| am) (?:unable|not able) to)"
)
_AI: Final = r"an? (?:ai|artificial intelligence|(?:large )?language model|virtual assistant)\b"
_SERVE: Final = (
    r"(?:assist|help|provide|comply|fulfill?|answer|view|see|access|create|generate|continue"
    r"|identify|describe|determine|process|engage|do that)\b"
)
_PHRASES: Final = (
    rf"\bas {_AI}(?: (?:language )?model| assistant| system)?\s?,",
    rf"\bi(?:'m| am) (?:just |only )?{_AI}",
    (
        r"^\W*(?:(?:i(?:'m| am) )?(?:so |very )?sorry|(?:i |my )?apolog\w+)\b"
        rf"[^.!?]{{0,60}}?\b{_CANNOT} (?:\w+ly ){{0,2}}{_SERVE}"
    ),
    (
        rf"^\W*(?:unfortunately,? )?{_CANNOT} (?:assist|comply|fulfill?|generate|engage"
        r"|provide (?:that|this|any|a)|help (?:you )?with (?:that|this))\b"
    ),
    (
        rf"\b{_CANNOT} (?:directly |actually )?(?:see|view|access|watch|open|process|analy[sz]e) "
        r"(?:(?:the|any|this|that|your) )?(?:image|video|picture|photo|attachment|file)s?\b"
    ),
    (
        r"\bi (?:do not|don't) have (?:direct |visual )?access to (?:(?:the|any|this|that|your) )?"
        r"(?:actual )?(?:image|video|picture|photo|attachment|file)s?\b"
    ),
    r"\b(?:against|violates?) (?:my|openai's) (?:\w+ )?(?:polic\w+|guidelines|programming)\b",
    r"\bmy (?:training data|knowledge cut-?off)\b",
)
_PATTERN: Final = re.compile("|".join(_PHRASES))
_MARKS: Final = (
    "sorry",
    "apolog",
    "as an ",
    "as a ",
    "an ai",
    "i can",
    "i won't",
    "i am",
    "i'm ",
    "i do not",
    "i don't",
    "language model",
    "against my",
    "violate",
    "openai",
    "my training",
    "my knowledge",
)


def check_refusal(wording: Wording) -> str | None:
    """Whether the answer, or the question, is a refusal or talk of the model about itself."""
    if not has_any(wording.both, _MARKS):
        return None
    for name, text in (("answer", wording.low_answer), ("question", wording.low_question)):
        if found := _PATTERN.search(text):
            return f'the {name} is a refusal: "{found[0].strip()}"'
    return None
