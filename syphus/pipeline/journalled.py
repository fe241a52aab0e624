"""What a run's journals tell of a sitting that was killed: its file is up to ten seconds older."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syphus.core.records import STAGES
from syphus.journal.format import read_head
from syphus.journal.reader import read_index
from syphus.pipeline.spent import Spent

if TYPE_CHECKING:
    from pathlib import Path

# The first text of an outcome's line, so what a reply says comes behind it.
_QUERY = re.compile(rb',"query":("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True, slots=True, kw_only=True)
class Journalled:
    """Queries that have an outcome, and what all replies of all stages used."""

    queries: int
    spent: Spent


def counts_after_kill(run: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """The counts that the journals know better than the file of a run that was killed.

    `answered` are queries with an outcome, whether or not anybody has judged it. The cost is at
    least what the file says: that counts replies that came before their price was known. Empty
    where the journal isn't there. Raises JournalDamaged.
    """
    if not (run / "journal" / "generate.jsonl").exists():
        return {}
    start = facts.get("counted_from")
    found = read_journalled(
        run / "journal", counted_from=start if isinstance(start, int) and start > 0 else 0
    )
    spent, told = found.spent, facts["counts"]["cost"]
    return {
        "answered": found.queries,
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "cached_tokens": spent.cached_tokens,
        "cost": max(spent.cost, told or 0.0) if spent.cost or told is not None else None,
    }


def read_journalled(folder: Path, *, counted_from: int) -> Journalled:
    """What the journals in `folder` hold; of the first stage's outcomes those from a byte on.

    Raises JournalDamaged.
    """
    spent = Spent()
    for stage in STAGES:
        spent.add_index(read_index(folder / f"{stage}.jsonl"))
    return Journalled(queries=_count(folder / "generate.jsonl", counted_from), spent=spent)


def _count(path: Path, start: int) -> int:
    if not path.exists():
        return 0
    queries: set[int] = set()
    with path.open("rb") as lines:
        lines.seek(start)
        for line in lines:
            head = read_head(line)
            if head is not None and head[1] not in ("sent", "not_billed"):
                found = _QUERY.search(line)
                if found is not None:
                    queries.add(hash(found[1]))
    return len(queries)
