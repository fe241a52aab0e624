"""What a run's ledger tells of its batches, without an endpoint and without a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.backends.batch.ledger import read_ledger

if TYPE_CHECKING:
    from pathlib import Path

    from syphus.core.batches import BatchState


def read_states(folder: Path) -> list[BatchState]:
    """Every batch of the run whose journal is in `folder`, as it was last told of; maybe none.

    Raises JournalError.
    """
    chunks, _ = read_ledger(folder / "batches.jsonl")
    return [chunk.state() for chunk in chunks.values() if not chunk.was_split]


def read_endpoints(folder: Path) -> set[str]:
    """Where the batches are whose outcomes are still wanted, as addresses. Raises JournalError."""
    chunks, _ = read_ledger(folder / "batches.jsonl")
    return {chunk.endpoint for chunk in chunks.values() if chunk.is_open}
