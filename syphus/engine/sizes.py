"""How large a request may be, and whether its reply tells how large it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syphus.core.records import Reply, Request

_UNBOUNDED_COMPLETION = 4096


def most_completion_tokens(request: Request) -> int:
    """The tokens of its completion at most; 4,096 are taken where no bound is set."""
    return request.shape.sampling.max_tokens or _UNBOUNDED_COMPLETION


def tells_usage(reply: Reply) -> bool:
    """Whether a reply tells the tokens of its prompt, and of its text if it has one."""
    usage = reply.usage
    return usage.prompt_tokens > 0 and (usage.completion_tokens > 0 or not reply.text)
