"""How far the translations of all pairs are, by language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Coverage:
    """Pairs of one language, and texts that were too short for their language to be judged.

    `unasked` of those `missing` weren't asked for as often as they may be.
    """

    translated: int = 0
    missing: int = 0
    unasked: int = 0
    unjudged: int = 0
