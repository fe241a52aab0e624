"""What a scripted server does with files and batches, as values.

Status names, shapes and limits are those of OpenAI's API reference ("Files", "Batch") and of Azure
OpenAI's "Getting started with batch deployments"; what is not documented is said where it stands.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from syphus.testing.faults import RetryAfterSpelling, StatusFault, WireFault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

Route: TypeAlias = Literal[
    "upload",
    "find_file",
    "list_files",
    "download",
    "delete",
    "create",
    "find_batch",
    "list_batches",
    "cancel",
]
"""A call: POST /files, GET /files/ID, GET /files, GET /files/ID/content, DELETE /files/ID,
POST /batches, GET /batches/ID, GET /batches, POST /batches/ID/cancel."""

RouteFaultKind: TypeAlias = StatusFault | WireFault | Literal["lost"]
FinalStatus: TypeAlias = Literal["completed", "expired", "cancelled", "failed"]
FileState: TypeAlias = Literal["there", "empty", "gone", "null", "blank", "absent"]
Refusal: TypeAlias = Literal["failed", 400, 429]

ROUTES: tuple[str, ...] = get_args(Route)
ROUTE_FAULT_KINDS: tuple[str, ...] = tuple(
    sorted({*get_args(StatusFault), *get_args(WireFault), "lost"})
)
FINAL_STATUSES: tuple[str, ...] = get_args(FinalStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFault:
    """A call of the route `on` that goes wrong, and when.

    A position is the call's place, from 1, among those of its route whose key was accepted. The
    fault is due at the positions `at` and at the `first` ones; with neither, always. At most
    `each_at_most` of them meet one file or batch (None: no such bound).

    An error status, "reset", "close_after_post" and "stall" leave everything as it was. "lost" does
    what was asked, then resets the connection; "truncated_body" and "trickle" do it and spoil the
    reply: half of what Content-Length says, or a byte every `pace` seconds. "not_found" speaks of
    the file or batch. `retry_after` is as in `Fault`.
    """

    kind: RouteFaultKind = field(kw_only=False)
    on: Route = field(kw_only=False)
    at: Collection[int] = ()
    first: int = 0
    each_at_most: int | None = None
    retry_after: float | None = None
    retry_after_as: RetryAfterSpelling = "seconds"
    pace: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ROUTE_FAULT_KINDS:
            raise ValueError(f"no fault of a route is called {self.kind!r}")
        if self.on not in ROUTES:
            raise ValueError(f"no route is called {self.on!r}; there are {', '.join(ROUTES)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProblem:
    """One entry of a failed batch's `errors`: its code, the input line from 1, if one is to blame.

    Codes that validation itself finds, OpenAI's first where Azure's differs: invalid_json_line,
    missing_required_parameter or invalid_request, duplicate_custom_id, url_mismatch,
    mismatched_model or model_mismatch, model_not_found, empty_file or empty_batch, too_many_tasks,
    token_limit_exceeded, and file_too_large, for which neither documents a code.
    """

    code: str = field(kw_only=False)
    line: int | None = None
    message: str = "The input is not valid."
    param: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEnding:
    """How one batch goes, ends, and what its files hold.

    `at` are positions of batches, from 1, in the order of their creation; empty means every batch.

    `done` is the share of the lines, in their order, that an "expired" or "cancelled" batch (from
    outside, without a call) has answered. The others stand in the error file, with code
    batch_expired or batch_cancelled, if `tells_rest`. A "failed" batch has `problems` (empty: one
    of code invalid_request) and no files. `running` is the batch's own length in progress instead
    of the script's: a large one outlives its 24 hours, which a batch does here unless it is told
    to expire.

    `output` and `error` say what becomes of the two files. "there": an id if there are lines for
    it, else null (Azure: ""). "empty": an id of a file without a byte. "gone": an id that is
    answered with 404. "null", "blank" and "absent": null, "" or no member at all; lines are lost.

    `shuffled` puts the lines of each file in another order. Of the output lines, the first
    `repeated` come again at the end, the last `left_out` come in no file, the first `nameless`
    bear no custom_id; `unknown` lines answer custom ids that nobody sent. Both files begin with a
    `byte_order_mark`, and their lines end in CR LF, if so told.
    """

    status: FinalStatus = field(default="completed", kw_only=False)
    at: Collection[int] = ()
    done: float = 0.5
    tells_rest: bool = True
    problems: Sequence[BatchProblem] = ()
    running: float | None = None
    output: FileState = "there"
    error: FileState = "there"
    shuffled: bool = False
    repeated: int = 0
    left_out: int = 0
    nameless: int = 0
    unknown: int = 0
    byte_order_mark: bool = False
    crlf: bool = False

    def __post_init__(self) -> None:
        if self.status not in FINAL_STATUSES:
            raise ValueError(
                f"no batch ends as {self.status!r}; there are {', '.join(FINAL_STATUSES)}"
            )
        if not 0 <= self.done <= 1:
            raise ValueError(f"done is a share between 0 and 1, not {self.done}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """How files and batches behave. The default: every batch is completed at the third look.

    A batch is validating, then in_progress, then finalizing, for `validating`, `running` and
    `finalizing` looks, or seconds if `by` says so; a cancelled one is cancelling for `cancelling`.
    A look is a GET of that batch. The answer to the creation always says validating. Lines are
    answered evenly while the batch runs, as online: with the script's answers and faults, but not
    its limits. `endings` decide by position; the first that fits a batch is its.

    `clock` tells Unix time: for stamps, for `by="seconds"`, and for files, which are gone (404)
    once their expires_at is reached; `ScriptedServer.expire_files` makes it so at once.

    `most_lines` (None: 50,000; Azure 100,000) and `most_bytes` of an input file are held in
    validation. `enqueued_tokens` bounds the prompt tokens (as a reply's usage counts them) of the
    batches of one model that have not ended, the new one included; a batch beyond fails, or its
    creation is refused with status 400 (as Azure's newer regions do) or 429, by
    `beyond_enqueued`. A new batch, or file, is not listed for the first `batches_unlisted_for`,
    or `files_unlisted_for`, listings after it; further pages of a listing don't count.
    """

    endings: Sequence[BatchEnding] = ()
    by: Literal["looks", "seconds"] = "looks"
    validating: float = 1
    running: float = 1
    finalizing: float = 1
    cancelling: float = 1
    most_lines: int | None = None
    most_bytes: int = 200_000_000
    enqueued_tokens: int | None = None
    beyond_enqueued: Refusal = "failed"
    batches_unlisted_for: int = 0
    files_unlisted_for: int = 0
    faults: Sequence[RouteFault] = ()
    clock: Callable[[], float] = time.time

    def ending(self, position: int) -> BatchEnding:
        """How the batch at `position` ends."""
        fitting = (ending for ending in self.endings if not ending.at or position in ending.at)
        return next(fitting, BatchEnding())
