"""What is known of one chunk: a file of requests, and the batch that is made of it.

Every change comes as a step with facts, the same while running and while reading the ledger back,
so that a restart knows exactly what the process before it knew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from syphus.core.batches import BatchState
from syphus.core.prices import Rates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from syphus.core.deployments import Deployment

Step: TypeAlias = Literal[
    "closed",
    "uploading",
    "uploaded",
    "creating",
    "refused",
    "created",
    "seen",
    "requeued",
    "input_gone",
    "ended",
    "downloaded",
    "split",
    "durable",
    "deleted",
]
"""What a line of the ledger tells. `uploading` and `creating` are intents: the call may or may not
have come to something until the next line."""

STEPS: frozenset[str] = frozenset(get_args(Step))
_STAGES: Mapping[str, Step] = {
    "refused": "uploaded",
    "requeued": "uploaded",
    "input_gone": "closed",
}
_SHOWN: Mapping[str, str] = {
    "closed": "queued",
    "uploading": "uploading",
    "uploaded": "uploaded",
    "creating": "creating",
}


@dataclass(slots=True, kw_only=True)
class Chunk:
    """One chunk. `stage` is the last step that counts.

    `sha256` and `bytes` are of the file that is uploaded. `tokens` counts for the limit of
    enqueued tokens, `most_cost` is in US dollars, and so is `cost`, once that is known. `rates` are
    what `model` cost a prompt, completion and cached token as it was written, if known. `created`
    is the batch's own time of creation in Unix seconds, `since` when the last step was taken.
    `past` are batches that failed without doing anything. `unsure` says that a creation before the
    one that counts may have come to a batch too, `counted` that the endpoint told `done` and
    `failed`. `problems` are (code, line from 1 or None, message, param) of a failed batch. `gone`
    are those of its files, "output" and "error", that the endpoint had deleted before they came;
    `odd` the ids of those that came, but not as was told of them.
    """

    name: str
    sha256: str
    bytes: int
    lines: int
    tokens: int
    most_cost: float
    model: str
    endpoint: str
    rates: Sequence[float] | None = None
    stage: Step = "closed"
    since: float = 0.0
    file_id: str | None = None
    batch_id: str | None = None
    created: float | None = None
    ended: float | None = None
    status: str | None = None
    done: int = 0
    failed: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None
    problems: tuple[tuple[str, int | None, str, str | None], ...] = ()
    past: tuple[str, ...] = ()
    unsure: bool = False
    counted: bool = False
    was_split: bool = False
    cost: float | None = None
    gone: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()

    def take(self, step: Step, facts: Mapping[str, Any]) -> None:
        """Takes note of a step."""
        for name, value in facts.items():
            if name == "problems":
                self.problems = tuple((code, line, said, at) for code, line, said, at in value)
            elif name in ("gone", "odd"):
                setattr(self, name, tuple(value))
            elif name not in ("into", "time"):
                setattr(self, name, value)
        if step == "seen":
            return
        if step == "requeued":
            self.past = (*self.past, *filter(None, (self.batch_id,)))
            self.batch_id = self.created = self.status = None
            self.problems = ()
            self.done = self.failed = 0
        elif step == "input_gone":
            self.file_id = None
        elif step == "ended":
            self.ended = facts["time"]
        self.was_split = self.was_split or step == "split"
        self.stage = _STAGES.get(step, step)
        self.since = facts["time"]

    @property
    def is_open(self) -> bool:
        """Whether its outcomes are still wanted."""
        return self.stage not in ("split", "durable", "deleted")

    @property
    def is_unsent(self) -> bool:
        """Whether nobody has tried to make a batch of it: nothing of it can be billed."""
        return self.stage in ("closed", "uploading", "uploaded")

    @property
    def is_unread(self) -> bool:
        """Whether the endpoint may still find that its batch is too much."""
        return self.stage == "creating" or (
            self.stage == "created" and self.status in (None, "", "validating")
        )

    @property
    def is_enqueued(self) -> bool:
        """Whether its tokens count, or may count, as enqueued."""
        return self.stage in ("creating", "created")

    def rates_at(self, deployment: Deployment) -> Rates | None:
        """What its replies cost: at the deployment's price, unless another model was asked."""
        if self.model == deployment.model and deployment.rates is not None:
            return deployment.rates
        if self.rates is None:
            return None
        prompt, completion, cached = self.rates
        return Rates(prompt=prompt, completion=completion, cached=cached)

    def state(self) -> BatchState:
        """What is shown of it."""
        status = _SHOWN.get(self.stage) or self.status or "created"
        if "output" in self.gone:
            status += ", output lost"
        return BatchState(
            name=self.name,
            status=status,
            lines=self.lines,
            done=min(self.done, self.lines),
            failed=min(self.failed, self.lines),
            created=self.created,
            cost_at_most=self.most_cost,
            remote_id=self.batch_id,
            cost=self.cost,
        )


@dataclass(frozen=True, slots=True)
class ChunkFiles:
    """Where a chunk's files are: `folder/NAME.jsonl` is uploaded, the others stand beside it."""

    folder: Path
    name: str

    @property
    def requests(self) -> Path:
        """What is uploaded."""
        return self.folder / f"{self.name}.jsonl"

    @property
    def facts(self) -> Path:
        """A line a request: custom_id, most cost, tokens and the engine's facts, apart by tabs."""
        return self.folder / f"{self.name}.facts"

    @property
    def output(self) -> Path:
        """The batch's output file."""
        return self.folder / f"{self.name}.output"

    @property
    def error(self) -> Path:
        """The batch's error file."""
        return self.folder / f"{self.name}.error"

    def remove(self) -> None:
        """Removes all of them, half a download included."""
        for path in self.folder.glob(f"{self.name}.*"):
            path.unlink(missing_ok=True)
