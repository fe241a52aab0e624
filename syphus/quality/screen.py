"""All checks of one pair together, as a data set wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syphus.quality.english import check_english
from syphus.quality.giveaway import check_giveaway
from syphus.quality.leftovers import check_leftovers
from syphus.quality.length import ANSWER_WORDS, QUESTION_WORDS, check_length
from syphus.quality.personal_data import check_personal_data
from syphus.quality.refusal import check_refusal
from syphus.quality.unanswered import check_unanswered
from syphus.quality.wording import read_wording

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from syphus.quality.wording import Check

    # From a question and an answer to the names of the checks that it fails, with the reasons.
    Screen: TypeAlias = Callable[[str, str], dict[str, str]]

PERSONAL_DATA: Final = "personal_data"
OF_ONE_PAIR: Final = (
    "giveaway",
    "unanswered",
    "refusal",
    "leftovers",
    "length",
    "language",
    PERSONAL_DATA,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the pairs of one data set are judged.

    `phrases` give its annotations away beside those of all data sets; `question_words` and
    `answer_words` are the least and the most; `skips` names checks that are left out;
    `personal_data` has them looked for.
    """

    phrases: tuple[str, ...] = ()
    question_words: tuple[int, int] = QUESTION_WORDS
    answer_words: tuple[int, int] = ANSWER_WORDS
    skips: frozenset[str] = frozenset()
    personal_data: bool = False


def make_screen(rules: Rules, *, name_other: Callable[[str], str | None]) -> Screen:
    """A screen of pairs. Pure: the same pair gives the same result.

    `name_other` names the language of a text that isn't English, None where it is.
    """
    made: dict[str, Check] = {
        "giveaway": check_giveaway(rules.phrases),
        "unanswered": check_unanswered,
        "refusal": check_refusal,
        "leftovers": check_leftovers,
        "length": check_length(rules.question_words, rules.answer_words),
        "language": check_english(name_other),
        PERSONAL_DATA: check_personal_data,
    }
    checks = [(name, made[name]) for name in names_of(rules) if name in made]

    def screen(question: str, answer: str) -> dict[str, str]:
        wording = read_wording(question, answer)
        return {name: reason for name, check in checks if (reason := check(wording)) is not None}

    return screen


def names_of(rules: Rules) -> list[str]:
    """The checks of one pair that are made, in their order."""
    return [
        name
        for name in OF_ONE_PAIR
        if name not in rules.skips and (name != PERSONAL_DATA or rules.personal_data)
    ]
