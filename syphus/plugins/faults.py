"""What a plugin raised, said in one line that tells its author where to look."""

from __future__ import annotations

import json
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syphus.core.errors import AnnotationError, InputError, PluginError, PromptError

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE_PREFIX = "_syphus_dataset_"
RAISED: tuple[type[BaseException], ...] = (Exception, SystemExit)
_LONGEST_MESSAGE = 300


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
    if isinstance(exc, PluginError) or (
        isinstance(exc, InputError) and str(exc).startswith(f"{label}: ")
    ):
        return exc
    if source is not None:
        named = _about_source(exc, label, source)
        if named is not None:
            return named
    item = "" if position is None else f"item {position}: "
    text = exc.msg if isinstance(exc, SyntaxError) and exc.filename == file else str(exc)
    message = f"{label}: {item}{type(exc).__name__}: {_shorten(text)}{_where(exc, file)}"
    if source is not None and source.path is None and isinstance(exc, TypeError):
        message += f"; no path was given: {source.flag} sets it"
    return PluginError(message, position=position)


@contextmanager
def explaining(*, label: str, file: str | None, source: Source | None = None) -> Iterator[None]:
    """Raises what `explain` makes of anything the block raises, Ctrl-C excepted."""
    try:
        yield
    except RAISED as exc:
        error = explain(exc, label=label, file=file, source=source)
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
        return _make(source, f"{label}: {exc}", path_read, line)
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


def _shorten(message: str) -> str:
    line = " ".join(message.split()) or "no message"
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."
