"""A pair as a row of a table: what JSON lines, Parquet and `datasets` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syphus.core.records import Pair


def row(language: str, pair: Pair) -> dict[str, Any]:
    """One row; a pair in another language has the same id, so both together are the key."""
    return {
        "id": pair.id,
        "language": language,
        "instruction": pair.instruction,
        "answer": pair.answer,
        "image_ids": pair.image_ids,
        "rel_ins_ids": pair.related_ids,
    }
