"""Replies that were asked for as structured data -> pairs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from syphus.core.json_mending import close_cut
from syphus.core.records import Parsed, Rejected
from syphus.replies import reasons
from syphus.replies.json_data import find_json, trim_remark
from syphus.replies.json_pairs import collect_pairs
from syphus.replies.pairing import Pairing

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

_SAID_ERRORS = 3
_LONGEST_SAID = 200
_decode = json.JSONDecoder(strict=False).raw_decode


def parse_structured(
    text: str | None,
    model: type[BaseModel],
    *,
    finish_reason: str = "stop",
    refusal: str | None = None,
) -> Parsed:
    """Validate a JSON reply against `model` and return the pairs in the validated data.

    Pairs are found as in any JSON reply, under the names that the reply uses (a field's alias,
    where it has one). Data that isn't valid gives no pair and one reason that names the first
    wrong fields. Of a reply cut off by the token limit, what closed before the cut is validated.

    Raises what the model's own validators raise, ValidationError excepted.
    """
    truncated = reasons.is_cut(finish_reason)
    withheld = reasons.say_withheld(text, finish_reason=finish_reason, refusal=refusal)
    if withheld or text is None:
        reason = withheld or reasons.NO_CONTENT
        return _reject(refusal or text or "", reason, truncated=truncated)
    data, rest, problem = _read(text, truncated=truncated)
    if problem is None:
        data, problem = _validate(data, model)
    if problem is not None:
        return _reject(text, problem, truncated=truncated)
    pairing = Pairing()
    collect_pairs([data], pairing)
    pairing.flush()
    if not pairing.pairs and not pairing.rejected:
        pairing.reject(text, reasons.NO_QUESTION)
    if rest:
        pairing.reject(rest, reasons.CUT_OFF if truncated else reasons.REMARK)
    return pairing.finish(truncated=truncated)


def _reject(text: str, reason: str, *, truncated: bool) -> Parsed:
    return Parsed(rejected=(Rejected(response=text, reason=reason),), truncated=truncated)


def _read(text: str, *, truncated: bool) -> tuple[Any, str, str | None]:
    """Return the first JSON value of a reply, what follows it, and why there is none."""
    start = find_json("\n" + text) - 1
    if start < 0:
        return None, "", reasons.NO_JSON
    text = text[start:]
    try:
        data, end = _decode(text)
    except RecursionError:
        return None, "", reasons.TOO_DEEP
    except ValueError:
        if not truncated:
            return None, "", reasons.BROKEN
        closed = close_cut(text)
        try:
            data, _ = _decode(closed.whole if closed.state == "cut" else "")
        except (ValueError, RecursionError):
            return None, "", reasons.CUT_OFF
        return data, closed.rest, None
    return data, trim_remark(text[end:]), None


def _validate(data: Any, model: type[BaseModel]) -> tuple[Any, str | None]:
    from pydantic import ValidationError  # noqa: PLC0415 - only plugins with a model need it

    try:
        return model.model_validate(data).model_dump(mode="json", by_alias=True), None
    except ValidationError as error:
        return None, _say(error)


def _say(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    said = [
        f"{_name_field(problem['loc'])}: {problem['msg'][:_LONGEST_SAID]}"
        for problem in problems[:_SAID_ERRORS]
    ]
    more = len(problems) - _SAID_ERRORS
    if more > 0:
        said.append(f"and {more} more")
    return f"not as the response model asks: {'; '.join(said)}"


def _name_field(place: tuple[str | int, ...]) -> str:
    """The place of a value; a key that the model made up may be of any length and kind."""
    name = ".".join(str(part)[:_LONGEST_SAID] for part in place)[:_LONGEST_SAID]
    return " ".join(name.split()) or "the reply"
