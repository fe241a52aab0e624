"""Train files: instruction ids, each with the ids that are related to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.validation.findings import Findings, Kind, shown
from syphus.validation.ids import IdSet
from syphus.validation.instructions import is_ids, texts
from syphus.validation.members import Broken, read_members

if TYPE_CHECKING:
    from pathlib import Path


def check_train(path: Path, instructions: IdSet | None, findings: Findings) -> tuple[int, bool]:
    """How many ids the file has, and whether it was read whole.

    It may name a part of the instructions; None leaves unchecked whether what it names exists.
    """
    ids = IdSet()
    try:
        for member in read_members(path):
            if not ids.add(member.key):
                findings.of(member, Kind.REPEATED, path, "the id is there twice", again=True)
            if not is_ids(member.value):
                findings.of(member, Kind.SHAPE, path, "its value is no list of texts")
            if instructions is None:
                continue
            if member.key not in instructions:
                findings.of(member, Kind.RELATED, path, "no instruction has the id")
            for name in texts(member.value):
                if name not in instructions:
                    problem = f"related id {shown(name)} is no instruction's"
                    findings.of(member, Kind.RELATED, path, problem)
    except Broken as broken:
        findings.add(Kind.UNREADABLE, path, broken.reason, offset=broken.offset)
        return len(ids), False
    return len(ids), True
