"""Standard streams that no run fails on: what they refuse is left out."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, TextIO

_PATIENCE_SECONDS = 1.0


class _Lossy(io.FileIO):
    """A descriptor that takes whatever is written; `refusal` is the first error that it hid."""

    refusal: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Writes what the descriptor takes; says that the rest was written, too."""
        try:
            written = super().write(data)
            if written is None:  # not blocking, and full: it is another program's terminal, too
                select.select((), (self,), (), _PATIENCE_SECONDS)
                written = super().write(data)
        except OSError as error:
            self.refusal = self.refusal or error
            written = None
        return memoryview(data).nbytes if written is None else written


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
    sys.stdout = _protect(sys.stdout)
    sys.stderr = _protect(sys.stderr)


def _protect(stream: Any) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        # Python found it closed.
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - a name, no path
    raw = _Lossy(stream.fileno(), "wb", closefd=False)
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
