"""Validating the input file of a batch, as the providers do before it runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syphus.core.identity import canonical_json
from syphus.testing.batch_script import BatchProblem
from syphus.testing.calls import load_json
from syphus.testing.completion import estimate_prompt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syphus.testing.batch_script import Batches
    from syphus.testing.script import Dialect, Script

_MOST_LINES = {"openai": 50_000, "azure": 100_000}
# OpenAI's code, then Azure's.
_MISSING = {"openai": "missing_required_parameter", "azure": "invalid_request"}
_OTHER_MODEL = {"openai": "mismatched_model", "azure": "model_mismatch"}
_NO_LINES = {"openai": "empty_file", "azure": "empty_batch"}
_MEMBERS = {"custom_id": str, "method": str, "url": str, "body": dict}
_LINES_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class InputLine:
    """One request: its custom_id, and where in the file its line is."""

    custom_id: str
    begin: int
    end: int


@dataclass(slots=True, kw_only=True)
class BatchInput:
    """An input file as it was understood; with problems, the batch fails.

    `tokens` are the prompts', as a reply's usage counts them.
    """

    data: bytes
    lines: list[InputLine] = field(default_factory=list)
    problems: list[BatchProblem] = field(default_factory=list)
    model: str = ""
    tokens: int = 0

    def load(self, line: InputLine) -> Any:
        """The request's body."""
        return load_json(self.data[line.begin : line.end])["body"]


async def read_input(data: bytes, script: Script, batches: Batches, dialect: Dialect) -> BatchInput:
    """Reads every line; lets others have the loop now and then."""
    found = BatchInput(data=data)
    most_lines = batches.most_lines or _MOST_LINES[dialect]
    if len(data) > batches.most_bytes:
        message = f"The file has {len(data)} bytes; at most {batches.most_bytes} are taken."
        found.problems.append(BatchProblem("file_too_large", message=message))
        return found
    check = _Check(script, dialect)
    for number, begin, end in _split(data):
        if number % _LINES_AT_ONCE == 0:
            await asyncio.sleep(0)
        value = load_json(data[begin:end])
        problem = check.find_problem(value, number)
        if problem is not None:
            found.problems.append(problem)
            continue
        found.lines.append(InputLine(value["custom_id"], begin, end))
        if batches.enqueued_tokens is not None:
            messages = value["body"].get("messages")
            found.tokens += estimate_prompt(messages, canonical_json(messages))
    found.model = check.model
    if len(found.lines) > most_lines:
        message = f"The file has {len(found.lines)} requests; at most {most_lines} are taken."
        found.problems.append(BatchProblem("too_many_tasks", message=message))
    if not found.lines and not found.problems:
        found.problems.append(BatchProblem(_NO_LINES[dialect], message="The file has no requests."))
    return found


class _Check:
    """What is asked of each line; remembers the custom ids and the first line's model."""

    def __init__(self, script: Script, dialect: Dialect) -> None:
        self._models = script.models
        self._dialect = dialect
        self._custom_ids: set[str] = set()
        self.model = ""

    def find_problem(self, value: Any, number: int) -> BatchProblem | None:
        """The first thing that is wrong with the line of that number."""
        for code, param, message in self._find_all(value):
            return BatchProblem(code, line=number, message=message, param=param)
        self._custom_ids.add(value["custom_id"])
        return None

    def _find_all(self, value: Any) -> Iterator[tuple[str, str | None, str]]:
        if not isinstance(value, dict):
            yield "invalid_json_line", None, "The line is no JSON object."
            return
        for param, kind in _MEMBERS.items():
            if not value.get(param) or not isinstance(value[param], kind):
                yield _MISSING[self._dialect], param, f"{param} is missing or of the wrong type."
        if value["method"] != "POST" or not is_endpoint(value["url"], self._dialect):
            yield "url_mismatch", "url", "The method and URL are not those of the batch."
        custom_id, model = value["custom_id"], value["body"].get("model")
        if custom_id in self._custom_ids:
            yield "duplicate_custom_id", "custom_id", f"{custom_id} is that of another line too."
        if not isinstance(model, str):
            yield _MISSING[self._dialect], "body.model", "The model is missing."
            return
        if self._models is not None and model not in self._models:
            yield "model_not_found", "body.model", f"There is no batch deployment {model}."
        self.model = self.model or model
        if model != self.model:
            yield _OTHER_MODEL[self._dialect], "body.model", f"{model} is not the first line's."


def _split(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Number from 1, beginning and end of each line that isn't blank."""
    begin, number = 0, 0
    while begin < len(data):
        number += 1
        newline = data.find(b"\n", begin)
        end = len(data) if newline < 0 else newline
        if data[begin:end].strip():
            yield number, begin, end
        begin = end + 1


def is_endpoint(url: object, dialect: Dialect) -> bool:
    """Whether chat completions are meant; Azure also takes the address without its version."""
    return url == "/v1/chat/completions" or (dialect == "azure" and url == "/chat/completions")
