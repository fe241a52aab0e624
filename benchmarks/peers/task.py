"""The task of a peer: N questions to one address. Only the standard library, for any environment.

A driver is called with the path of a JSON file and leaves `results.jsonl`, or what its own users
get, in the task's folder.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """`prefix` comes before every question; `head` and `tail` are Syphus's body around it."""

    url: str
    model: str
    in_flight: int
    queries: int
    prefix: list[dict[str, str]]
    text: str
    max_tokens: int
    temperature: float
    folder: str
    head: str
    tail: str

    def texts(self) -> Iterator[str]:
        """The questions."""
        for number in range(self.queries):
            yield self.text.format(number)

    def messages(self, text: str) -> list[dict[str, Any]]:
        """The whole conversation of one question."""
        return [*self.prefix, {"role": "user", "content": text}]

    @property
    def results(self) -> Path:
        """Where the replies go."""
        return Path(self.folder) / "results.jsonl"


def read_task() -> Task:
    """The task that the first argument names."""
    return Task(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
