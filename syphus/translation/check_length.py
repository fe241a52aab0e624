"""Whether a translation is as long as translations are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from syphus.translation.check_source import Source

# TODO
_RATIOS: Final = {
    "zh": (0.1, 2.0),
    "ja": (0.1, 3.0),
    "es": (0.1, 3.0),
    "de": (0.1, 3.0),
    "fr": (0.1, 3.0),
    "ko": (0.1, 3.0),
    "ar": (0.1, 3.0),
}
_SHORTEST: Final = 20


def find_length_fault(prose: str, source: Source, language: str) -> str | None:
    """Return that the text is too short or too long for its source, or None."""
    size = len(source.prose)
    if size < _SHORTEST:
        return None
    shortest, longest = _RATIOS[language]
    if len(prose) < size * shortest:
        return "it is too short for its source"
    return "it is too long for its source" if len(prose) > size * longest else None
