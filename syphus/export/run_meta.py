"""`meta.json`: what a run used and what it gave."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from syphus.core.durable import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SUMMARY = "meta.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """The totals of a run, over all the sittings it took.

    `prompt_tokens`, `completion_tokens`: tokens as billed; their sum is `total_tokens`.
    `cached_tokens`: the part of the prompt tokens that was charged at the cache price.
    `valid_outputs`, `invalid_outputs`, `error_messages`: records of the files of those names.
    `total_examples`: queries of the data set that the run was asked to do.
    `time`: seconds of work, pauses between sittings left out.
    `cost`: US dollars, None where no price is known.
    `more`: further counts by name, written after these.

    Raises ValueError where `more` uses a name from above.
    """

    completion_tokens: int
    prompt_tokens: int
    cached_tokens: int
    valid_outputs: int
    invalid_outputs: int
    error_messages: int
    time: float
    total_examples: int
    cost: float | None
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        taken = self.more.keys() & (self.__dataclass_fields__.keys() | {"total_tokens"})
        if taken:
            raise ValueError(f"names of further counts are taken: {', '.join(sorted(taken))}")

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


def write_summary(folder: Path, summary: RunSummary) -> None:
    """Writes `meta.json`, atomically."""
    fields = asdict(summary)
    more = fields.pop("more")
    used = {name: fields.pop(name) for name in ("completion_tokens", "prompt_tokens")}
    write_json(folder / SUMMARY, {**used, "total_tokens": summary.total_tokens, **fields, **more})
