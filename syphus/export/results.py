"""The three lists that hold every answered query: valid, invalid, and given up.

They are written in one pass and always all three, empty or not, so that a list from an older run
never lies beside newer ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syphus.core.durable import json_list

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from syphus.core.durable import ListWriter
    from syphus.core.records import Failure, Parsed, Query

VALID = "valid_output.json"
INVALID = "invalid_output.json"
ERRORS = "error_messages.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The final state of one query that was asked.

    `free_text` is the whole reply where the data set takes replies as they are; `failure` says
    that the query was given up. At least one of `parsed`, `free_text` and `failure` is there.

    Raises ValueError where all three are None: such a query has no result yet.
    """

    query: Query
    parsed: Parsed | None = None
    free_text: str | None = None
    failure: Failure | None = None

    def __post_init__(self) -> None:
        if self.parsed is None and self.free_text is None and self.failure is None:
            raise ValueError(f"query {self.query.id!r} has neither a reply nor a failure")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultCounts:
    """How much was written.

    `valid`, `invalid` and `failed` count records of the three files. `queries` counts the answers
    that came in, `productive` those that gave a valid record, `truncated` those whose reply was
    cut off by the token limit.
    """

    queries: int = 0
    productive: int = 0
    valid: int = 0
    invalid: int = 0
    failed: int = 0
    truncated: int = 0


def write_results(folder: Path, answers: Iterable[Answered]) -> ResultCounts:
    """Writes `valid_output.json`, `invalid_output.json` and `error_messages.json`.

    Records stand in the order of the answers, pairs in the order of the reply; their ids are the
    queries' (`x#2` where an id was repeated). A reply that gave neither a pair nor a reason why
    not is listed as invalid, so that every answer is in at least one of the files. If `answers`
    raises, the earlier files stay as they were.
    """
    queries = productive = truncated = 0
    with (
        json_list(folder / VALID) as valid,
        json_list(folder / INVALID) as invalid,
        json_list(folder / ERRORS) as errors,
    ):
        for answer in answers:
            before = valid.count
            _add_valid(valid, answer)
            queries += 1
            productive += valid.count > before
            if answer.parsed is not None:
                _add_invalid(invalid, answer, answer.parsed)
                truncated += answer.parsed.truncated
            if answer.failure is not None:
                errors.add(_error(answer.query.id, answer.failure))
    return ResultCounts(
        queries=queries,
        productive=productive,
        valid=valid.count,
        invalid=invalid.count,
        failed=errors.count,
        truncated=truncated,
    )


def _add_valid(valid: ListWriter, answer: Answered) -> None:
    query_id = answer.query.id
    if answer.parsed is not None:
        for pair in answer.parsed.pairs:
            valid.add({"id": query_id, "question": pair.question, "answer": pair.answer})
    if answer.free_text is not None:
        valid.add({"id": query_id, "results": answer.free_text})


def _add_invalid(invalid: ListWriter, answer: Answered, parsed: Parsed) -> None:
    query_id = answer.query.id
    for part in parsed.rejected:
        invalid.add({"id": query_id, "response": part.response, "error_message": part.reason})
    nothing_else = answer.free_text is None and answer.failure is None
    if nothing_else and not parsed.pairs and not parsed.rejected:
        reason = "The reply held no question and answer."
        invalid.add({"id": query_id, "response": "", "error_message": reason})


def _error(query_id: str, failure: Failure) -> dict[str, str | int | bool | None]:
    return {
        "id": query_id,
        "error_message": failure.message,
        "kind": failure.kind,
        "status": failure.status,
        "attempts": failure.attempts,
        "maybe_billed": failure.maybe_billed,
    }
