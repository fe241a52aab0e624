"""Drops what dangles. The file as it was stays beside it, as `NAME.bak`."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from syphus.core.durable import remove_leftovers, replacing
from syphus.core.errors import StoppedEarly
from syphus.validation.findings import Kind
from syphus.validation.ids import IdSet
from syphus.validation.kinds import ENGLISH
from syphus.validation.members import OPENED, read_members

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syphus.validation.check import CheckedSet
    from syphus.validation.kinds import FileSet

# The kinds of findings that dropping mends.
MENDED: Final = (Kind.RELATED, Kind.IMAGE, Kind.EXTRA)
INSTRUCTIONS = "instructions"
RELATED = "related ids"
TRAINED = "ids to train on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What was dropped from a file, by the words above."""

    path: Path
    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.path}: dropped " + ", ".join(
            f"{n} {what}" for what, n in self.counts.items()
        )


class _Unchanged(Exception):
    """Nothing dangles in the file: it is left as it is."""


def tidy_set(files: FileSet) -> None:
    """Removes what fixes that were killed left beside the files."""
    places = [each.path for each in files.instructions] + [each.path for each in files.train]
    for path in places:
        remove_leftovers(path)
        remove_leftovers(_backup(path))


def fix_set(checked: CheckedSet) -> list[Dropped]:
    """Rewrites the files in which something dangles, each atomically.

    An instruction goes in every language when one of its images is nowhere, because its text speaks
    of all of them, or when English lacks it, if there is English. What names an instruction that is
    not there goes too. Must only be called where every file was read whole.

    Raises StoppedEarly where the disk refuses a file, which then is as it was.
    """
    dropped = []
    for short, languages in checked.languages.items():
        file, reference = checked.references[short]
        whole = reference.ids if file.language == ENGLISH else None
        gone = IdSet()
        for _, found in languages:
            for name in found.imageless.without(gone):
                gone.add(name)
        for file, found in languages:
            kept = _Kept(found.ids, whole, gone)
            dropped.append(_rewrite(file.path, _instructions, kept))
        for train in checked.files.train:
            own = checked.of_train(train) if train.short == short else None
            if own is not None:
                kept = _Kept(own.ids, whole, gone)
                dropped.append(_rewrite(train.path, _train, kept))
    return [each for each in dropped if each.counts]


class _Kept:
    """The ids that stay: those of the file and of `reference`, if there is one, less the `gone`."""

    def __init__(self, own: IdSet, reference: IdSet | None, gone: IdSet) -> None:
        self._own, self._reference, self._gone = own, reference, gone

    def __contains__(self, name: str) -> bool:
        known = self._reference is None or name in self._reference
        return known and name in self._own and name not in self._gone


def _rewrite(
    path: Path, write: Callable[[Path, _Kept, IO[bytes]], Counter[str]], kept: _Kept
) -> Dropped:
    try:
        with suppress(_Unchanged), replacing(path) as out:
            counts = write(path, kept, out)
            _keep_original(path, counts)
            return Dropped(path=path, counts=counts)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoppedEarly(f"{path} can't be fixed and is as it was: {reason}") from error
    return Dropped(path=path)


def _keep_original(path: Path, counts: Counter[str]) -> None:
    """The first original stays: what a second `--fix` replaces is a fixed file."""
    if not counts:
        raise _Unchanged
    backup = _backup(path)
    if backup.exists():
        return
    try:
        backup.hardlink_to(path)
    except FileExistsError:  # another process fixes the file: what it kept is the first original
        return
    except OSError:  # not every file system has links
        with path.open("rb") as original, replacing(backup) as copy:
            shutil.copyfileobj(original, copy)


def _backup(path: Path) -> Path:
    return path.with_name(f"{path.name}.bak")


def _instructions(path: Path, kept: _Kept, out: IO[bytes]) -> Counter[str]:
    counts: Counter[str] = Counter()
    inside, separator = False, b"{"
    for member in read_members(path, "data"):
        value = member.value
        if inside and not member.inside:
            inside = _close(out, separator)
            separator = b",\n"
        if member.inside:
            if member.key not in kept:
                counts[INSTRUCTIONS] += 1
                continue
            if isinstance(value, dict) and "rel_ins_ids" in value:
                value = value | {"rel_ins_ids": _left(value["rel_ins_ids"], kept, counts)}
        out.write(separator + _dump(member.key) + b":")
        if value is OPENED:
            inside, separator = True, b"{\n"
        else:
            out.write(_dump(value))
            separator = b",\n"
    if inside:
        _close(out, separator)
    out.write(b"}\n")
    return counts


def _close(out: IO[bytes], separator: bytes) -> bool:
    """Closes the object of the entries, which may have none; it is open no longer."""
    out.write(b"{}" if separator == b"{\n" else b"\n}")
    return False


def _train(path: Path, kept: _Kept, out: IO[bytes]) -> Counter[str]:
    counts: Counter[str] = Counter()
    separator = b"{\n"
    for member in read_members(path):
        if member.key not in kept:
            counts[TRAINED] += 1
            continue
        out.write(separator + _dump(member.key) + b":" + _dump(_left(member.value, kept, counts)))
        separator = b",\n"
    out.write(b"{}\n" if separator == b"{\n" else b"\n}\n")
    return counts


def _left(value: Any, kept: _Kept, counts: Counter[str]) -> Any:
    if not isinstance(value, list):
        return value
    left = [each for each in value if not isinstance(each, str) or each in kept]
    if len(left) < len(value):
        counts[RELATED] += len(value) - len(left)
    return left


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, in a field of somebody's own
        return json.dumps(value, ensure_ascii=False).encode()
