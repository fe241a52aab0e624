"""Flags that would do nothing beside the others: whoever gives one expects something of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syphus.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.core.settings import Settings

_OF_BATCHES = ("poll_seconds", "enqueued_tokens", "batch_fallback", "batch_fallback_below")


def refuse_idle_flags(flags: Mapping[str, Any], settings: Settings) -> None:
    """Raises SettingsError for the first of `flags`, given ones, that changes nothing.

    What stands in a settings file serves several commands, and isn't looked at.
    """
    given = [name for name, value in flags.items() if value not in (None, False)]
    of_batches = next((name for name in _OF_BATCHES if name in given), None)
    if of_batches is not None and settings.backend != "batch":
        # Online, each query costs twice as much.
        raise SettingsError(f"--{of_batches}: only --backend batch makes batches")
    if "batch_fallback_below" in given and settings.batch_fallback is None:
        raise SettingsError("--batch_fallback_below: only --batch_fallback finishes a small rest")
    if "base_url" in given and settings.backend == "local":
        raise SettingsError("--base_url: --backend local asks no endpoint")
    if "redo" in given and settings.reparse:
        raise SettingsError("--redo: --reparse sends nothing; give one of them")
