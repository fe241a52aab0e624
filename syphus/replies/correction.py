"""The turn that asks again when a reply gave no pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from syphus.core.records import Parsed

CORRECTION: Final = (
    "Please reply again with question-answer pairs only, each in exactly this form:\n\n"
    "Question: ...\nAnswer: ..."
)
STRUCTURED_CORRECTION: Final = (
    "Please reply again with JSON only, in exactly the form that was asked for."
)
_LONGEST_REASON: Final = 300


def correction_for(parsed: Parsed, *, structured: bool = False) -> str:
    """Return the user turn to send after a reply that gave no pair: what was wrong, what to do.

    `structured`: the reply was to be JSON of the plugin's response model.
    """
    wanted = STRUCTURED_CORRECTION if structured else CORRECTION
    lines = []
    if parsed.rejected:
        reason = parsed.rejected[0].reason[:_LONGEST_REASON].rstrip(".")
        lines.append(f"Your last reply could not be used: {reason}.")
    if parsed.truncated:
        lines.append("Write less, so that the reply is not cut off.")
    return " ".join([*lines, wanted])
