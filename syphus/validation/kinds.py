"""Which files of a folder are MIMIC-IT's, and which of them belong together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from syphus.core.errors import AnnotationError
from syphus.validation.members import first_events

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from pathlib import Path

ENGLISH: Final = "en"
# What a run leaves beside its MIMIC-IT files.
_OF_A_RUN: Final = frozenset(
    {
        "batches.json",
        "error_messages.json",
        "invalid_output.json",
        "judgements.json",
        "meta.json",
        "query_input.json",
        "run.json",
        "skipped_items.json",
        "translation_errors.json",
        "valid_output.json",
    }
)
_INSTRUCTIONS = re.compile(
    r"(?P<short>.*?)_?instructions(?:_(?P<language>[a-z]{2,3}(?:[-_][A-Za-z0-9]+)*))?\.json"
)
_TRAIN = re.compile(r"(?P<short>.*?)_?train(?:_(?P<language>\w+))?\.json")
_COMPRESSED: Final = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
# The smallest PNG has 67 bytes, thus 92 characters; names and hashes are shorter.
_IMAGE_TEXT = re.compile(r"[A-Za-z0-9+/_-]{90,}={0,2}")
_CHECKSUM_NAMES: Final = frozenset({"md5sums", "md5sums.txt", "md5sum.txt", "md5.txt"})


class Content(StrEnum):
    """What a file of MIMIC-IT holds."""

    INSTRUCTIONS = "instructions"
    TRAIN = "train"
    IMAGES = "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionsFile:
    """A file of instructions of the data set `short`."""

    path: Path
    short: str
    language: str = ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainFile:
    """A train file of the data set `short`."""

    path: Path
    short: str
    language: str = ENGLISH


@dataclass(slots=True, kw_only=True)
class FileSet:
    """Files that are checked against each other.

    Image files and parquet shards are in `images`, lists of checksums in `checksums`; `left_alone`
    is what is no file of MIMIC-IT, or a compressed one.
    """

    instructions: list[InstructionsFile] = field(default_factory=list)
    train: list[TrainFile] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    checksums: list[Path] = field(default_factory=list)
    errors: list[Path] = field(default_factory=list)
    left_alone: list[Path] = field(default_factory=list)


def file_sets(places: Iterable[Path]) -> list[FileSet]:
    """The files of each folder with instructions, and those named singly, which are one set.

    Images without instructions in their folder belong to every set of that place, and those of a
    place without instructions to every set of all places.

    Raises AnnotationError where a place doesn't exist or can't be read, none has a file of
    MIMIC-IT, or two that are named singly claim to be the same file of a data set.
    """
    sets: list[FileSet] = []
    single: list[Path] = []
    for place in dict.fromkeys(places):
        try:
            if place.is_dir():
                sets += _of_tree(place)
                continue
        except OSError as error:
            reason = error.strerror or str(error)
            raise AnnotationError(f"{place} can't be read: {reason}", path=place) from error
        if not place.is_file():
            raise AnnotationError(f"{place}: no such file or folder", path=place)
        single.append(place)
    if single:
        sets.append(_of_files(single))
    check_any(sets, places)
    return _lend_images(sets, also_left_alone=True)


def _lend_images(found: Sequence[FileSet], *, also_left_alone: bool = False) -> list[FileSet]:
    """The sets with instructions, with the images and checksums of the others; all if none has."""
    borrowers = [each for each in found if each.instructions or each.train]
    lenders = [each for each in found if not (each.instructions or each.train)]
    if not borrowers:
        return list(found)
    for each in borrowers:
        own = {path.resolve() for path in each.images}
        lent = [path for other in lenders for path in other.images]
        each.images += [path for path in lent if path.resolve() not in own]
    borrowers[0].checksums += [path for other in lenders for path in other.checksums]
    if also_left_alone:
        borrowers[0].left_alone += [path for other in lenders for path in other.left_alone]
    return borrowers


def check_any(sets: Sequence[FileSet], places: Iterable[Path]) -> None:
    """Raises AnnotationError where there is nothing to check: it isn't to be taken for clean."""
    if not any(each.instructions or each.train or each.images or each.checksums for each in sets):
        packed = [path for each in sets for path in each.left_alone if is_compressed(path)]
        more = f"; {packed[0].name} is compressed: unpack it first" if packed else ""
        named = ", ".join(str(place) for place in dict.fromkeys(places))
        raise AnnotationError(
            f"{named}: no file of MIMIC-IT is there: no instructions, no images{more}"
        )


def is_compressed(path: Path) -> bool:
    """Whether its name says so."""
    return path.suffix in _COMPRESSED


def _of_files(paths: Sequence[Path]) -> FileSet:
    found = _sorted_out(paths)
    seen: dict[tuple[str, str], Path] = {}
    for each in found.instructions:
        other = seen.setdefault((each.short, each.language), each.path)
        if other != each.path:
            raise AnnotationError(
                f"{other} and {each.path} would be the same file of a data set: check them singly",
                path=each.path,
            )
    placed = {*found.images, *found.checksums, *found.errors, *found.left_alone}
    placed |= {each.path for each in found.instructions} | {each.path for each in found.train}
    found.left_alone += [path for path in paths if path not in placed]
    return found


def _of_tree(root: Path) -> list[FileSet]:
    found = [
        _sorted_out(sorted(each for each in folder.iterdir() if each.is_file()))
        for folder in _folders(root)
    ]
    return [
        each
        for each in _lend_images(found)
        if each.instructions or each.train or each.images or each.checksums or each.left_alone
    ]


def _folders(root: Path) -> list[Path]:
    """The folder and those in it, each once: by a link alone where it lies elsewhere."""
    below = [each for each in root.rglob("*") if each.is_dir()]
    seen: dict[tuple[int, int], Path] = {}
    for folder in [root, *sorted(below, key=lambda each: (each.is_symlink(), each))]:
        if not any(part.startswith(".") for part in folder.relative_to(root).parts):
            facts = folder.stat()
            seen.setdefault((facts.st_dev, facts.st_ino), folder)
    return sorted(seen.values())


def _sorted_out(paths: Iterable[Path]) -> FileSet:
    found = FileSet()
    rest = []
    for path in paths:
        if match := _INSTRUCTIONS.fullmatch(path.name):
            found.instructions.append(
                InstructionsFile(
                    path=path,
                    short=match["short"],
                    language=match["language"] or ENGLISH,
                )
            )
        elif path.name == "translation_errors.json":
            found.errors.append(path)
        elif path.suffix == ".parquet":
            found.images.append(path)
        elif path.suffix == ".md5" or path.name.lower() in _CHECKSUM_NAMES:
            found.checksums.append(path)
        elif is_compressed(path) and path.with_suffix("").suffix in (".json", ".parquet"):
            found.left_alone.append(path)
        elif path.suffix == ".json" and path.name not in _OF_A_RUN:
            rest.append(path)
    languages = {(each.short, each.language) for each in found.instructions}
    shorts = {short for short, _ in languages}
    for path in rest:
        if train := _train_file(path, languages):
            found.train.append(train)
        else:
            _place(path, Content.IMAGES if path.stem in shorts else _content(path), found)
    return found


def _train_file(path: Path, languages: Container[tuple[str, str]]) -> TrainFile | None:
    """By its name; a word behind `train` is a language where there are instructions in it."""
    match = _TRAIN.fullmatch(path.name)
    if match is None:
        return None
    short, language = match["short"], match["language"] or ENGLISH
    if match["language"] and (short, language) not in languages:
        return None
    return TrainFile(path=path, short=short, language=language)


def _place(path: Path, content: Content | None, found: FileSet) -> None:
    if content is Content.INSTRUCTIONS:
        found.instructions.append(InstructionsFile(path=path, short=path.stem))
    elif content is Content.TRAIN:
        found.train.append(TrainFile(path=path, short=path.stem))
    elif content is Content.IMAGES:
        found.images.append(path)
    else:
        found.left_alone.append(path)


def _content(path: Path) -> Content | None:
    """What a file with another name holds, by its beginning."""
    events = first_events(path)
    if [event for event, _ in events[:2]] != ["start_map", "map_key"]:
        return None
    if [event for event, _ in events[2:4]] in (
        ["start_array", "string"],
        ["start_array", "end_array"],
    ):
        return Content.TRAIN
    level = 0
    for at, (event, value) in enumerate(events):
        level += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
        if level == 1 and event == "string" and _IMAGE_TEXT.fullmatch(value):
            return Content.IMAGES
        if event == "map_key" and value in ("meta", "data") and level == 1:
            opened = events[at + 1 : at + 2] == [("start_map", None)]
            return Content.INSTRUCTIONS if opened else None
    # A text that goes on beyond the first chunk is an image's.
    return Content.IMAGES if level == 1 and events[-1][0] == "map_key" else None
