"""Parquet files of images: a column of base64 whose index, for pandas, is the id.

That is the shape that MIMIC-IT's loaders read (`frame.loc[image_id]["base64"]`); for all other
readers there are two columns of text, `base64` and `id`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

from syphus.convert.spool import read_records
from syphus.core.durable import replacing

if TYPE_CHECKING:
    from pathlib import Path

_GROUP_BYTES = 32 << 20
_LEVEL = 1


def write_shard(segment: Path, place: Path) -> None:
    """Writes the records of an ended segment to a Parquet file, atomically, 32 MB at a time.

    Base64 holds six bits a byte; compression takes the other two back.
    """
    import pyarrow as pa  # noqa: PLC0415 - an extra
    from pyarrow import parquet  # noqa: PLC0415

    schema = pa.schema([("base64", pa.string()), ("id", pa.string())], metadata=_for_pandas())
    with (
        replacing(place) as file,
        parquet.ParquetWriter(
            file, schema, compression="zstd", compression_level=_LEVEL, use_dictionary=False
        ) as writer,
    ):
        ids: list[str] = []
        images: list[bytes] = []
        size = 0

        def write_group() -> None:
            columns = [pa.array(images, pa.binary()).cast(pa.string()), pa.array(ids, pa.string())]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))

        for name, image in read_records(segment):
            ids.append(orjson.loads(name))
            images.append(image)
            size += len(image)
            if size >= _GROUP_BYTES:
                write_group()
                ids, images, size = [], [], 0
        if ids:
            write_group()


def _for_pandas() -> dict[str, str]:
    """The note by which pandas makes the ids the index."""
    text = {"pandas_type": "unicode", "numpy_type": "object", "metadata": None}
    columns: list[dict[str, Any]] = [
        {"name": name, "field_name": name, **text} for name in ("base64", "id")
    ]
    note = {
        "index_columns": ["id"],
        "column_indexes": [
            {"name": None, "field_name": None, **text, "metadata": {"encoding": "UTF-8"}}
        ],
        "columns": columns,
        "creator": {"library": "pyarrow", "version": "26.0.1"},
        "pandas_version": "3.1.1",
    }
    return {"pandas": json.dumps(note)}
