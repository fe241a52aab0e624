"""OpenAI's fine-tuning files: `{"messages": [...]}` a line, text only, one file a language.

A line has no other field, since the endpoint may refuse what it doesn't know; an image would be an
address or its bytes, and a run knows neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.durable import dump, replacing
from syphus.export.conversations import group_turns
from syphus.export.editions import file_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from syphus.core.records import Pair
    from syphus.export.editions import Edition


def write_chatml(
    folder: Path, editions: Iterable[Edition], *, short: str, joined: bool
) -> dict[str, int]:
    """Writes `<SHORT>_chatml.jsonl`, `<SHORT>_chatml_zh.jsonl`, ...; gives the pairs of each.

    `joined` as for `group_turns`.
    """
    counts = {}
    for edition in editions:
        count = 0
        with replacing(folder / f"{file_name(short, 'chatml', edition)}.jsonl") as file:
            for turns in group_turns(edition.pairs(), joined=joined):
                file.write(dump({"messages": _messages(turns)}) + b"\n")
                count += len(turns)
        counts[edition.language] = count
    return counts


def _messages(turns: Sequence[Pair]) -> list[dict[str, str]]:
    said = ((pair.instruction, pair.answer) for pair in turns)
    return [
        {"role": role, "content": text}
        for texts in said
        for role, text in zip(("user", "assistant"), texts, strict=True)
    ]
