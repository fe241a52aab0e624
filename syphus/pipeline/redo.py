"""`--redo`: which outcomes of earlier sittings are asked for again in a later stage.

In the first stage a query is redone where it is walked past (`generation`): there its conversation
goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syphus.journal.format import Kind


def redone_kinds(redo: str | None) -> frozenset[Kind]:
    """The outcomes that `--redo` asks for again."""
    kinds: dict[str | None, frozenset[Kind]] = {
        "failed": frozenset({"failed"}),
        "truncated": frozenset({"truncated"}),
        "invalid": frozenset({"reply", "truncated", "failed"}),
    }
    return kinds.get(redo, frozenset())
