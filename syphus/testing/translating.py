"""What a server that was given no answers says to a request for translations.

Not the meaning of the source, but real words of each language, about as many as a translation
would have, with the source's numbers, tags, addresses and code kept: what a check of form and
language lets pass. Always the same for the same text.
"""

from __future__ import annotations

import re
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_KEPT = re.compile(
    r"`[^`]+`|<[^<>\s]+>|\{+[^{}]*\}+|%\(\w+\)[sd]|https?://\S+|\S+@\S+|\d+(?:[.,:]\d+)*"
)
# Words, and characters of target text for each character of an English source.
_WORDS = {
    "zh": ("画面里可以看到许多人在街上慢慢地走着远处的房子没有什么变化天气看起来很好", 0.35),
    "ja": ("画面の中では何人もの人が通りをゆっくり歩いていて遠くの建物は変わっていません", 0.5),
    "ko": ("화면 속에서 여러 사람이 거리를 천천히 걷고 있으며 멀리 있는 건물은 그대로입니다", 0.55),
    "ar": ("يظهر في الصورة كثير من الناس وهم يمشون ببطء في الشارع والمباني البعيدة كما هي", 0.85),
    "es": (
        (
            "en la imagen se ve a muchas personas que caminan despacio por la calle mientras los "
            "edificios del fondo siguen siendo los mismos"
        ),
        1.1,
    ),
    "de": (
        (
            "auf dem Bild sieht man viele Leute die langsam über die Straße gehen während sich an "
            "den Häusern im Hintergrund nichts verändert hat"
        ),
        1.1,
    ),
    "fr": (
        (
            "sur cette image on peut voir plusieurs personnes qui marchent lentement dans la rue "
            "alors que les bâtiments du fond ne semblent pas avoir changé"
        ),
        1.15,
    ),
}
_UNSPACED = frozenset({"zh", "ja"})
_FIELDS = ("instruction", "answer")


def read_translation_request(text: str) -> dict[str, Any] | None:
    """The request that a user message holds, or None where it asks for no translations."""
    return read_request(text, {"languages", "pairs"})


def read_request(text: str, names: AbstractSet[str]) -> dict[str, Any] | None:
    """The JSON object that a user message begins with, if it has members of these names."""
    if not text.startswith("{"):
        return None
    try:
        value = orjson.loads(text.split("\n\n", 1)[0])
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and names <= value.keys() else None


def draw_translations(request: dict[str, Any]) -> str:
    """The reply to a request: every pair in every language, as JSON."""
    reply = {
        place: {
            name: {code: draw_translation(pair[name], code) for code in request["languages"]}
            for name in _FIELDS
        }
        for place, pair in request["pairs"].items()
    }
    return orjson.dumps(reply, option=orjson.OPT_SORT_KEYS).decode()


def draw_translation(text: str, language: str) -> str:
    """Words of `language` in place of `text`, with what a translation keeps."""
    kept = _KEPT.findall(text)
    sentence, ratio = _WORDS[language]
    words = sentence if language in _UNSPACED else sentence.split()
    wanted = max(4, int(len(_KEPT.sub("", text)) * ratio))
    space = "" if language in _UNSPACED else " "
    taken: list[str] = []
    size = 0
    for word in islice(cycle(words), wanted):
        if size >= wanted:
            break
        taken.append(word)
        size += len(word) + len(space)
    return " ".join([space.join(taken), *kept])
