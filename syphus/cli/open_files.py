"""Room for as many connections as the user wants."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syphus.core.events import Observer

_BESIDE_CONNECTIONS = 100


def raise_file_limit(connections: int, *, observer: Observer) -> None:
    """Raises this process's limit on open files to what `connections` need, as far as allowed.

    The usual limit is 1,024: enough for a shell, not for a thousand requests in flight.
    """
    wanted = connections + _BESIDE_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (ValueError, OSError):  # a number that the kernel has no room for
        allowed = soft
    if allowed < wanted:
        observer.notice(
            f"this system allows {allowed} open files: --num_threads {connections} may be too many"
        )
