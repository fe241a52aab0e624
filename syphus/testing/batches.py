"""One batch: where it stands, and how it is shown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syphus.testing.batch_input import BatchInput
    from syphus.testing.batch_lines import LineReply
    from syphus.testing.batch_script import BatchEnding, Batches, BatchProblem, FileState
    from syphus.testing.files import StoredFile
    from syphus.testing.script import Dialect

_WINDOW_SECONDS = 24 * 3600
ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
_STAMPED = (
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "expired",
    "cancelling",
    "cancelled",
)
_FILE_IDS: Mapping[FileState, str | None] = {"null": None, "blank": ""}


@dataclass(slots=True, kw_only=True)
class Batch:
    """A batch with its state. Times are Unix seconds; `listed_from` is as a file's.

    `replies` are the lines answered so far, in their order; `looks` counts the calls that asked
    for this batch.
    """

    id: str
    dialect: Dialect
    endpoint: str
    metadata: Mapping[str, str] | None
    input_file: StoredFile
    input: BatchInput
    problems: tuple[BatchProblem, ...]
    ending: BatchEnding
    settings: Batches
    output_life: int | None
    created_at: float
    listed_from: int
    status: str = "validating"
    looks: int = 0
    replies: list[LineReply] = field(default_factory=list)
    files: dict[str, str | None] = field(default_factory=dict)
    stamps: dict[str, int] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _cancelled_at: float | None = None

    def __post_init__(self) -> None:
        if self.ending.status == "failed" and not self.problems:
            raise ValueError("a batch that fails has a problem")
        blank = "" if self.dialect == "azure" else None
        self.files = {"output_file_id": blank, "error_file_id": blank}

    def stand(self, now: float) -> tuple[str, int]:
        """The status at time `now`, and how many lines are answered then."""
        elapsed = self._elapsed(now)
        for status, length in self._stages():
            if elapsed < length:
                if status == "in_progress":
                    return status, int(self._most_answers() * elapsed / length)
                return status, 0 if status == "validating" else self._most_answers()
            elapsed -= length
        if self.problems:
            return "failed", 0
        ended = "cancelled" if self._cancelled_at is not None else self.ending.status
        return ended, self._most_answers()

    def holds_tokens(self, now: float) -> bool:
        """Whether its prompts count as enqueued."""
        return not self.problems and self.stand(now)[0] not in ENDED

    def cancel(self, now: float) -> None:
        """Begins to cancel: what is answered so far stays."""
        self._cancelled_at = self._elapsed(now)
        self.enter("cancelling", now)

    def enter(self, status: str, now: float) -> None:
        """Has that status from now on; the time of every step on the way is stamped."""
        if status == self.status:
            return
        self.status = status
        steps = [step for step, _ in self._stages() if step in _STAMPED]
        passed = steps[: steps.index(status) + 1] if status in steps else [*steps, status]
        for step in passed:
            self.stamps.setdefault(step, int(now))

    def value(self) -> dict[str, Any]:
        """The batch object as JSON values."""
        value: dict[str, Any] = {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "input_file_id": self.input_file.id,
            "completion_window": "24h",
            "status": self.status,
            "created_at": int(self.created_at),
            "expires_at": int(self.created_at) + _WINDOW_SECONDS,
            "errors": self._errors(),
            "metadata": self.metadata,
            "request_counts": self._counts(),
        }
        value |= self.files
        value |= {f"{step}_at": self.stamps.get(step) for step in _STAMPED}
        if self.dialect == "openai":
            value["model"] = self.input.model or None
            value["usage"] = self._usage() if self.status in ENDED else None
        return value

    def give_file(self, name: str, state: FileState, file_id: str | None) -> None:
        """Shows the id of a file that is there, or what stands in its place."""
        if state == "absent":
            del self.files[name]
        elif state in _FILE_IDS:
            self.files[name] = _FILE_IDS[state]
        elif file_id is not None:
            self.files[name] = file_id

    def forget(self) -> None:
        """Lets go of what only a batch that runs needs: the bytes of requests and answers."""
        self.input.data = b""
        self.replies = [replace(reply, body=b"") for reply in self.replies]

    def _stages(self) -> Iterator[tuple[str, float]]:
        settings, ending = self.settings, self.ending
        if self._cancelled_at is not None:
            yield "cancelling", settings.cancelling
            return
        yield "validating", settings.validating
        if self.problems:
            return
        yield "in_progress", settings.running if ending.running is None else ending.running
        if ending.status == "cancelled":
            yield "cancelling", settings.cancelling
        else:
            yield "finalizing", settings.finalizing

    def _elapsed(self, now: float) -> float:
        elapsed = self.looks if self.settings.by == "looks" else now - self.created_at
        return elapsed - (self._cancelled_at or 0)

    def _most_answers(self) -> int:
        if self._cancelled_at is not None:
            return len(self.replies)
        lines = len(self.input.lines)
        return lines if self.ending.status == "completed" else int(lines * self.ending.done)

    def _errors(self) -> dict[str, Any] | None:
        if self.status != "failed":
            return None
        names = ("code", "line", "message", "param")
        data = [{name: getattr(problem, name) for name in names} for problem in self.problems]
        return {"object": "list", "data": data}

    def _counts(self) -> dict[str, int]:
        total = 0 if self.status in ("validating", "failed") else len(self.input.lines)
        completed = sum(reply.billed for reply in self.replies)
        failed = len(self.replies) - completed
        if self.status == "expired":
            failed = total - completed
        return {"total": total, "completed": completed, "failed": failed}

    def _usage(self) -> dict[str, Any]:
        prompt = sum(reply.prompt_tokens for reply in self.replies)
        cached = sum(reply.cached_tokens for reply in self.replies)
        completion = sum(reply.completion_tokens for reply in self.replies)
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": completion,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + completion,
        }
