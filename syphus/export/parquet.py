"""Parquet with a typed schema, written row group by row group."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from syphus.core.durable import replacing
from syphus.core.errors import SettingsError
from syphus.export.rows import row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import ModuleType

    from syphus.export.editions import Edition

_GROUP_ROWS = 4096
_GROUP_CHARACTERS = 8 << 20


def write_parquet(folder: Path, editions: Iterable[Edition], *, short: str) -> dict[str, int]:
    """Writes `<SHORT>.parquet`, all languages in one; gives the pairs of each language.

    Raises SettingsError where pyarrow isn't installed.
    """
    with parquet_file(folder / f"{short}.parquet") as table:
        return {edition.language: table.add(edition) for edition in editions}


class ParquetTable:
    """Adds editions to a file; a row group ends at 4,096 rows or 8 million characters.

    `size` is what the rows so far take in memory as Arrow has them, in bytes.
    """

    def __init__(self, arrow: ModuleType, writer: Any) -> None:
        self._arrow = arrow
        self._writer = writer
        self.size = 0

    def add(self, edition: Edition) -> int:
        """Adds all pairs of one language; gives their number."""
        count = characters = 0
        rows: list[dict[str, Any]] = []
        for pair in edition.pairs():
            rows.append(row(edition.language, pair))
            characters += len(pair.instruction) + len(pair.answer)
            characters += sum(map(len, pair.image_ids)) + sum(map(len, pair.related_ids))
            count += 1
            if len(rows) >= _GROUP_ROWS or characters >= _GROUP_CHARACTERS:
                self._write(rows)
                rows, characters = [], 0
        if rows:
            self._write(rows)
        return count

    def _write(self, rows: list[dict[str, Any]]) -> None:
        schema = self._writer.schema
        columns = [[each[name] for each in rows] for name in schema.names]
        batch = self._arrow.record_batch(columns, schema=schema)
        self._writer.write_batch(batch)
        self.size += batch.nbytes


@contextmanager
def parquet_file(path: Path) -> Iterator[ParquetTable]:
    """A table whose file is put in place, atomically, when the block ends without an error."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            "Parquet needs the package pyarrow: pip install 'syphus-engine[formats]'"
        ) from error
    with (
        replacing(path) as file,
        parquet.ParquetWriter(file, _schema(pa), compression="zstd") as writer,
    ):
        yield ParquetTable(pa, writer)


def _schema(arrow: ModuleType) -> Any:
    text, names = arrow.string(), arrow.list_(arrow.string())
    return arrow.schema(
        [
            arrow.field("id", text, nullable=False),
            arrow.field("language", text, nullable=False),
            arrow.field("instruction", text, nullable=False),
            arrow.field("answer", text, nullable=False),
            arrow.field("image_ids", names, nullable=False),
            arrow.field("rel_ins_ids", names, nullable=False),
        ]
    )
