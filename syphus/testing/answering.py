"""The completion that a script gives to a call, whether it came alone or in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.testing.answers import draw
from syphus.testing.calls import Refused
from syphus.testing.completion import Completion, cut_to
from syphus.testing.errors import refuse

if TYPE_CHECKING:
    from syphus.testing.calls import Call
    from syphus.testing.log import Log
    from syphus.testing.script import Script


def complete(script: Script, call: Call, attempt: int, log: Log) -> Completion:
    """The answer to the `attempt`-th time that this query was let through.

    Raises Refused where the script's own code raises, which the log is told.
    """
    content = _content(script, call, log)
    finish_reason = "stop"
    if script.honours_max_tokens and call.max_tokens is not None:
        cut = cut_to(content, call.max_tokens)
        if cut != content:
            content, finish_reason = cut, "length"
    return Completion(
        id=f"chatcmpl-{call.key[:20]}{attempt:04d}",
        model=call.model,
        dialect=call.dialect,
        content=content,
        prompt_tokens=call.prompt_tokens,
        cached_tokens=script.cached_tokens,
        finish_reason=finish_reason,
    )


def _content(script: Script, call: Call, log: Log) -> str:
    if isinstance(script.answer, str):
        return script.answer
    if script.answer is None:
        response_format = call.body.get("response_format")
        return draw(call.key, call.text, response_format, script.pairs, script.seed)
    try:
        return script.answer(call.messages, call.body)
    except Exception as error:  # whatever the test's own code raises is told
        log.script_error = log.script_error or error
        raise Refused(
            refuse("server_error", call.about(), detail=f"The script raised {error!r}.")
        ) from error
