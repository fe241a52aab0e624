"""Standard streams that no run fails on: what they refuse is left out."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, TextIO

# A pipe that is ready takes so much without blocking.
_PIECE = select.PIPE_BUF
_PATIENCE_SECONDS = 1.0


class _Lossy(io.FileIO):
    """A descriptor that takes whatever is written; `refusal` is the first error that it hid.

    One that may `block` is waited for; another has a second to take a piece, and none once it has
    let one pass, until it is ready again: a reader that has stopped would stop the run.
    """

    refusal: OSError | None = None
    _patience = _PATIENCE_SECONDS

    def __init__(self, number: int, *, block: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self._block = block

    def write(self, data: Any, /) -> int:
        """Writes what the descriptor takes; says that the rest was written, too."""
        whole = memoryview(data).cast("B")
        try:
            wait = None if self._block else self._patience
            if not select.select((), (self,), (), wait)[1]:
                self._patience = 0.0
                return len(whole)
            self._patience = _PATIENCE_SECONDS
            return super().write(whole[:_PIECE]) or 0
        except OSError as error:
            self.refusal = self.refusal or error
            return len(whole)


def protect_streams() -> None:
    """Opens the standard streams that are closed, and has none of them raise from now on.

    What is opened later would take the number of a closed one, and be written to; uvloop aborts
    where a pipe of its own does.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
            os.set_inheritable(number, True)
    sys.stdout = _protect(sys.stdout, block=True)
    sys.stderr = _protect(sys.stderr, block=False)


def _protect(stream: Any, *, block: bool) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        # Python found it closed.
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - a name, no path
    raw = _Lossy(stream.fileno(), block=block)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def finish_streams() -> None:
    """Hands on what is held back, and says on stderr where stdout took less than it was given."""
    with suppress(OSError, ValueError, AttributeError):  # a plugin may have put others there
        sys.stdout.flush()
        raw = getattr(sys.stdout.buffer, "raw", None)
        refusal = raw.refusal if isinstance(raw, _Lossy) else None
        if refusal is not None and refusal.errno != errno.EPIPE:
            sys.stderr.write(f"syphus: stdout can't be written: {refusal.strerror}\n")
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
