"""Why a file gave no image, or not all of them."""

from __future__ import annotations

import errno

_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)


class Unreadable(Exception):
    """A file that can't be converted, in words that follow its name."""


def explain(error: Exception) -> str:
    """The reason in one line, whatever a foreign decoder raised.

    Raises the error again where no file is to blame, but a full disk or too many open files.
    """
    if isinstance(error, OSError) and error.errno in _OURS:
        raise error
    if isinstance(error, Unreadable):
        return str(error)
    # The name, which the system's words end with, is said by whoever tells it.
    said = getattr(error, "strerror", None) if isinstance(error, OSError) else None
    words = " ".join(str(said or error).split())
    return f"can't be read: {words or type(error).__name__}"


def printable(text: str) -> str:
    """`text` without what would break a line or a terminal."""
    return "".join(
        mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text
    )
