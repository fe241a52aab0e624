"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Whether one translated text may be used.

    `reason` is a short sentence on what is wrong with the text ("it is empty"), None where nothing
    is. `unjudged`: the text is let through although it is too short to tell its language.
    """

    reason: str | None = None
    unjudged: bool = False

    @property
    def ok(self) -> bool:
        """Whether the text may be used."""
        return self.reason is None
