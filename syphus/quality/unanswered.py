"""Questions without an answer in the text: answers that say so.

"The description does not mention it" is one; "The sign doesn't mention a price" is an answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from syphus.quality.sources import ANNOTATION, GIVEN, MEDIUM, TEXT
from syphus.quality.wording import has_any

if TYPE_CHECKING:
    from syphus.quality.wording import Wording

_NOT: Final = "(?: not| never|n't)"
_HOW: Final = "(?: (?:explicitly|directly|specifically|clearly|exactly|really|also))?"
_ASKED: Final = r"(?:who|whom|whose|what|when|where|why|how|which|whether|if)\b"
_SOURCE: Final = (
    rf"(?:(?:{GIVEN}|{MEDIUM}) )*(?:{ANNOTATION}|{TEXT}|{MEDIUM}|conversation|dialogue|question)\b"
)
# Where the sentence ends, or goes on about the annotation: "... isn't stated on the label" doesn't.
_END: Final = (
    r"(?=\W*$| ?[.,;:!]|,? (?:but|so|and|here)\b"
    rf"| (?:in|by|from|within) (?:the|this) {_SOURCE})"
)
_KNOWN: Final = "(?:mentioned|specified|stated|disclosed|indicated)"
_FIND_OUT: Final = "(?:determine|infer|ascertain|deduce)"
_TELL: Final = rf"(?:tell|say|know|identify|make out)(?= (?:for|from|{_ASKED})|\W*$|[.,;])"
_FACTS: Final = (
    r"(?:mention\b|(?:information|details|context)\b"
    r"(?! (?:desk|board|booth|panel|sign|cent|screen|counter)))"
)
_PHRASES: Final = (
    rf"\b(?:is|are|was|were|it's){_NOT}{_HOW} {_KNOWN}{_END}",
    rf"\b(?:is|are|remains?) (?:unknown|unspecified|not known){_END}",
    rf"\bit(?:'s| is| remains) (?:unclear|unknown|uncertain)(?= (?:from|{_ASKED})|\W*$|[.,;])",
    rf"\bit(?:'s| is| was){_NOT} (?:entirely )?clear (?:from|{_ASKED})",
    (
        rf"\bit(?:'s| is| was)(?:{_NOT} possible| impossible) to (?:{_FIND_OUT}\b|{_TELL}"
        r"|be (?:sure|certain))"
    ),
    (
        rf"\b(?:the|this) {_SOURCE} (?:itself |alone )?do(?:es)?{_NOT}{_HOW} "
        r"(?:(?:mention|specify|state|say|tell|indicate|reveal|disclose|clarify|explain|identify)\b"
        rf"|(?:show|describe) {_ASKED}"
        r"|(?:provide|give|offer|contain|include) (?:\w+ ){0,2}(?:information|details?|context)\b)"
    ),
    (
        r"\b(?:cannot|can't|can not|could not|couldn't) be "
        r"(?:determined|inferred|identified|ascertained|answered|deduced|known|told)\b"
    ),
    r"\b(?:cannot|can't|can not) be (?:said|told|known) (?:for (?:certain|sure)|with certainty)\b",
    rf"\bit(?:'s| is| was) (?:very )?(?:difficult|hard) to (?:{_FIND_OUT}\b|{_TELL})",
    rf"\bwe (?:do not|don't) know (?:for (?:certain|sure)|{_ASKED})",
    (
        r"\bno (?:(?:explicit|specific|further|clear|such) )?(?:information|details?) "
        r"(?:is|are|was|were) (?:given|provided|available|mentioned)\b(?! (?:on|at|in) the)"
    ),
    (
        r"\b(?:i|we|one|you) (?:cannot|can't|can not|(?:am|are|is) unable to) "
        rf"(?:{_FIND_OUT}\b|{_TELL})"
    ),
    (
        r"\b(?:is|are|contains?|provides?|gives?|offers?|have|has|there's)"
        r"(?: no| not enough| insufficient| not any|n't (?:any|enough)) "
        rf"(?:(?:explicit|specific|further|direct|clear|additional|other) )?{_FACTS}"
    ),
    rf"\bnothing in (?:the|this) {_SOURCE} (?:indicate|mention|say|show|suggest|tell)s?\b",
    r"\b(?:insufficient|not enough) (?:information|context|details?)\b",
    r"\bwithout (?:more|further|additional) (?:information|context|details)\b",
    r"^\W*i (?:do not|don't) know\b",
    (
        r"^\W*(?:unknown|n/a|not (?:mentioned|specified|stated|applicable|known|given|provided"
        r"|available))\W*$"
    ),
)
_PATTERN: Final = re.compile("|".join(_PHRASES))
_MARKS: Final = (
    "not ",
    "n't",
    "cannot",
    " no ",
    "unknown",
    "unclear",
    "uncertain",
    "unspecified",
    "impossible",
    "unable",
    "insufficient",
    "without ",
    "n/a",
    "never ",
    "nothing in ",
    "difficult to ",
    "hard to ",
    "no information",
    "no detail",
)


def check_unanswered(wording: Wording) -> str | None:
    """Whether the answer says that there is none."""
    text = wording.low_answer
    found = _PATTERN.search(text) if has_any(text, _MARKS) else None
    return f'the answer says that there is none: "{found[0].strip()}"' if found else None
