"""What a scripted server does, as values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from syphus.testing.batch_script import Batches

Answer: TypeAlias = Callable[[list[dict[str, Any]], dict[str, Any]], str]
"""Takes the messages and the whole request body, gives the assistant's content."""

Dialect: TypeAlias = Literal["openai", "azure"]
HeaderStyle: TypeAlias = Literal["auto", "openai", "azure", "none"]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChange:
    """New limits from position `at` on; None takes a limit away."""

    at: int
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits that are enforced, and what is told of them.

    A limit of N a minute allows floor(N * window / 60), at least 1, in any `window` seconds; the
    window rolls. Tokens are counted at admission: the prompt's estimate and `max_tokens`. Refused
    requests don't count. A request larger than a whole window's tokens is never admitted; give
    `token_window` (None: as `window`) where requests are large and `window` is short.

    Headers: `limit` is the figure a minute, `remaining` what is left in the window, `reset` the
    time until the window is empty. `style` "auto" follows the route. `tells_limits=False` leaves
    the `limit` headers out, `tells_minus_one` sends -1 for what remains, and
    `tells_retry_after=False` leaves the retry headers out of a 429.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    window: float = 1.0
    token_window: float | None = None
    style: HeaderStyle = "auto"
    tells_limits: bool = True
    tells_minus_one: bool = False
    tells_retry_after: bool = True
    changes: Sequence[LimitChange] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How a scripted server behaves.

    `answer` is a callable, a text for every request, or None: `pairs` question-answer pairs drawn
    from the last user message, or JSON that fits the request's `response_format`, the same for
    equal messages and `seed`. `latency` is in seconds, or (low, high). `cached_tokens` of a
    prompt's tokens are reported as cached. `honours_max_tokens` cuts longer answers, with finish
    reason "length". `api_keys` are the accepted keys and tokens (None: any, or none). `models` are
    the models and deployments that exist (None: all). `refuses` names request parameters that are
    answered with "unsupported parameter". `batches` says how files and batches behave (None: as
    `Batches()` does).
    """

    answer: Answer | str | None = None
    pairs: int = 3
    seed: int = 1
    latency: float | tuple[float, float] = 0.0
    cached_tokens: int = 0
    honours_max_tokens: bool = False
    limits: Limits | None = None
    faults: Sequence[Fault] = ()
    refuses: Collection[str] = ()
    api_keys: Collection[str] | None = None
    models: Collection[str] | None = None
    batches: Batches | None = None
