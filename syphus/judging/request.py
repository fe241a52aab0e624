"""The last user message of a request to the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from syphus.core.durable import dump
from syphus.judging.shape import describe_format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.judging.values import Graded

_LONGEST_REASON: Final = 300


def write_request(
    graded: Graded, *, reasons: Mapping[int, str] | None = None, describe: bool = False
) -> str:
    """What is graded, as compact JSON; the task, which all requests of a run share, comes first.

    As members of an object, annotation and pairs are data: quotes in them can't end them.
    `reasons` says, by place, what was wrong with an earlier judgement. `describe` adds the wanted
    shape in words, for an endpoint that knows no response format.
    """
    request: dict[str, Any] = {
        "task": graded.task,
        "annotation": graded.annotation,
        "pairs": {
            str(place): {"question": pair.question, "answer": pair.answer}
            for place, pair in enumerate(graded.pairs, start=1)
        },
    }
    if reasons:
        request["rejected"] = {str(at): text[:_LONGEST_REASON] for at, text in reasons.items()}
    text = dump(request).decode()
    return f"{text}\n\n{describe_format(len(graded.pairs))}" if describe else text
