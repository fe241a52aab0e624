"""What the plugin left out: told in a line each, and listed in `skipped_items.json`.

`syphus.plugins.skips` counts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.durable import json_list

if TYPE_CHECKING:
    from pathlib import Path

    from syphus.core.events import Observer
    from syphus.core.secrets import Secrets
    from syphus.plugins.skips import Skips

SKIPPED = "skipped_items.json"
MOST_TOLD = 20


def tell_skipped(skips: Skips, observer: Observer) -> None:
    """Says each item that wasn't told yet, in a line; of many the first `MOST_TOLD`."""
    for item in skips.kept[skips.told : MOST_TOLD]:
        observer.notice(str(item))
        skips.told += 1


def write_skipped(folder: Path, skips: Skips, *, secrets: Secrets) -> None:
    """Lists the items in `skipped_items.json`; without any, takes an older list away."""
    path = folder / SKIPPED
    if not skips.count:
        path.unlink(missing_ok=True)
        return
    with json_list(path) as items:
        for item in skips.kept:
            reason = secrets.hide(item.reason)
            items.add({"id": item.id, "position": item.position, "error_message": reason})
