"""Image files: an object of base64 texts by image id, or parquet."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from syphus.core.errors import SettingsError
from syphus.validation.findings import Findings, Kind
from syphus.validation.members import Broken, read_members

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from syphus.validation.ids import IdSet

_ID_COLUMNS = ("id", "image_id", "__index_level_0__", "key")
# A table with this column holds pairs, not images.
_OF_PAIRS = "instruction"
_IMAGES = "base64"
_BATCH = 128
_URL_SAFE = str.maketrans("-_", "+/")


def check_images(path: Path, ids: IdSet, findings: Findings) -> tuple[int | None, bool]:
    """Adds the file's image ids to `ids`; says how many it has and whether it was read whole.

    None of them where it is a table of something else. Raises SettingsError for parquet where its
    reader isn't installed.
    """
    before = len(ids)
    try:
        if path.suffix != ".parquet":
            _check_json(path, ids, findings)
        elif not _check_parquet(path, ids, findings):
            return None, True
    except Broken as broken:
        findings.add(Kind.UNREADABLE, path, broken.reason, offset=broken.offset)
        return len(ids) - before, False
    return len(ids) - before, True


def _check_json(path: Path, ids: IdSet, findings: Findings) -> None:
    for member in read_members(path):
        if not ids.add(member.key):
            findings.of(member, Kind.REPEATED, path, "the image id is there twice", again=True)
        if problem := _image_problem(member.value):
            findings.of(member, Kind.SHAPE, path, problem)


def _image_problem(value: Any) -> str | None:
    if not isinstance(value, str):
        return "the image is no text"
    if not value:
        return "the image is empty"
    plain = value.translate(_URL_SAFE) if "-" in value or "_" in value else value
    try:
        # MIMIC-IT's own loader takes both alphabets of base64.
        binascii.a2b_base64(plain, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        return f"the image isn't base64: {error}"
    return None


def _check_parquet(path: Path, ids: IdSet, findings: Findings) -> bool:
    """Whether the table holds images."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            f"{path.name} is parquet; to read it: pip install 'syphus-engine[formats]'"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            columns = file.schema_arrow.names
            column = next((name for name in _ID_COLUMNS if name in columns), None)
            if column is None or _OF_PAIRS in columns:
                return False
            read = [column, _IMAGES] if _IMAGES in columns else [column]
            for batch in file.iter_batches(batch_size=_BATCH, columns=read):
                names = batch.column(column).to_pylist()
                _check_names(path, names, ids, findings)
                if _IMAGES in columns:
                    images = batch.column(_IMAGES).to_pylist()
                    _check_column(path, zip(names, images, strict=True), findings)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().splitlines() or ["unreadable"]
        raise Broken(f"it can't be read as parquet: {reason[0]}", 0) from error
    return True


def _check_names(path: Path, names: Iterable[Any], ids: IdSet, findings: Findings) -> None:
    for name in names:
        if not isinstance(name, str):
            findings.add(Kind.SHAPE, path, "a row has no image id")
        elif not ids.add(name):
            findings.add(Kind.REPEATED, path, "the image id is there twice", name=name)


def _check_column(path: Path, rows: Iterable[tuple[Any, Any]], findings: Findings) -> None:
    for name, image in rows:
        if problem := _image_problem(image):
            findings.add(Kind.SHAPE, path, problem, name=str(name))
