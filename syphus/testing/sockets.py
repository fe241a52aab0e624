"""What the servers ask of the operating system."""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

BACKLOG = 4096
"""Connections that may wait to be accepted; Linux's own default bound (net.core.somaxconn)."""

_LINGER_ZERO = struct.pack("ii", 1, 0)


def raise_open_files_limit() -> None:
    """Lets the process open as many files as it may: each connection is one."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def reset_connection(transport: asyncio.Transport | asyncio.WriteTransport) -> None:
    """Closes so that the peer sees a reset: a linger time of zero drops what is unsent."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
