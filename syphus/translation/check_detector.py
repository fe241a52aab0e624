"""Which language a text is in, where the script doesn't tell: Latin and Arabic letters.

The eldc package tells it, from the words that the source doesn't have: names and terms that stay
as they are say nothing about the language around them. eldc was chosen by measurement, which
`python benchmarks/language_check.py --candidates` prints.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syphus.translation.check_source import Source

NAMES: Final = MappingProxyType(
    {
        "en": "English",
        "es": "Spanish",
        "de": "German",
        "fr": "French",
        "pt": "Portuguese",
        "it": "Italian",
        "ca": "Catalan",
        "nl": "Dutch",
        "fa": "Persian",
        "ur": "Urdu",
        "ku": "Kurdish",
    }
)
# The margin is eldc's score of the wanted language less the best other one's. The thresholds were
# set on the catalogues of other programs than Django (GLib, git, Sphinx, Wagtail and the like), and
# hold on Django's.
_SHORTEST: Final = 6
_SHORT: Final = 16
_SHORT_MARGIN: Final = -0.1
# Fewer letters can't tell Spanish from Catalan; from here on all of eldc's 60 languages compete.
_LONG: Final = 24
_LONG_MARGIN: Final = -0.05
# Below this share of own words a text of `_LONG` letters is judged as it stands, names and all.
_OWN_SHARE: Final = 0.4
# eldc reads the first 1,000 bytes, which are 500 Arabic letters.
_WINDOW: Final = 900
_ARABIC_WINDOW: Final = 500


class _Scores(Protocol):
    @property
    def scores(self) -> Mapping[str, float]: ...


class _Detector(Protocol):
    def detect_details(self, text: str, /) -> _Scores: ...


class _Detectors(NamedTuple):
    peers: _Detector
    arabic: _Detector
    every: _Detector


@cache
def _load_detectors() -> _Detectors:
    import eldc  # noqa: PLC0415 - 24 MB of tables, mapped only where there is a text to judge

    eldc.init()
    peers, arabic, every = eldc.instance(), eldc.instance(), eldc.instance()
    peers.set_languages("en,es,de,fr")
    arabic.set_languages("ar,fa,ur,ku")
    for detector in (peers, arabic, every):
        detector.set_scores(len(NAMES))
    return _Detectors(peers, arabic, every)


def name_other_language(words: list[str], source: Source, language: str) -> tuple[str | None, bool]:
    """Return the name of the language that Latin words are in, if it isn't the wanted one.

    The second value says that the words are too few to tell. `words` are in lower case.
    """
    own = [word for word in words if word not in source.vocabulary]
    size = sum(map(len, own))
    whole = sum(map(len, words))
    if whole >= _LONG and size < whole * _OWN_SHARE and _leads(words, "en", language):
        return NAMES["en"], False
    if size < _SHORTEST:
        return None, True
    detectors = _load_detectors()
    detector, least = (detectors.every, _LONG_MARGIN) if size >= _LONG else (detectors.peers, 0.0)
    if size < _SHORT:
        least = _SHORT_MARGIN
    name, margin = _find_other(detector, " ".join(own), language, least, _WINDOW)
    return name, not name and margin < 0


def name_other_arabic(words: list[str]) -> str | None:
    """Return the name of the language that words in Arabic letters are in, if it isn't Arabic."""
    text = " ".join(words)
    if len(text) < _SHORTEST:
        return None
    return _find_other(_load_detectors().arabic, text, "ar", _LONG_MARGIN, _ARABIC_WINDOW)[0]


def name_language(words: list[str]) -> str:
    """Return the English name of the language that words in Latin letters seem to be in."""
    code, _ = _compare(_load_detectors().peers, " ".join(words)[:_WINDOW], "")
    return NAMES.get(code, NAMES["en"])


def is_english(words: list[str]) -> bool:
    """Whether words that may all be names are more likely English: "Administrative Area"."""
    return sum(map(len, words)) >= _SHORT and _leads(words, "en", "")


def _leads(words: list[str], code: str, language: str) -> bool:
    other, margin = _compare(_load_detectors().peers, " ".join(words)[:_WINDOW], language)
    return other == code and margin < _SHORT_MARGIN


def _find_other(
    detector: _Detector, text: str, language: str, least: float, window: int
) -> tuple[str | None, float]:
    margin = 0.0
    for part in _divide(text, window):
        other, margin = _compare(detector, part, language)
        if margin < least:
            return NAMES.get(other, "another language"), margin
    return None, margin


def _divide(text: str, window: int) -> Iterator[str]:
    """Yield the text, or its beginning, its middle and its end where it is longer."""
    if len(text) <= window:
        yield text
        return
    for start in (0, (len(text) - window) // 2, len(text) - window):
        yield text[start : start + window]


def _compare(detector: _Detector, text: str, language: str) -> tuple[str, float]:
    """Return the best other language and how far the wanted one is above it."""
    scores = detector.detect_details(text).scores
    other = max((code for code in scores if code != language), key=scores.__getitem__, default="")
    return other, scores.get(language, 0.0) - scores.get(other, 0.0)
