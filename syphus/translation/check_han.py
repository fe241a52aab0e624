"""Simplified Chinese, traditional Chinese or Japanese, by the Chinese characters alone.

The tables are the standard library's own: GB 2312 has the simplified characters, Big5 the
traditional ones, Shift JIS the Japanese ones. A character in several of them tells nothing, and a
text of such characters alone is right in either script. On Django's catalogues this tells as many
texts as OpenCC and hanzidentifier do: `python benchmarks/language_check.py --candidates`.
"""

from __future__ import annotations

from typing import Final

# One character of another script may be a name; a tenth of all characters is none.
_SHARE: Final = 0.1
_BYTES: Final = 2


def count_outside(characters: str, charset: str) -> int:
    """How many Chinese characters a legacy two-byte character set doesn't have."""
    return len(characters) - len(characters.encode(charset, "ignore")) // _BYTES


def _keep(characters: str, charset: str) -> str:
    return characters.encode(charset, "ignore").decode(charset)


def find_han_fault(characters: str) -> str | None:
    """Return what the characters are in place of simplified ones, or None.

    `characters` are the Chinese characters of a text and nothing else.
    """
    if not count_outside(characters, "gb2312"):
        return None
    simplified = count_outside(_keep(characters, "gb2312"), "big5")
    traditional = count_outside(_keep(characters, "big5"), "gb2312")
    in_japanese = _keep(characters, "shift_jis")
    japanese = count_outside(in_japanese, "gb2312")
    japanese -= count_outside(_keep(in_japanese, "big5"), "gb2312")
    found = traditional + japanese
    if not found or (found <= simplified and found <= max(1, _SHARE * len(characters))):
        return None
    return "Japanese" if japanese > traditional else "traditional Chinese"
