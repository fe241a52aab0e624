"""The answers of a server that was given none: drawn from the question, always the same."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson

from syphus.core.identity import canonical_json
from syphus.testing.dice import Dice
from syphus.testing.judging import draw_judgement, read_judge_request
from syphus.testing.schemas import fill
from syphus.testing.translating import draw_translations, read_translation_request

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_MOST_CHARACTERS = 4000
_LONGEST_WORD = 40
_QUESTIONS = (
    "What is said about {0} and {1}?",
    "How does {0} go with {1}?",
    "Where do {0} and {1} come up?",
    "Which part tells of {0}, and does it name {1}?",
    "Why might someone ask about {0} after {1}?",
    "What would be missing without {0} and {1}?",
)
_ANSWERS = (
    'It comes up in "{0}".',
    'The words are "{0}".',
    'One can read "{0}" there.',
    'As far as is told, "{0}".',
)
_OBJECT_OF_PAIRS = {
    "type": "object",
    "required": ["pairs"],
    "properties": {
        "pairs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["question", "answer"],
                "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
            },
        }
    },
}


_IMAGE_URL = re.compile(r"https?://|data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+=*$")


def message_key(messages: bytes) -> str:
    """The name of a query: SHA-256 of its canonical JSON messages, hexadecimal."""
    return hashlib.sha256(messages).hexdigest()


def last_user_text(messages: list[dict[str, Any]]) -> str:
    """The text of the last user message; the text parts of one that also has images."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return _text(message.get("content"))
    return ""


def count_images(messages: list[dict[str, Any]]) -> int:
    """The image parts of all messages."""
    return sum(
        isinstance(part, dict) and part.get("type") == "image_url"
        for message in messages
        if isinstance(message.get("content"), list)
        for part in message["content"]
    )


def has_good_images(messages: list[dict[str, Any]]) -> bool:
    """Whether each image part holds an image: a data: URL in base64, or an address of the web."""
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") == "image_url":
                image = part.get("image_url")
                url = image.get("url") if isinstance(image, dict) else None
                if not isinstance(url, str) or not _IMAGE_URL.match(url):
                    return False
    return True


def draw_answer(
    messages: list[dict[str, Any]], body: dict[str, Any], *, pairs: int = 3, seed: int = 1
) -> str:
    """The default answer: `pairs` question-answer pairs, translations, marks, or JSON as asked.

    Equal messages and seed give equal answers, whatever was asked before.
    """
    key = message_key(canonical_json(messages))
    return draw(key, last_user_text(messages), body.get("response_format"), pairs, seed)


def draw(key: str, text: str, response_format: Any, pairs: int, seed: int) -> str:
    """As `draw_answer`, for a query whose key and text are known already."""
    translations = read_translation_request(text)
    if translations is not None:
        return draw_translations(translations)
    graded = read_judge_request(text)
    if graded is not None:
        return draw_judgement(graded)
    dice = Dice("answer", seed, key)
    words = [word[:_LONGEST_WORD] for word in _WORD.findall(text[:_MOST_CHARACTERS])] or ["nothing"]
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if kind == "json_schema":
        schema = response_format.get("json_schema", {}).get("schema", {})
        return orjson.dumps(fill(schema, dice, words, most_items=pairs)).decode()
    if kind == "json_object":
        return orjson.dumps(fill(_OBJECT_OF_PAIRS, dice, words, most_items=pairs)).decode()
    return "\n\n".join(_pair(number, dice, words) for number in range(pairs))


def _pair(number: int, dice: Dice, words: list[str]) -> str:
    kind = number % len(_QUESTIONS)
    question = _QUESTIONS[kind].format(dice.choose(words), dice.choose(words))
    if number >= len(_QUESTIONS):
        question = f"{number + 1}. {question}"
    start = dice.below(len(words))
    answer = dice.choose(_ANSWERS).format(" ".join(words[start : start + 8]))
    return f"Question: {question}\nAnswer: {answer}"


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, dict))
    return "\n".join(part for part in parts if isinstance(part, str))
