"""Files and batches as an endpoint tells of them, as values of our own.

Nothing that is told is believed to have its type: what can't be used counts as not told, and only
an answer without an id is refused, because nothing could be done with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syphus.backends.server_text import show
from syphus.core.errors import MalformedReply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
UNDER_WAY = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
_OTHER_SPELLINGS = {"canceled": "cancelled", "canceling": "cancelling"}
_LONGEST_NAME = 512
_MOST_PROBLEMS = 100_000
# The year 2286: beyond it, times were told in milliseconds.
_LATEST = 1e10


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file at the endpoint; `created` in Unix seconds, `bytes` None where it isn't told."""

    id: str
    name: str
    bytes: int | None
    created: float
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBatch:
    """A batch at the endpoint. Missing, null and empty file ids are all None.

    `created` is in Unix seconds, 0 where it isn't told. `counted` says that both counts are told.
    """

    id: str
    status: str
    created: float
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    metadata: Mapping[str, str]
    done: int
    failed: int
    counted: bool
    problems: tuple[tuple[str, int | None, str, str | None], ...]


def read_file(value: Any) -> RemoteFile:
    """The file that an answer tells of. Raises MalformedReply where it has no id."""
    value = _object(value)
    return RemoteFile(
        id=_id(value),
        name=_name(value.get("filename")) or "",
        bytes=_count(value.get("bytes")),
        created=_time(value.get("created_at")),
        status=_status(value.get("status")),
    )


def read_batch(value: Any, *, secrets: Iterable[str]) -> RemoteBatch:
    """The batch that an answer tells of, its problems without `secrets`.

    Raises MalformedReply where it has no id.
    """
    value = _object(value)
    hidden = tuple(secrets)
    counts, errors = _object(value.get("request_counts")), _object(value.get("errors"))
    data = errors.get("data")
    done, failed = _count(counts.get("completed")), _count(counts.get("failed"))
    return RemoteBatch(
        id=_id(value),
        status=_status(value.get("status")),
        created=_time(value.get("created_at")),
        input_file_id=_name(value.get("input_file_id")) or "",
        output_file_id=_name(value.get("output_file_id")),
        error_file_id=_name(value.get("error_file_id")),
        metadata={
            key: text
            for key, text in _object(value.get("metadata")).items()
            if isinstance(text, str)
        },
        done=done or 0,
        failed=failed or 0,
        counted=done is not None and failed is not None,
        problems=tuple(
            _problem(one, hidden)
            for one in (data if isinstance(data, list) else [])[:_MOST_PROBLEMS]
            if isinstance(one, dict)
        ),
    )


def by_id(values: list[Any]) -> dict[str, dict[str, Any]]:
    """Those of a list that have an id, in their order."""
    named = ((_name(_object(value).get("id")), value) for value in values)
    return {name: value for name, value in named if name is not None}


def _problem(
    value: dict[str, Any], secrets: tuple[str, ...]
) -> tuple[str, int | None, str, str | None]:
    def text(name: str) -> str:
        said = value.get(name)
        return show(said, secrets=secrets) if isinstance(said, str) else ""

    return text("code"), _count(value.get("line")), text("message"), text("param") or None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _id(value: dict[str, Any]) -> str:
    name = _name(value.get("id"))
    if name is None:
        raise MalformedReply("an answer without an id, where a file or a batch should be told")
    return name


def _name(value: Any) -> str | None:
    """An id or a name that can be shown on one line and put into an address."""
    usable = isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()
    return value if usable else None


def _status(value: Any) -> str:
    status = (_name(value) or "").strip().lower()
    return _OTHER_SPELLINGS.get(status, status)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < _LATEST else None


def _time(value: Any) -> float:
    usable = type(value) in (int, float) and 0 < value < _LATEST
    return float(value) if usable else 0.0
