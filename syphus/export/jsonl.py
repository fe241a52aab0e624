"""JSON lines: one pair a line, all languages in one file with a column that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.durable import dump, replacing
from syphus.export.rows import row

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from syphus.export.editions import Edition


def write_jsonl(folder: Path, editions: Iterable[Edition], *, short: str) -> dict[str, int]:
    """Writes `<SHORT>.jsonl`; gives the number of pairs of each language."""
    counts = {}
    with replacing(folder / f"{short}.jsonl") as file:
        for edition in editions:
            count = 0
            for pair in edition.pairs():
                file.write(dump(row(edition.language, pair)) + b"\n")
                count += 1
            counts[edition.language] = count
    return counts
