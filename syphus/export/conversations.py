"""Pairs as conversations, for the formats that have turns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from syphus.core.durable import json_list
from syphus.export.editions import file_name
from syphus.export.relations import MOST_RELATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from syphus.core.records import Pair
    from syphus.export.editions import Edition

IMAGE = "<image>"
_PLACEHOLDER = re.compile(r"<(image|video|audio)>")


def group_turns(pairs: Iterable[Pair], *, joined: bool) -> Iterator[list[Pair]]:
    """The conversations of a data set.

    Where `joined`, related ids are the turns before: a pair that names exactly those of the
    conversation under way, or the last `MOST_RELATED` of them, is its next turn. Else each pair is
    a conversation of its own.
    """
    turns: list[Pair] = []
    for pair in pairs:
        before = tuple(each.id for each in turns[-MOST_RELATED:]) if joined else ()
        if turns and not (before and pair.related_ids == before):
            yield turns
            turns = []
        turns.append(pair)
    if turns:
        yield turns


def find_images(turns: Sequence[Pair]) -> list[str]:
    """The ids of all images of a conversation, each once, in order."""
    return list(dict.fromkeys(image for pair in turns for image in pair.image_ids))


def say_turns(turns: Sequence[Pair]) -> list[dict[str, str]]:
    """The turns as LLaVA and ShareGPT have them.

    The first begins with one `<image>` for each image. Loaders count these, so a text that says
    `<image>`, `<video>` or `<audio>` itself says it in square brackets.
    """
    head = f"{IMAGE}\n" * len(find_images(turns))
    said = []
    for pair in turns:
        said.append({"from": "human", "value": head + _without_placeholders(pair.instruction)})
        said.append({"from": "gpt", "value": _without_placeholders(pair.answer)})
        head = ""
    return said


def write_lists(
    folder: Path,
    editions: Iterable[Edition],
    *,
    short: str,
    kind: str,
    joined: bool,
    entry: Callable[[Sequence[Pair]], dict[str, Any]],
) -> dict[str, int]:
    """Writes one JSON array a language, an `entry` for each conversation; gives their pairs."""
    counts = {}
    for edition in editions:
        count = 0
        with json_list(folder / f"{file_name(short, kind, edition)}.json") as entries:
            for turns in group_turns(edition.pairs(), joined=joined):
                entries.add(entry(turns))
                count += len(turns)
        counts[edition.language] = count
    return counts


def _without_placeholders(text: str) -> str:
    return _PLACEHOLDER.sub(r"[\1]", text)
