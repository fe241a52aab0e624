"""What comes before every translation request.

The system message and one example in all languages, the same whatever languages are wanted, so
that providers' prompt caches serve it. The words stand in `prompt.json` beside this file.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import orjson

from syphus.core.identity import canonical_json
from syphus.core.records import Prefix, Turn
from syphus.translation.request import write_request
from syphus.translation.shape import FIELDS
from syphus.translation.values import Chunk, SourcePair, Translated

_FILE = "prompt.json"


def load_prefix() -> Prefix:
    """The system message, and the example as a request and its reply.

    The example is written as real requests and replies are: compact, properties in the order of
    the schema, which a strict endpoint follows.
    """
    chunk, translations = load_example()
    reply = {
        str(place): {
            name: {each.language: getattr(each, name) for each in translated} for name in FIELDS
        }
        for place, translated in enumerate(translations, 1)
    }
    return Prefix(
        system_message=_read()["system_message"],
        in_context=(
            Turn(role="user", content=write_request(chunk)),
            Turn(role="assistant", content=canonical_json(reply).decode()),
        ),
    )


def load_example() -> tuple[Chunk, tuple[tuple[Translated, ...], ...]]:
    """The pairs of the example, and each of them in every language."""
    example = _read()["example"]
    translations = tuple(
        tuple(Translated(language=code, **by_code[code]) for code in sorted(by_code))
        for by_code in example["translations"]
    )
    pairs = tuple(
        SourcePair(number=number, **pair) for number, pair in enumerate(example["pairs"], 1)
    )
    languages = tuple(each.language for each in translations[0])
    return Chunk(pairs=pairs, languages=languages), translations


def _read() -> dict[str, Any]:
    prompt: dict[str, Any] = orjson.loads(files("syphus.translation").joinpath(_FILE).read_bytes())
    return prompt
