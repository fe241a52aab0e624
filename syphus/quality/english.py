"""Whether the English is English. What tells a language is passed in by whoever knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from syphus.quality.wording import Check, Wording

# Words that most English sentences have and other languages don't spell so.
_COMMON: Final = (
    "the of and what with which are that this there they their his she who how from does would "
    "where when have been you it's its"
)
_ENGLISH: Final = frozenset(_COMMON.split())
# One such word to as many characters is English without asking further.
_CHARACTERS_EACH: Final = 40
_LATIN_ENOUGH: Final = 0x250


def check_english(name_other: Callable[[str], str | None]) -> Check:
    """A check that both texts are English; `name_other` names the language of one that isn't."""

    def check(wording: Wording) -> str | None:
        for name, low, text in (
            ("question", wording.low_question, wording.question),
            ("answer", wording.low_answer, wording.answer),
        ):
            if _is_surely_english(low):
                continue
            if other := name_other(text):
                return f"the {name} is not English but {other}"
        return None

    return check


def _is_surely_english(text: str) -> bool:
    if not text.isascii() and max(map(ord, text)) >= _LATIN_ENOUGH:
        return False
    return sum(map(_ENGLISH.__contains__, text.split(" "))) * _CHARACTERS_EACH >= len(text)
