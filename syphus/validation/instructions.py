"""One file of instructions: the shape of its entries, its ids, and what they name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syphus.validation.findings import Findings, Kind, shown
from syphus.validation.ids import IdSet
from syphus.validation.members import OPENED, Broken, Member, read_members

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(slots=True, kw_only=True)
class Checked:
    """What is known of a file afterwards.

    `named` holds the related ids that stood before the entries they name; `imageless` the
    instructions with an image that is nowhere. `whole` is False where the file broke off.
    """

    ids: IdSet = field(default_factory=IdSet)
    named: IdSet = field(default_factory=IdSet)
    imageless: IdSet = field(default_factory=IdSet)
    whole: bool = False


def check_instructions(path: Path, images: IdSet | None, findings: Findings) -> Checked:
    """Reads the file once, and once more where ids dangle, to say where.

    `images` holds every image id there is; None leaves image ids unchecked.
    """
    checked = Checked()
    top = IdSet()
    opened = False
    try:
        for member in read_members(path, "data"):
            if member.inside:
                _check_entry(path, member, checked, images, findings)
                continue
            opened = opened or member.value is OPENED
            _check_top(path, member, top, findings)
    except Broken as broken:
        findings.add(Kind.UNREADABLE, path, broken.reason, offset=broken.offset)
        return checked
    for name in ("meta", "data"):
        if name not in top:
            findings.add(Kind.SHAPE, path, f"it has no object named {name}")
    checked.whole = opened
    dangling = IdSet()
    for name in checked.named.without(checked.ids):
        dangling.add(name)
    if dangling:
        _find_dangling(path, dangling, findings)
    return checked


def _check_top(path: Path, member: Member, top: IdSet, findings: Findings) -> None:
    if not top.add(member.key):
        findings.of(member, Kind.REPEATED, path, "the key is there twice", again=True)
    if member.key in ("meta", "data") and not (
        member.value is OPENED or isinstance(member.value, dict)
    ):
        findings.of(member, Kind.SHAPE, path, "it is no object")
    _check_repeated(path, member, findings)


def _check_entry(
    path: Path, member: Member, checked: Checked, images: IdSet | None, findings: Findings
) -> None:
    if not checked.ids.add(member.key):
        findings.of(member, Kind.REPEATED, path, "the id is there twice", again=True)
    _check_repeated(path, member, findings)
    if problem := shape_problem(member.value):
        findings.of(member, Kind.SHAPE, path, problem)
    entry = member.value if isinstance(member.value, dict) else {}
    ids, named = checked.ids, checked.named
    for name in texts(entry.get("rel_ins_ids")):
        # In this order: what is named ahead is named by several, soon after one another.
        if name not in named and name not in ids:
            named.add(name)
    if images is not None:
        for name in texts(entry.get("image_ids")):
            if name not in images:
                checked.imageless.add(member.key)
                findings.of(member, Kind.IMAGE, path, f"image {shown(name)} is in no image file")


def _check_repeated(path: Path, member: Member, findings: Findings) -> None:
    for name in member.repeated:
        findings.of(member, Kind.REPEATED, path, f"the key {shown(name)} is there twice")


def shape_problem(entry: Any) -> str | None:
    """What is wrong with the shape of an entry."""
    if not isinstance(entry, dict):
        return "the entry is no object"
    for name in ("instruction", "answer"):
        if not isinstance(entry.get(name), str):
            return f"{name} is no text" if name in entry else f"it has no {name}"
        if not entry[name].strip():
            return f"{name} is empty"
    for name in ("image_ids", "rel_ins_ids"):
        if name not in entry:
            return f"it has no {name}"
        if not is_ids(entry[name]):
            return f"{name} is no list of texts"
    return None


def is_ids(value: Any) -> bool:
    """Whether it is a list of ids."""
    return isinstance(value, list) and all(value) and set(map(type, value)) <= {str}


def texts(value: Any) -> list[str]:
    """The ids in what should be a list of them."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _find_dangling(path: Path, dangling: IdSet, findings: Findings) -> None:
    def say(member: Member, name: str) -> None:
        findings.of(member, Kind.RELATED, path, f"related id {shown(name)} is no entry's")

    _each_related(path, dangling, say)


def _each_related(path: Path, wanted: IdSet, say: Callable[[Member, str], None]) -> None:
    for member in read_members(path, "data"):
        if member.inside and isinstance(member.value, dict):
            for name in texts(member.value.get("rel_ins_ids")):
                if name in wanted:
                    say(member, name)
