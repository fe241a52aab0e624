"""The values that the stages hand to each other. All frozen, all keyword-only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.core.images import SentImage

Stage: TypeAlias = Literal["generate", "judge", "translate"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In the order in which the pairs of a query go through them."""
Role: TypeAlias = Literal["user", "assistant"]
FinishReason: TypeAlias = str
RelatedBy: TypeAlias = Literal["same_source", "previous_turns", "nearest_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One annotation to ask about.

    `id` is unique in a run: the plugin's own id, or `id#2`, `id#3`, ... where the annotations
    use one id for several texts. `source_id` is always the plugin's own.
    """

    id: str
    text: str
    source_id: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """What comes before every query: the system message and the in-context examples."""

    system_message: str
    in_context: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Settings that shape a completion but aren't part of a request's identity.

    `max_tokens` bounds the completion; None leaves the bound to the endpoint.
    """

    max_tokens: int | None = 2048
    temperature: float | None = 0.7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RequestShape:
    """What all requests of one stage have in common; one object a stage, compared by identity.

    `response_format` is JSON of OpenAI's field of that name, or None.
    """

    model: str
    sampling: Sampling
    response_format: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One conversation to complete.

    `identity` is the hash of what is sent (`syphus.core.identity`); `key` names this request in the
    journal (identity and query together); `messages` is canonical JSON of the message array;
    `prompt_tokens` an estimate; `position` counts the run's queries from 0; `turn` counts
    correcting turns (0 is the first ask). A judgement or a translation names the `pairs` of its
    query that it is about, a translation also the `languages`. Of `images`, `messages` hold the
    addresses; their bytes are put in when it is sent.
    """

    key: str
    identity: str
    query_id: str
    stage: Stage
    shape: RequestShape
    messages: bytes
    prompt_tokens: int
    position: int = 0
    turn: int = 0
    pairs: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()
    images: tuple[SentImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as billed; `cached_tokens` is the part of the prompt charged at the cache price."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A completion as it came: nothing parsed, nothing judged.

    `text` is None where the provider sent a null content. `latency` is in seconds; `attempt`
    counts from 1; `cost` is in US dollars, None without a known price; `headers` holds
    allow-listed response headers only.
    """

    text: str | None
    finish_reason: FinishReason
    usage: Usage
    latency: float
    deployment: str
    attempt: int
    refusal: str | None = None
    cost: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request that was given up. `kind` is the `kind` of a `syphus.core.errors.RequestError`."""

    kind: str
    message: str
    attempts: int
    status: int | None = None
    maybe_billed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswer:
    """A pair as it stands in one reply, before it has an id."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A reply, or the part of one, that gave no pair, and the reason."""

    response: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a reply gave. `truncated`: the model was cut off by the token limit."""

    pairs: tuple[QuestionAnswer, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An instruction-response pair of the finished data set."""

    id: str
    query_id: str
    instruction: str
    answer: str
    image_ids: tuple[str, ...] = ()
    related_ids: tuple[str, ...] = ()
