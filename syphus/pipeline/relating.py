"""Which strategy a data set's relations follow, and what it needs to know beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.export.neighbours import nearest_text
from syphus.export.relations import ByImages, BySource, EachAlone, PreviousTurns, SameSource
from syphus.pipeline.plugin_calls import names_images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from syphus.export.numbering import QueryFacts
    from syphus.export.relations import Relations
    from syphus.plugins.dataset import AbstractDataset


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
        shared = names_images(dataset) and ByImages(facts())
        return None if shared else EachAlone()
    return None


def relations_of(
    dataset: AbstractDataset, valid: Path, facts: Callable[[], Iterable[QueryFacts]]
) -> Relations:
    """Relations across queries, learned from the pairs in `valid_output.json`."""
    if dataset.relations == "nearest_text":
        return nearest_text(valid, facts)
    grouping = ByImages(facts()) if names_images(dataset) else BySource(facts())
    return SameSource(valid, facts, grouping)
