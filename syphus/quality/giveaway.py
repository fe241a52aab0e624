"""Phrases that give the annotation away: "according to the description".

A pair speaks about a picture or a video; whoever trains on it sees no caption and no boxes. What
is itself in the picture is no fault: "according to the sign", "the caption on the poster".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from syphus.quality.sources import ANNOTATION, GIVEN, MEDIUM, NOT_SEEN, TEXT
from syphus.quality.wording import has_any, lower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syphus.quality.wording import Check, Wording

_SOURCE: Final = rf"(?:(?:{GIVEN}|{MEDIUM}|detailed|dense|short)(?:'s)? )*{ANNOTATION}\b{NOT_SEEN}"
_SAYS: Final = (
    r"(?:says?|states?|mentions?|describes?|notes?|specif(?:y|ies)|indicates?|suggests?|impl(?:y|ies)"
    r"|tells?|reports?|refers?|lists?|gives?|provides?|identif(?:y|ies)|shows?)"
)
_SAID: Final = (
    r"(?:mentioned|described|stated|specified|noted|listed|provided|given|indicated|said|reported"
    r"|shown|seen|written|detailed|identified|implied|suggested)"
)
_BY: Final = (
    r"(?:according to|based (?:solely |only |purely )?on|judging (?:by|from)|going by|per|from)"
)
_PHRASES: Final = (
    rf"{_BY} the {_SOURCE}",
    rf"(?:^|(?<=[.,;!?] ))given the {_SOURCE}",
    rf"the {GIVEN} {TEXT} {_SAYS}\b",
    rf"{_SAID} (?:in|by|within) the {_SOURCE}",
    rf"in the (?:{GIVEN} )?(?:descriptions?|captions?|annotations?)\b{NOT_SEEN}",
    (
        rf"the {_SOURCE} (?:(?:also|only|clearly|explicitly|further|both|{GIVEN}) )?"
        rf"(?:{_SAYS}|do(?:es)? not|do(?:es)?n't)\b"
    ),
    rf"(?:do|does|did) the {_SOURCE} {_SAYS}\b",
    rf"(?:{_BY}|in|by) the {GIVEN} {TEXT}\b{NOT_SEEN}",
    rf"(?:{_BY}|in) the {TEXT} {GIVEN}\b{NOT_SEEN}",
    rf"according to the (?:text|passage|context|paragraph|information)\b{NOT_SEEN}",
    r"bounding[ -]?box(?:es)?",
)
_PATTERN: Final = re.compile(rf"\b(?:{'|'.join(_PHRASES)})")
_MARKS: Final = (
    "descri",
    "caption",
    "annotation",
    "narration",
    "transcript",
    "bounding",
    "metadata",
    "stamps",
    "coordinates",
    "according to the ",
    "given",
    "provided",
    "supplied",
    "above",
    "preceding",
    "input",
)


def check_giveaway(phrases: Sequence[str] = ()) -> Check:
    """A check for the phrases of every data set, and for `phrases` of this one."""
    own = tuple(filter(None, map(lower, phrases)))
    any_own = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, own))})(?!\w)") if own else None

    def check(wording: Wording) -> str | None:
        patterns = [_PATTERN] if has_any(wording.both, _MARKS) else []
        if any_own is not None and has_any(wording.both, own):
            patterns.append(any_own)
        for pattern in patterns:
            for name, text in (("question", wording.low_question), ("answer", wording.low_answer)):
                if found := pattern.search(text):
                    return f'the {name} gives the annotation away: "{found[0]}"'
        return None

    return check
