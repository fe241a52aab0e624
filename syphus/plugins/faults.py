"""What a plugin raised, said in one line that tells its author where to look."""

from __future__ import annotations

import json
import signal
import sys
import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syphus.core.errors import AnnotationError, InputError, PluginError, PromptError

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE_PREFIX = "_syphus_dataset_"
_LONGEST_MESSAGE = 300
_UNREADABLE = "its message can't be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that a plugin reads: its path as the plugin got it, and the flag that sets it.

    `path` is None where the plugin got none, or something else than a path.
    """

    path: str | None
    flag: str
    error: type[AnnotationError | PromptError]


def prompt_source(path: Any) -> Source:
    """The prompt file at `path`."""
    return Source(path=_text(path), flag="--prompt_path", error=PromptError)


def inputs_source(path: Any) -> Source:
    """The annotation file at `path`."""
    return Source(path=_text(path), flag="--query_inputs_path", error=AnnotationError)


def _text(path: Any) -> str | None:
    return str(path) if isinstance(path, str | Path) else None


def plugin_label(plugin: type) -> str:
    """The plugin's name in messages: Class.file, or Class.package.module where it is installed."""
    return f"{plugin.__qualname__}.{plugin.__module__.removeprefix(MODULE_PREFIX)}"


def plugin_file(plugin: type) -> str | None:
    """The file that defines `plugin`, or None where there is none."""
    return getattr(sys.modules.get(plugin.__module__), "__file__", None)


def is_fault(exc: BaseException) -> bool:
    """Whether what a plugin's code raised is its own: anything but Ctrl-C.

    Ctrl-C raises in the main thread alone, and only where nobody else handles the signal: a run of
    the command line does.
    """
    return not (
        isinstance(exc, KeyboardInterrupt)
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )


def say(exc: BaseException) -> str:
    """The error's name and message in one line. A message that can't be read is said to be so."""
    return f"{type(exc).__name__}: {shorten(_message_of(exc))}"


def _message_of(exc: BaseException) -> str:
    try:
        return str(exc)
    except BaseException as error:
        if not is_fault(error):
            raise
        return _UNREADABLE


def show_value(value: object) -> str:
    """A plugin's value as part of one line, or its type where it can't be written out.

    Python writes no integer of over 4,300 digits, and a plugin's own `__repr__` may raise.
    """
    try:
        return shorten(repr(value))
    except BaseException as error:
        if not is_fault(error):
            raise
        return f"a value of type {type(value).__name__}"


def explain(
    exc: BaseException,
    *,
    label: str,
    file: str | None,
    source: Source | None = None,
    position: int | None = None,
) -> InputError:
    """The error to raise from `exc`, which came out of the plugin `label` defined in `file`.

    `source` is the file that the plugin was reading, `position` the item, counted from 1.
    """
    message = _message_of(exc)
    if type(exc) is PluginError or (
        isinstance(exc, InputError) and message.startswith(f"{label}: ")
    ):
        return exc
    if source is not None:
        named = _about_source(exc, label, source)
        if named is not None:
            return named
    item = "" if position is None else f"item {position}: "
    if isinstance(exc, SyntaxError) and exc.filename == file:
        message = str(exc.msg)
    message = f"{label}: {item}{type(exc).__name__}: {shorten(message)}{_where(exc, file)}"
    if source is not None and source.path is None and isinstance(exc, TypeError):
        message += f"; no path was given: {source.flag} sets it"
    return PluginError(message, position=position)


@contextmanager
def explaining(
    *, label: str, file: str | None, source: Source | None = None, position: int | None = None
) -> Iterator[None]:
    """Raises what `explain` makes of anything the block raises, Ctrl-C excepted.

    `position` is the item that the block reads, counted from 1.
    """
    try:
        yield
    except BaseException as exc:
        if not is_fault(exc):
            raise
        error = explain(exc, label=label, file=file, source=source, position=position)
        if error is exc:
            raise
        raise error from exc


def _about_source(exc: BaseException, label: str, source: Source) -> InputError | None:
    missing = exc.__cause__ if isinstance(exc, AnnotationError) else exc
    if isinstance(missing, FileNotFoundError) and source.path is not None:
        path = Path(source.path)
        if missing.filename in (source.path, str(path)):
            message = f"{label}: {path}: no such file; {source.flag} sets it"
            return _make(source, message, path, None)
    if isinstance(exc, InputError):
        path_read, line = getattr(exc, "path", None), getattr(exc, "line", None)
        return _make(source, f"{label}: {_message_of(exc)}", path_read, line)
    if isinstance(exc, json.JSONDecodeError) and source.path is not None:
        path = Path(source.path)
        line = _find_line(path, exc)
        if line is not None:
            message = f"{label}: {path}: line {line}, column {exc.colno}: broken JSON: {exc.msg}"
            return _make(source, message, path, line)
    return None


def _make(source: Source, message: str, path: Path | None, line: int | None) -> InputError:
    if source.error is AnnotationError:
        return AnnotationError(message, path=path, line=line)
    return PromptError(message)


def _find_line(path: Path, exc: json.JSONDecodeError) -> int | None:
    """The line of the file, which was parsed whole or line by line; None if it was neither."""
    parsed = exc.doc.strip().replace("\r\n", "\n") if isinstance(exc.doc, str) else ""
    try:
        if not parsed or "\n" in parsed:
            whole = path.read_text(encoding="utf-8-sig", errors="replace").strip()
            return exc.lineno if whole == parsed else None
        with path.open(encoding="utf-8-sig", errors="replace", newline="\n") as lines:
            return next((n for n, line in enumerate(lines, 1) if line.strip() == parsed), None)
    except OSError:
        return None


def _where(exc: BaseException, file: str | None) -> str:
    found = None
    if isinstance(exc, SyntaxError) and exc.filename is not None:
        found = (exc.filename, exc.lineno)
    for name, line in _frames(exc):
        if found is None or file in (None, name):
            found = (name, line)
    return "" if found is None else f" ({_show(found[0])}, line {found[1]})"


def _frames(exc: BaseException) -> Iterator[tuple[str, int]]:
    for frame, line in traceback.walk_tb(exc.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(("importlib", "syphus.plugins")):
            yield frame.f_code.co_filename, line


def _show(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def shorten(message: str) -> str:
    """A foreign text as part of one line: printable, of at most 300 characters."""
    start = message[: 4 * _LONGEST_MESSAGE]
    line = " ".join("".join(c if c.isprintable() else " " for c in start).split()) or "no message"
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."
