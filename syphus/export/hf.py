"""A folder that `datasets.load_dataset` loads: Parquet for each language, and a data card.

The configuration `default` has all languages, `en`, `zh`, ... one each; all have the split `train`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.durable import replacing, sync_folder
from syphus.export.data_card import data_card
from syphus.export.parquet import parquet_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from syphus.export.editions import Edition

DATA = "data"


def write_hf(
    folder: Path, editions: Iterable[Edition], *, facts: Mapping[str, Any], licence: str
) -> dict[str, int]:
    """Writes `data/<language>.parquet` and `README.md`; gives the number of pairs of each language.

    `facts` is what `run.json` says; `licence` is an identifier as the Hub has them.

    Raises SettingsError where pyarrow isn't installed.
    """
    data = folder / DATA
    data.mkdir()
    counts = {}
    for edition in editions:
        with parquet_file(data / f"{edition.language}.parquet") as table:
            counts[edition.language] = table.add(edition)
    sync_folder(folder)
    files = {language: f"{DATA}/{language}.parquet" for language in counts}
    with replacing(folder / "README.md") as card:
        text = data_card(facts, files=files, counts=counts, licence=licence)
        card.write(text.encode("utf-8", "replace"))
    return counts
