"""MIMIC-IT as its loaders expect it: instructions and related ids, two files a language."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from syphus.core.durable import replacing
from syphus.export.editions import file_name
from syphus.export.instructions import instructions_file
from syphus.export.mimicit import train_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from syphus.export.editions import Edition
    from syphus.export.instructions import InstructionsMeta


def write_mimicit_editions(
    folder: Path,
    editions: Iterable[Edition],
    *,
    short: str,
    meta: InstructionsMeta,
    lacking: Path | None = None,
) -> dict[str, int]:
    """Writes `<SHORT>_instructions.json` and `<SHORT>_train.json`, `..._zh.json`, ...

    Each language has a train file of its own: a loader looks up every id that one names, and a
    language may lack some. Then the file `lacking`, which says why, is copied. Gives the number of
    pairs of each language.
    """
    counts = {}
    for edition in editions:
        with (
            instructions_file(
                folder / f"{file_name(short, 'instructions', edition)}.json", meta
            ) as instructions,
            train_file(folder / f"{file_name(short, 'train', edition)}.json") as train,
        ):
            for pair in edition.pairs():
                instructions.add(pair)
                train.add(pair.id, pair.related_ids)
        counts[edition.language] = instructions.count
    if lacking is not None and len(set(counts.values())) > 1 and lacking.is_file():
        with lacking.open("rb") as errors, replacing(folder / lacking.name) as copy:
            shutil.copyfileobj(errors, copy)
    return counts
