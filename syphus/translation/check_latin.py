"""Whether a text is Spanish, German, French or English, or something else in Latin letters.

The eldc package tells it, from the words that the source doesn't have: names and terms that stay
as they are say nothing about the language around them. eldc was chosen by measurement, which
`python benchmarks/language_check.py --candidates` prints.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.translation.check_source import Source

_PEERS: Final = "en,es,de,fr"
# The thresholds were set on catalogues other than Django's (git-like command-line programs, GLib,
# Sphinx, Wagtail): the margin is eldc's score of the wanted language less the best other one's.
_SHORTEST: Final = 6
_SHORT: Final = 16
_SHORT_MARGIN: Final = -0.1
# Fewer letters can't tell Spanish from Catalan; from here on all of eldc's 60 languages compete.
_LONG: Final = 24
_LONG_MARGIN: Final = -0.05
# Below this share of own words a text of `_LONG` letters is judged as it stands, names and all.
_OWN_SHARE: Final = 0.4
# eldc reads the first 1,000 bytes.
_WINDOW: Final = 900
NAMES: Final = {
    "en": "English",
    "es": "Spanish",
    "de": "German",
    "fr": "French",
    "pt": "Portuguese",
    "it": "Italian",
    "ca": "Catalan",
    "nl": "Dutch",
}


class _Scores(Protocol):
    @property
    def scores(self) -> Mapping[str, float]: ...


class _Detector(Protocol):
    def detect_details(self, text: str, /) -> _Scores: ...


@cache
def _load_detectors() -> tuple[_Detector, _Detector]:
    import eldc  # noqa: PLC0415 - 24 MB of tables, mapped only where there is a text to judge

    eldc.init()
    peers, every = eldc.instance(), eldc.instance()
    peers.set_languages(_PEERS)
    for detector in (peers, every):
        detector.set_scores(len(NAMES))
    return peers, every


def name_other_language(words: list[str], source: Source, language: str) -> tuple[str | None, bool]:
    """Return the name of the language that the words are in, if it isn't the wanted one.

    The second value says that the words are too few to tell. `words` are in lower case.
    """
    own = [word for word in words if word not in source.vocabulary]
    size = sum(map(len, own))
    whole = sum(map(len, words))
    if whole >= _LONG and size < whole * _OWN_SHARE and _leads(words, "en", language):
        return NAMES["en"], False
    if size < _SHORTEST:
        return None, True
    text = " ".join(own)
    if len(text) <= _WINDOW:
        return _judge(text, size, language)
    for start in (0, (len(text) - _WINDOW) // 2, len(text) - _WINDOW):
        name, unjudged = _judge(text[start : start + _WINDOW], _WINDOW, language)
        if name:
            return name, unjudged
    return None, False


def name_language(words: list[str]) -> str:
    """Return the English name of the language that words in Latin letters seem to be in."""
    peers, _ = _load_detectors()
    code, _ = _compare(peers.detect_details(" ".join(words)[:_WINDOW]).scores, "")
    return NAMES.get(code, NAMES["en"])


def _judge(text: str, size: int, language: str) -> tuple[str | None, bool]:
    peers, every = _load_detectors()
    detector, least = (every, _LONG_MARGIN) if size >= _LONG else (peers, 0.0)
    other, margin = _compare(detector.detect_details(text).scores, language)
    if size < _SHORT:
        least = _SHORT_MARGIN
    if margin < least:
        return NAMES.get(other, "another language"), False
    return None, margin < 0


def is_english(words: list[str]) -> bool:
    """Whether words that may all be names are more likely English: "Administrative Area"."""
    return sum(map(len, words)) >= _SHORT and _leads(words, "en", "")


def _leads(words: list[str], code: str, language: str) -> bool:
    peers, _ = _load_detectors()
    other, margin = _compare(peers.detect_details(" ".join(words)[:_WINDOW]).scores, language)
    return other == code and margin < _SHORT_MARGIN


def _compare(scores: Mapping[str, float], language: str) -> tuple[str, float]:
    other = max((code for code in scores if code != language), key=scores.__getitem__, default="")
    return other, scores.get(language, 0.0) - scores.get(other, 0.0)
