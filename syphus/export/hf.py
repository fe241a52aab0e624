"""A folder that `datasets.load_dataset` loads: Parquet for each language, and a data card.

The configuration `default` has all languages, `en`, `zh`, ... one each; all have the split `train`.
Files are named by their content: what `datasets` has once read from a folder of this name it keeps,
and it looks at the card alone, thus at the files' names, to see whether something has changed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from syphus.core.durable import replacing, sync_folder
from syphus.export.data_card import Part, data_card
from syphus.export.parquet import parquet_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from syphus.core.records import Stage
    from syphus.export.editions import Edition


def write_hf(
    folder: Path,
    editions: Iterable[Edition],
    *,
    facts: Mapping[str, Any],
    models: Mapping[Stage, Sequence[str]],
    licence: str,
) -> dict[str, int]:
    """Writes `data/<language>-<hash>.parquet` and `README.md`; gives the pairs of each language.

    `facts` is what `run.json` says, `models` who wrote the replies of each stage, where that is
    known; `licence` is an identifier as the Hub has them.

    Raises SettingsError where pyarrow isn't installed.
    """
    data = folder / "data"
    data.mkdir()
    parts = {}
    for edition in editions:
        unnamed = data / f"{edition.language}.parquet"
        with parquet_file(unnamed) as table:
            pairs = table.add(edition)
        file = unnamed.rename(data / f"{edition.language}-{_digest(unnamed)}.parquet")
        parts[edition.language] = Part(
            file=f"{data.name}/{file.name}",
            pairs=pairs,
            bytes_on_disk=file.stat().st_size,
            bytes_in_memory=table.size,
        )
    sync_folder(data)
    sync_folder(folder)
    with replacing(folder / "README.md") as card:
        text = data_card(facts, parts=parts, models=models, licence=licence)
        card.write(text.encode("utf-8", "replace"))
    return {language: part.pairs for language, part in parts.items()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
