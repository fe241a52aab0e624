"""All that can be said about MIMIC-IT files that belong together."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

import orjson

from syphus.core.durable import read_json_list
from syphus.validation.checksums import check_checksums
from syphus.validation.findings import Findings, Kind
from syphus.validation.ids import IdSet
from syphus.validation.images import check_images
from syphus.validation.instructions import Checked, check_instructions
from syphus.validation.kinds import ENGLISH, FileSet, InstructionsFile, is_compressed
from syphus.validation.members import read_members
from syphus.validation.train import check_train

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from syphus.validation.kinds import TrainFile

NO_FILE: Final = "no file of MIMIC-IT"


@dataclass(slots=True, kw_only=True)
class CheckedSet:
    """What is known of a set's files afterwards; `--fix` needs it.

    `references` holds, for each data set, the file whose ids its other languages are held against.
    """

    files: FileSet
    languages: dict[str, list[tuple[InstructionsFile, Checked]]] = field(default_factory=dict)
    references: dict[str, tuple[InstructionsFile, Checked]] = field(default_factory=dict)
    whole: bool = True
    lines: list[str] = field(default_factory=list)

    def of_train(self, train: TrainFile) -> Checked | None:
        """The instructions that a train file belongs to: of its language, else the references."""
        for file, found in self.languages.get(train.short, ()):
            if file.language == train.language:
                return found
        reference = self.references.get(train.short)
        return reference[1] if reference else None


def check_set(files: FileSet, findings: Findings) -> CheckedSet:
    """Checks the files against each other; image files first, because the others name them."""
    checked = CheckedSet(files=files)
    images = _check_images(checked, findings)
    known = _known_errors(files.errors, findings)
    in_order = sorted(
        files.instructions, key=lambda each: (each.short, each.language != ENGLISH, each.path)
    )
    for short, group in groupby(in_order, key=lambda each: each.short):
        members = list(group)
        results = [(each, check_instructions(each.path, images, findings)) for each in members]
        checked.languages[short] = results
        checked.references[short] = results[0]
        for each, result in results:
            checked.whole &= result.whole
            checked.lines.append(f"{each.path}: {len(result.ids)} instructions, {each.language}")
        for other in results[1:]:
            _compare(checked.references[short], other, known, checked, findings)
    _check_apart(list(checked.references.values()), findings)
    _check_train_files(checked, findings)
    for path in files.checksums:
        count = check_checksums(path, findings)
        checked.lines.append(f"{path}: {count} files by their MD5")
    for path in files.left_alone:
        why = "compressed: unpack it to have it checked" if is_compressed(path) else NO_FILE
        checked.lines.append(f"{path}: left alone, {why}")
    return checked


def _check_images(checked: CheckedSet, findings: Findings) -> IdSet | None:
    """Every image id; None where there is no image file, or one of them couldn't be read."""
    images, counts = IdSet(), []
    for path in list(checked.files.images):
        count, whole = check_images(path, images, findings)
        checked.whole &= whole
        if count is None:
            checked.files.images.remove(path)
            checked.files.left_alone.append(path)
            continue
        counts.append(count)
        checked.lines.append(f"{path}: {count} images")
    if checked.files.instructions and not (counts and checked.whole):
        why = "not every image file could be read" if counts else "no image file"
        checked.lines.append(f"image ids unchecked: {why}")
    return images if counts and checked.whole else None


def _compare(
    reference: tuple[InstructionsFile, Checked],
    other: tuple[InstructionsFile, Checked],
    known: dict[str, IdSet],
    checked: CheckedSet,
    findings: Findings,
) -> None:
    (base, expected), (file, found) = reference, other
    if not (expected.whole and found.whole):
        return
    _find_lacking(reference, other, known, checked, findings)
    if base.language != ENGLISH:
        # Nobody knows which of two translations is whole: each may lack what the other has.
        _find_lacking(other, reference, known, checked, findings)
        return
    extra = IdSet()
    for name in found.ids.without(expected.ids):
        extra.add(name)
    if extra:
        for member in read_members(file.path, "data"):
            if member.inside and member.key in extra:
                problem = f"{base.path.name} has no such id"
                findings.of(member, Kind.EXTRA, file.path, problem)


def _find_lacking(
    wanted: tuple[InstructionsFile, Checked],
    other: tuple[InstructionsFile, Checked],
    known: dict[str, IdSet],
    checked: CheckedSet,
    findings: Findings,
) -> None:
    """What one file has and another lacks, unless the run lists it as not translated."""
    (base, expected), (file, found) = wanted, other
    listed = known.get(file.language, IdSet())
    excused = 0
    for name in expected.ids.without(found.ids):
        if name in listed:
            excused += 1
            continue
        problem = f"it lacks the id, which {base.path.name} has"
        findings.add(Kind.LACKING, file.path, problem, name=name)
    if excused:
        line = f"{file.path}: {excused} lacking, as translation_errors.json says"
        if line not in checked.lines:
            checked.lines.append(line)


def _known_errors(paths: Iterable[Path], findings: Findings) -> dict[str, IdSet]:
    """The ids that a run lists as not translated, by language."""
    known: dict[str, IdSet] = {}
    for path in paths:
        try:
            for error in read_json_list(path):
                known.setdefault(error["language"], IdSet()).add(error["id"])
        except OSError as error:
            findings.add(Kind.UNREADABLE, path, f"it can't be read: {error.strerror}")
        except (orjson.JSONDecodeError, LookupError, TypeError) as error:
            findings.add(Kind.UNREADABLE, path, f"it isn't what a run writes: {error}")
    return known


def _check_apart(
    references: Sequence[tuple[InstructionsFile, Checked]], findings: Findings
) -> None:
    """Data sets of one folder are loaded together, so that no two may use one id."""
    for at, (file, checked) in enumerate(references):
        for other, earlier in references[:at]:
            for name in checked.ids.common(earlier.ids):
                problem = f"{other.path.name} has the id too"
                findings.add(Kind.REPEATED, file.path, problem, name=name)


def _check_train_files(checked: CheckedSet, findings: Findings) -> None:
    for file in checked.files.train:
        found = checked.of_train(file)
        known = found.ids if found is not None and found.whole else None
        count, whole = check_train(file.path, known, findings)
        checked.whole &= whole
        checked.lines.append(f"{file.path}: {count} ids to train on")
        if known is None:
            why = "are not there" if found is None else "can't be read"
            checked.lines.append(f"{file.path}: ids unchecked, its instructions {why}")
