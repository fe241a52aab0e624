"""The in-context examples of a data set's prompt, as a run reads replies."""

from __future__ import annotations

from collections.abc import Iterator

from syphus import AbstractDataset
from syphus.core.records import Parsed, Reply, Usage
from syphus.pipeline.verdicts import judge
from syphus.prompting.prefix import read_prefix


def examples_of(dataset: AbstractDataset) -> Iterator[Parsed]:
    """What the run reads in each answer that the model is to imitate."""
    for turn in read_prefix(dataset.prompt, where=dataset.name).in_context:
        if turn.role == "assistant":
            reply = Reply(
                text=turn.content,
                finish_reason="stop",
                usage=Usage(),
                latency=0.0,
                deployment="d",
                attempt=1,
            )
            parsed = judge(dataset, reply).parsed
            assert parsed is not None
            yield parsed
