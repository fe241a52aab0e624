"""Which models wrote what a run's files hold.

A reply is journalled under its deployment's name; which model that had then, `run.json` lists for
each sitting that chose others than the one before.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from syphus.journal.format import read_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from syphus.core.records import Stage

# Quotes inside a text are escaped, so these stand nowhere but at the fields themselves.
_WHO = re.compile(rb',"time":([^,]+),"deployment":("[^"\\]*(?:\\.[^"\\]*)*"),"attempt":')


def find_models(run: Path, facts: Mapping[str, Any]) -> dict[Stage, list[str]]:
    """The models of each stage's replies, in the order in which they first replied.

    Of the first stage's replies those since the model or the prompt last changed, for no earlier
    one answers what is asked now. `facts` is what `run.json` says; empty where nothing is known.
    """
    sittings = list(_sittings(facts))
    begins = [since for since, _ in sittings]
    start = facts.get("counted_from")
    starts: dict[Stage, int] = {"generate": start if isinstance(start, int) else 0, "translate": 0}
    found: dict[Stage, list[str]] = {}
    for stage, first in starts.items():
        models: dict[str, None] = {}
        for time, name in _replies(run / "journal" / f"{stage}.jsonl", first):
            at = max(0, bisect_right(begins, time) - 1)
            model = sittings[at][1].get(name) if sittings else None
            if model:
                models[model] = None
        found[stage] = list(models)
    return found


def _sittings(facts: Mapping[str, Any]) -> Iterator[tuple[float, dict[str, str]]]:
    """When each began, in seconds since the epoch, and its deployments' models by name."""
    asked = facts.get("asked")
    for each in asked if isinstance(asked, list) else []:
        try:
            since = datetime.fromisoformat(each["since"]).timestamp()
            yield since, {str(name): str(model) for name, model in each["deployments"].items()}
        except (AttributeError, LookupError, TypeError, ValueError):
            continue


def _replies(path: Path, first: int) -> Iterator[tuple[float, str]]:
    """Time and deployment of each reply; nothing where there is no journal."""
    try:
        with path.open("rb") as lines:
            lines.seek(max(0, first))
            for line in lines:
                head = read_head(line)
                who = _WHO.search(line) if head and head[1] in ("reply", "truncated") else None
                if who is not None:
                    yield float(who[1]), orjson.loads(who[2])
    except (OSError, ValueError):
        return
