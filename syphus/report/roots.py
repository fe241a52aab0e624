"""Root verb and noun of an instruction, by rules over tagged words.

There is no parse: rules of thumb choose the main verb of the sentence that asks, and the noun that
goes with it. `docs/report.md` says how often they are right. Tags are those of the British National
Corpus (C5): VB, VD, VH are be, do, have, VM0 modals, VV other verbs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Helpers, but for the forms of do that only stand for themselves.
_AUXILIARY = ("VB", "VD", "VH", "VM")
_PARTICIPLES = ("VVG", "VVN", "VVD", "VDG", "VDN", "VHG", "VHN", "VBG", "VBN")
_FULL = ("VDG", "VDN", "VDI")
# What begins another clause, or, after "is there", can only describe what is there.
_BORDERS = ("CJ", "PUN", "TO0", "EX0", "PNQ", "DTQ", "AVQ")
_BEFORE_NOUN = ("AT0", "DT0", "DPS", "AJ", "CRD", "ORD", "AV0", "AVP", "EX0", "PNP", "XX0")
_BEFORE_OBJECT = ("AT0", "DT0", "DPS", "AJ", "CRD", "PNP")
_ASKING = frozenset({"DTQ", "PNQ", "AVQ"})
_LEADS = ("PRP", "CJ", "VVG")
_LEADING = frozenset({"based", "given"})
_KINDS = frozenset({"kind", "type", "sort"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word as the tagger sees it; `lemma` is its dictionary form in small letters."""

    text: str
    lemma: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The main verb of an instruction, and its noun; None where it has none of that kind."""

    verb: str | None
    noun: str | None


def find_root(words: Sequence[Word], as_verb: Callable[[str], str | None]) -> Root:
    """The root of a sentence. `as_verb` is the lemma of a word that elsewhere is a verb, or None.

    The noun is the verb's object ("describe the man"), else what is asked for ("what objects can
    be seen"), else the subject ("what is the man doing"), else one behind a preposition.
    """
    words = _mend(_without_lead(words), as_verb)
    first = next((at for at, word in enumerate(words) if word.tag.startswith("V")), None)
    if first is None:
        return Root(verb=None, noun=None)
    main = _main_verb(words, first)
    asked = _noun_from(words, _question_word(words[:first]), first)
    named = _noun_from(words, main + 1, len(words))
    subject = _any_noun(words, first + 1, main) or _any_noun(words, 0, first)
    choices = (asked, named) if words[main].tag.startswith("VB") else (named, asked)
    noun = next(filter(None, (*choices, subject)), None) or _any_noun(words, main + 1, len(words))
    return Root(verb=words[main].lemma, noun=noun)


def _without_lead(words: Sequence[Word]) -> Sequence[Word]:
    """What follows "Based on the picture, ..." or "When he jumps, ...": there it is asked."""
    comma = next((at for at, word in enumerate(words) if word.text == ","), None)
    if comma is None:
        return words
    rest, first = words[comma + 1 :], words[0]
    asks = any(word.tag in _ASKING for word in rest)
    leads = first.tag.startswith(_LEADS) or first.text.lower() in _LEADING
    commands = bool(rest) and rest[0].tag.startswith("V")
    return rest if asks or (leads and commands) else words


def _mend(words: Sequence[Word], as_verb: Callable[[str], str | None]) -> list[Word]:
    """Takes a noun for the verb that must be there: "how does it look", "list the objects"."""
    words = list(words)
    first = next((at for at, word in enumerate(words) if word.tag.startswith("V")), None)
    if first is None or not words[first].tag.startswith(_AUXILIARY):
        places = range(1) if _is_command(words) else range(0)
    elif _next_verb(words, first) is None:
        places = range(first + 2, len(words))
    else:
        places = range(0)
    takes_participle = first is not None and words[first].tag[:2] in {"VB", "VH"}
    for at in places:
        follows = not at or words[at - 1].tag.startswith(("N", "PN"))
        of_that_form = not takes_participle or words[at].text.endswith("ing")
        if not (words[at].tag.startswith("NN") and follows and of_that_form):
            continue
        lemma = as_verb(words[at].text)
        if lemma is not None:
            words[at] = replace(words[at], lemma=lemma, tag="VVG" if takes_participle else "VVI")
            break
    return words


def _is_command(words: Sequence[Word]) -> bool:
    return (
        len(words) > 1
        and words[0].tag.startswith("N")
        and words[1].tag.startswith(_BEFORE_OBJECT)
        and words[-1].text != "?"
    )


def _main_verb(words: Sequence[Word], at: int) -> int:
    """Where the verb is that the auxiliary at `at` belongs to; `at` itself if it is the one."""
    while words[at].tag.startswith(_AUXILIARY) and words[at].tag not in _FULL:
        following = _next_verb(words, at)
        if following is None:
            return at
        at = following
    return at


def _next_verb(words: Sequence[Word], auxiliary: int) -> int | None:
    """The verb that completes an auxiliary: a participle after be and have, any after others."""
    of_things, is_be = False, words[auxiliary].tag.startswith("VB")
    takes_participle = words[auxiliary].tag[:2] in {"VB", "VH"}
    for at in range(auxiliary + 1, len(words)):
        tag = words[at].tag
        if tag == "TO0" and at == auxiliary + 1 and words[auxiliary].tag.startswith("VH"):
            takes_participle = False
            continue
        if tag.startswith(_BORDERS):
            return None
        of_things = of_things or tag == "PRF"
        if not tag.startswith("V"):
            continue
        if not takes_participle:
            return at
        of_these = of_things and is_be and tag != "VVG"
        describes = words[at - 1].tag.startswith("PR") or of_these
        return at if tag in _PARTICIPLES and not describes else None
    return None


def _question_word(words: Sequence[Word]) -> int:
    """Where the noun of "what color", "how many people" would stand; behind all if nowhere."""
    at = next((at for at, word in enumerate(words) if word.tag in {"DTQ", "AVQ"}), None)
    return len(words) if at is None else at + 1


def _noun_from(words: Sequence[Word], start: int, end: int) -> str | None:
    """The head of the noun phrase that stands right at `start`."""
    at = start
    while at < end and words[at].tag.startswith(_BEFORE_NOUN):
        at += 1
    return _head(words, at, end) if at < end and _is_noun(words[at]) else None


def _any_noun(words: Sequence[Word], start: int, end: int) -> str | None:
    """The head of the first noun phrase in a range, before another clause begins."""
    for at in range(start, end):
        if _is_noun(words[at]):
            return _head(words, at, end)
        if words[at].tag.startswith(("CJ", "PUN")):
            return None
    return None


def _head(words: Sequence[Word], at: int, end: int) -> str | None:
    """The last of several nouns in a row: the lamp of "the man's table lamp"."""
    while at + 1 < end and (_is_noun(words[at + 1]) or words[at + 1].tag == "POS"):
        at += 1
    if words[at].lemma in _KINDS and at + 1 < end and words[at + 1].tag == "PRF":
        return _noun_from(words, at + 2, end)
    return words[at].lemma


def _is_noun(word: Word) -> bool:
    return word.tag.startswith(("NN", "NP"))
