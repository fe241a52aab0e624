"""LLaVA's conversations: a list of `{"id", "image", "conversations"}`, one file a language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syphus.export.conversations import find_images, say_turns, write_lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from syphus.core.records import Pair
    from syphus.export.editions import Edition


def write_llava(
    folder: Path, editions: Iterable[Edition], *, short: str, joined: bool
) -> dict[str, int]:
    """Writes `<SHORT>_llava.json`, `<SHORT>_llava_zh.json`, ...; gives the pairs of each.

    `joined` as for `group_turns`.
    """
    return write_lists(folder, editions, short=short, kind="llava", joined=joined, entry=_entry)


def _entry(turns: Sequence[Pair]) -> dict[str, Any]:
    """One image is a name, several are a list of them, and a text without has no such field."""
    images = find_images(turns)
    image = {"image": images[0] if len(images) == 1 else images} if images else {}
    return {"id": turns[0].id, **image, "conversations": say_turns(turns)}
