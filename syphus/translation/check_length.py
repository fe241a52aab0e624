"""Whether a translation is as long as translations are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from syphus.translation.check_source import Source

# The smallest and the largest number of characters in a translation per character of its source,
# in sentences of 20 to 99 characters and in longer ones: the message catalogues of Django 5.2, as
# `python benchmarks/language_check.py` prints them.
_EXTREMES: Final = {
    "zh": ((0.17, 0.88), (0.24, 0.65)),
    "ja": ((0.24, 1.00), (0.35, 0.74)),
    "es": ((0.78, 2.04), (0.99, 1.35)),
    "de": ((0.52, 1.92), (0.86, 1.36)),
    "fr": ((0.70, 2.15), (0.91, 1.51)),
    "ko": ((0.24, 1.12), (0.33, 0.80)),
    "ar": ((0.40, 1.40), (0.65, 1.18)),
}
# A few hundred messages don't show every way to say a thing.
_SLACK: Final = 1.5
SHORTEST: Final = 20
LONG: Final = 100


def find_length_fault(prose: str, source: Source, language: str) -> str | None:
    """Return that the text is too short or too long for its source, or None.

    The range is that of human translations, half as wide again on either side. A source of fewer
    than 20 characters is not judged. `prose` is the text without its kept items.
    """
    size = len(source.prose)
    if size < SHORTEST:
        return None
    shortest, longest = _EXTREMES[language][size >= LONG]
    if len(prose) * _SLACK < size * shortest:
        return "it is too short for its source"
    return "it is too long for its source" if len(prose) > size * longest * _SLACK else None
