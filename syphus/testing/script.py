"""What a scripted server does, as values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from syphus.testing.batch_script import Batches
    from syphus.testing.faults import Fault

Answer: TypeAlias = Callable[[list[dict[str, Any]], dict[str, Any]], str]
"""Takes the messages and the whole request body, gives the assistant's content."""

Dialect: TypeAlias = Literal["openai", "azure"]
HeaderStyle: TypeAlias = Literal["auto", "openai", "azure", "none"]


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
