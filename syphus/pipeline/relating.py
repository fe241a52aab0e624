"""Which strategy a data set's relations follow, and what it needs to know beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.export.neighbours import nearest_text
from syphus.export.relations import ByImages, BySource, EachAlone, PreviousTurns, SameSource
from syphus.plugins.dataset import AbstractDataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from syphus.export.numbering import QueryFacts
    from syphus.export.relations import Relations


def relations_at_once(
    dataset: AbstractDataset, facts: Callable[[], Iterable[QueryFacts]], *, renamed: bool
) -> Relations | None:
    """Relations within queries, which can be written while the replies are read.

    None where pairs of different queries are related. `renamed` says whether the annotations use
    an id for several queries.
    """
    if dataset.relations == "previous_turns":
        return PreviousTurns(dataset.turns)
    if dataset.relations == "same_source" and not renamed:
        shared = _names_images(dataset) and ByImages(facts())
        return None if shared else EachAlone()
    return None


def relations_of(
    dataset: AbstractDataset, valid: Path, facts: Callable[[], Iterable[QueryFacts]]
) -> Relations:
    """Relations across queries, learned from the pairs in `valid_output.json`."""
    if dataset.relations == "nearest_text":
        return nearest_text(valid, facts)
    grouping = ByImages(facts()) if _names_images(dataset) else BySource(facts())
    return SameSource(valid, facts, grouping)


def _names_images(dataset: AbstractDataset) -> bool:
    """Whether the plugin says which images a query has; by default each source has its own."""
    return type(dataset).image_ids is not AbstractDataset.image_ids
