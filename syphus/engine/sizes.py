"""How large a request may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syphus.core.records import Request

_UNBOUNDED_COMPLETION = 4096


def most_completion_tokens(request: Request) -> int:
    """The tokens of its completion at most; 4,096 are taken where no bound is set."""
    return request.shape.sampling.max_tokens or _UNBOUNDED_COMPLETION
