"""What can go wrong on purpose, and when: the faults that a script names.

`fault_choice` decides which one a request meets; `errors`, `oddities` and `wire` play them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Collection

RetryAfterSpelling: TypeAlias = Literal["ms", "seconds", "date"]

StatusFault: TypeAlias = Literal[
    "bad_request",
    "content_filter",
    "context_length",
    "unsupported_parameter",
    "invalid_api_key",
    "expired_token",
    "forbidden",
    "not_found",
    "request_timeout",
    "conflict",
    "rate_limited",
    "insufficient_quota",
    "server_error",
    "bad_gateway",
    "unavailable",
]
"""An error status: 400 (four), 401 (two), 403, 404, 408, 409, 429 (two), 500, 502 HTML, 503."""

ReplyFault: TypeAlias = Literal[
    "finish_length",
    "finish_content_filter",
    "null_content",
    "refusal",
    "no_pairs",
    "lone_surrogate",
    "u2028",
    "nul",
    "deep_nesting",
    "huge",
    "huge_number",
    "deep_nesting_body",
    "not_utf8",
    "truncated_json",
    "html_200",
    "empty_object",
]
"""Status 200 with a completion that is cut, empty, odd to read, or no completion at all."""

WireFault: TypeAlias = Literal[
    "reset",
    "close_after_post",
    "truncated_body",
    "trickle",
    "stall",
]
"""A connection that is reset, closed, closed early, slow, or silent."""

FaultKind: TypeAlias = StatusFault | ReplyFault | WireFault

STATUS_FAULTS: frozenset[str] = frozenset(get_args(StatusFault))
REPLY_FAULTS: frozenset[str] = frozenset(get_args(ReplyFault))
WIRE_FAULTS: frozenset[str] = frozenset(get_args(WireFault))
FAULT_KINDS: tuple[str, ...] = tuple(sorted(STATUS_FAULTS | REPLY_FAULTS | WIRE_FAULTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong, and when.

    A position is a request's place, from 1, among those that arrived since the script began. A
    fault is due at the positions `at`, at the `first` ones, and for the share `rate` of all
    attempts; with none of the three, always. The share is decided by a hash of the seed, the
    messages and how often the limits have let these messages through, so a run repeats whatever
    order its requests come in. `after` and `until` bound the positions (after < position <=
    until), `containing` the queries (by their last user message), and `per_query_at_most` how
    often one query meets this fault. Requests that the script's limits refuse meet no fault.

    `retry_after` in seconds goes with `rate_limited` and `unavailable`, spelled as
    `retry_after_as` says; it may be negative or NaN; None sends no header. `param` is what
    `unsupported_parameter` names. `size` is the bytes of a `huge` reply, `depth` the levels of
    the deep ones, `pace` the seconds between two bytes of a `trickle`.
    """

    kind: FaultKind = field(kw_only=False)
    rate: float | None = None
    at: Collection[int] = ()
    first: int = 0
    after: int = 0
    until: int | None = None
    containing: str | None = None
    per_query_at_most: int | None = None
    retry_after: float | None = None
    retry_after_as: RetryAfterSpelling = "seconds"
    param: str = "max_tokens"
    size: int = 50_000_000
    depth: int = 10_000
    pace: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise ValueError(
                f"no fault is called {self.kind!r}; there are {', '.join(FAULT_KINDS)}"
            )
        if self.rate is not None and not 0 <= self.rate <= 1:
            raise ValueError(f"a rate lies between 0 and 1, not {self.rate}")
