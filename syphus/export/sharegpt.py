"""ShareGPT's conversations, as LLaMA-Factory and its kin read them: one file a language.

They are read into a table, so each entry has the same fields: `images` is always a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syphus.export.conversations import find_images, say_turns, write_lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from syphus.core.records import Pair
    from syphus.export.editions import Edition


def write_sharegpt(
    folder: Path, editions: Iterable[Edition], *, short: str, joined: bool
) -> dict[str, int]:
    """Writes `<SHORT>_sharegpt.json`, `<SHORT>_sharegpt_zh.json`, ...; gives the pairs of each.

    `joined` as for `group_turns`.
    """
    return write_lists(folder, editions, short=short, kind="sharegpt", joined=joined, entry=_entry)


def _entry(turns: Sequence[Pair]) -> dict[str, Any]:
    return {
        "id": turns[0].id,
        "conversations": say_turns(turns),
        "images": find_images(turns),
    }
