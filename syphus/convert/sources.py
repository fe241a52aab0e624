"""The files to convert, in one order: folders and archives are gone through by name."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from syphus.convert.archives import Entry, entry_parts, open_archive
from syphus.convert.unreadable import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from syphus.convert.recipes import Recipe

Kind: TypeAlias = Literal["still", "video", "problem"]

_STILLS = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".bmp",
        ".gif",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".avif",
    )
)
_VIDEOS = frozenset(
    (
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".flv",
        ".wmv",
        ".3gp",
        ".ogv",
    )
)
_ARCHIVE = ".zip"
_MOST_KINDS = 8
_DIGITS = re.compile(r"(\d{1,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file, or entry of an archive, to convert, or the `problem` that keeps it from that.

    `file` is what people are told; `stamp` changes when the content does.
    """

    file: str
    kind: Kind
    stamp: str = ""
    name: str = ""
    clip: str | None = None
    path: Path = Path()
    entry: Entry | None = None
    problem: str | None = None


@dataclass(slots=True, kw_only=True)
class _Entered:
    """A folder that is gone through: `names` are those left in it, `above` it and those above."""

    folder: Path
    parts: tuple[str, ...]
    above: tuple[tuple[int, int], ...]
    names: Iterator[str] | None = None


class Listing:
    """Goes through what is under a path, and counts what it leaves out."""

    def __init__(self, root: Path, recipe: Recipe) -> None:
        self._root = root
        self._recipe = recipe
        self._other_kinds: Counter[str] = Counter()
        self._elsewhere: Counter[str] = Counter()

    def left_out(self) -> Iterator[str]:
        """What was left out so far, in a line for each reason."""
        if self._other_kinds:
            kinds = [f"{n} {suffix}" for suffix, n in self._other_kinds.most_common(_MOST_KINDS)]
            rest = len(self._other_kinds) - len(kinds)
            more = f" and {rest} kinds more" if rest else ""
            yield f"left out, of no kind that is converted: {', '.join(kinds)}{more}"
        for example, count in self._elsewhere.items():
            yield (
                f"left out, not where this data set has its images: {count}, "
                f"the first of them {printable(example)}"
            )

    def __iter__(self) -> Iterator[Source]:
        self._other_kinds.clear()
        self._elsewhere.clear()
        found = self._all()
        most = self._recipe.frames_per_clip
        return found if most is None else _sample(found, most)

    def _all(self) -> Iterator[Source]:
        if not self._root.is_dir():
            yield from self._file(self._root, (self._root.name,), self._root.stat())
            return
        own = self._root.stat()
        yield from self._folder(self._root, (), ((own.st_dev, own.st_ino),))

    def _folder(
        self, folder: Path, parts: tuple[str, ...], above: tuple[tuple[int, int], ...]
    ) -> Iterator[Source]:
        # A list, not calls of itself: a path can be deeper than Python calls.
        entered = [_Entered(folder=folder, parts=parts, above=above)]
        while entered:
            here = entered[-1]
            try:
                if here.names is None:
                    names = os.listdir(here.folder)  # noqa: PTH208 - a third of the memory
                    here.names = iter(sorted(names, key=natural))
            except OSError as error:
                file = "/".join(here.parts) or str(here.folder)
                yield _problem(file, f"can't be listed: {error.strerror}")
                entered.pop()
                continue
            name = next(here.names, None)
            if name is None:
                entered.pop()
            elif not is_hidden(name):
                deeper = yield from self._member(here, name)
                entered += [] if deeper is None else [deeper]

    def _member(self, within: _Entered, name: str) -> Generator[Source, None, _Entered | None]:
        """What a member of a folder gives; returns it where it is a folder to enter."""
        path, inner = within.folder / name, (*within.parts, name)
        try:
            facts = path.stat()
        except OSError as error:
            yield _problem("/".join(inner), f"can't be reached: {error.strerror}")
            return None
        if not stat.S_ISDIR(facts.st_mode):
            yield from self._file(path, inner, facts)
            return None
        own = (facts.st_dev, facts.st_ino)
        if own in within.above:
            yield _problem("/".join(inner), "is a link to a folder that it lies in")
            return None
        return _Entered(folder=path, parts=inner, above=(*within.above, own))

    def _file(self, path: Path, parts: tuple[str, ...], facts: os.stat_result) -> Iterator[Source]:
        suffix = path.suffix.lower()
        file = "/".join(parts)
        if suffix not in _STILLS | _VIDEOS and suffix != _ARCHIVE:
            self._other_kinds[_show_kind(suffix)] += 1
        elif not stat.S_ISREG(facts.st_mode):
            yield _problem(file, "is no regular file")
        elif not facts.st_size:
            yield _problem(file, "is empty")
        elif suffix == _ARCHIVE:
            yield from self._archive(path, parts, f"{facts.st_size}-{facts.st_mtime_ns}")
        else:
            stamp = f"{facts.st_size}-{facts.st_mtime_ns}"
            yield from self._placed(parts, file=file, stamp=stamp, path=path)

    def _archive(self, path: Path, parts: tuple[str, ...], stamp: str) -> Iterator[Source]:
        file = "/".join(parts)
        encrypted = 0
        try:
            entries = open_archive(path)
        except Exception as error:  # noqa: BLE001 - zipfile raises whatever a damaged one makes it
            yield _problem(file, f"is no archive that can be read: {error}", stamp=stamp)
            return
        entries.sort(key=lambda entry: natural(entry.name))
        for entry in entries:
            within = f"{file}/{entry.name}"
            inner = entry_parts(entry.name)
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - no path of this machine
            if inner is None:
                yield _problem(within, "its name leads out of the archive", stamp=stamp)
            elif any(map(is_hidden, inner)):
                continue
            elif suffix == _ARCHIVE:
                yield _problem(within, "is an archive in an archive: unpack it", stamp=stamp)
            elif suffix not in _STILLS | _VIDEOS:
                self._other_kinds[_show_kind(suffix)] += 1
            elif entry.is_encrypted:
                encrypted += 1
            elif flaw := _flaw(entry):
                yield _problem(within, flaw, stamp=stamp)
            else:
                whole = (*parts[:-1], *inner)
                yield from self._placed(
                    whole, file=within, stamp=f"{stamp}-{entry.stamp}", entry=entry
                )
        if encrypted:
            yield _problem(file, f"{encrypted} of its entries are encrypted", stamp=stamp)

    def _placed(
        self,
        parts: tuple[str, ...],
        *,
        file: str,
        stamp: str,
        path: Path | None = None,
        entry: Entry | None = None,
    ) -> Iterator[Source]:
        stem, suffix = os.path.splitext(parts[-1])  # noqa: PTH122 - no path of this machine
        is_video = suffix.lower() in _VIDEOS
        placed = self._recipe.rule((*parts[:-1], stem))
        if placed is None:
            self._elsewhere[next(iter(self._elsewhere), file)] += 1
            return
        yield Source(
            file=file,
            kind="video" if is_video else "still",
            stamp=stamp,
            name=placed.name,
            clip=placed.name if is_video else placed.clip,
            path=path or Path(),
            entry=entry,
        )


def only_wanted(sources: Iterable[Source], wanted: Iterable[str]) -> Iterator[Source]:
    """Those of the sources that are wanted by name; a problem for each name that there isn't.

    A file's name, with or without its folder and suffix, names the image too.
    """
    missing = {_name_of(each): each for each in wanted}
    names = frozenset(missing)
    for source in sources:
        if source.kind == "problem":
            yield source
        elif source.name in names:
            missing.pop(source.name, None)
            yield source
    for name in missing.values():
        yield _problem(name, "is asked for, and there is no such image")


def _name_of(wanted: str) -> str:
    name = wanted.rpartition("/")[2]
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - no path of this machine
    return stem if suffix.lower() in _STILLS | _VIDEOS else name


def _flaw(entry: Entry) -> str | None:
    if entry.is_link:
        return "is a link, which isn't followed in an archive"
    return None if entry.size else "is empty"


def _show_kind(suffix: str) -> str:
    return printable(suffix) if suffix else "without a suffix"


def natural(name: str) -> tuple[list[str | int], str]:
    """A sort key by which `frame2` comes before `frame10`."""
    parts: list[str | int] = [
        int(part) if at % 2 else part for at, part in enumerate(_DIGITS.split(name))
    ]
    return parts, name


def is_hidden(name: str) -> bool:
    """Whether a file or folder is some system's own, as `.DS_Store` is."""
    return name.startswith(".") or name == "__MACOSX"


def _sample(sources: Iterable[Source], most: int) -> Iterator[Source]:
    """Of each clip every n-th frame from the middle of the first n on, n being an even share.

    A problem among them stands before the frames of its clip.
    """
    frames: list[Source] = []
    for source in sources:
        if source.kind == "problem":
            yield source
            continue
        if frames and (source.clip is None or source.clip != frames[0].clip):
            yield from _evenly(frames, most)
            frames = []
        frames.append(source)
    yield from _evenly(frames, most)


def _evenly(frames: list[Source], most: int) -> list[Source]:
    stride = max(1, len(frames) // most)
    return frames[stride // 2 :: stride]


def _problem(file: str, problem: str, *, stamp: str = "") -> Source:
    return Source(file=file, kind="problem", problem=problem, stamp=stamp)
