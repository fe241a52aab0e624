"""A folder that `datasets.load_dataset` loads: Parquet for each language, and a data card.

The configuration `default` has all languages, `en`, `zh`, ... one each; all have the split `train`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.durable import replacing, sync_folder
from syphus.export.data_card import Part, data_card
from syphus.export.parquet import parquet_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from syphus.export.editions import Edition


def write_hf(
    folder: Path, editions: Iterable[Edition], *, facts: Mapping[str, Any], licence: str
) -> dict[str, int]:
    """Writes `data/<language>.parquet` and `README.md`; gives the number of pairs of each language.

    `facts` is what `run.json` says; `licence` is an identifier as the Hub has them.

    Raises SettingsError where pyarrow isn't installed.
    """
    data = folder / "data"
    data.mkdir()
    parts = {}
    for edition in editions:
        file = data / f"{edition.language}.parquet"
        with parquet_file(file) as table:
            pairs = table.add(edition)
        parts[edition.language] = Part(
            file=f"{data.name}/{file.name}",
            pairs=pairs,
            bytes_on_disk=file.stat().st_size,
            bytes_in_memory=table.size,
        )
    sync_folder(folder)
    with replacing(folder / "README.md") as card:
        card.write(data_card(facts, parts=parts, licence=licence).encode("utf-8", "replace"))
    return {language: part.pairs for language, part in parts.items()}
