"""What is wrong, and where: the first places of each kind, and how many there are in all."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import orjson

from syphus.validation.members import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syphus.validation.members import Member

# More than a person reads; the count says how many there are.
MOST_SHOWN: Final = 20
_LONGEST_ID: Final = 200


class Kind(StrEnum):
    """What is wrong, as the summary counts it."""

    UNREADABLE = "unreadable"
    SHAPE = "wrong shape"
    REPEATED = "repeated ids or keys"
    RELATED = "dangling instruction ids"
    IMAGE = "dangling image ids"
    EXTRA = "ids that English lacks"
    LACKING = "ids that a language lacks"
    CHECKSUM = "checksums"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong. `name` is the id it belongs to, `offset` that id's byte."""

    kind: Kind
    path: Path
    problem: str
    name: str | None = None
    offset: int | None = None

    def __str__(self) -> str:
        place = [] if self.name is None else [_shortened(self.name)]
        if self.offset is not None:
            place.append(f"byte {self.offset}")
        return ": ".join(filter(None, (str(self.path), ", ".join(place), self.problem)))


class Findings:
    """Collects findings. Of each file and kind the first `MOST_SHOWN` are kept."""

    def __init__(self) -> None:
        self._shown: dict[tuple[Path, Kind], list[Finding]] = {}
        self._counts: Counter[tuple[Path, Kind]] = Counter()

    def add(
        self,
        kind: Kind,
        path: Path,
        problem: str,
        *,
        name: str | None = None,
        offset: int | None = None,
    ) -> None:
        """Adds what has no member to belong to."""
        if self._is_shown(kind, path):
            self._keep(
                Finding(kind=kind, path=path, problem=problem, name=name, offset=offset),
            )

    def of(
        self, member: Member, kind: Kind, path: Path, problem: str, *, again: bool = False
    ) -> None:
        """Adds what belongs to `member`; `again` where its key came before and is meant now."""
        if self._is_shown(kind, path):
            offset = find_key(path, member, last=again)
            self._keep(
                Finding(kind=kind, path=path, problem=problem, name=member.key, offset=offset)
            )

    def count(self, *kinds: Kind) -> int:
        """How many there are of these kinds, or in all."""
        return sum(n for (_, kind), n in self._counts.items() if not kinds or kind in kinds)

    def has(self, kind: Kind, path: Path) -> bool:
        """Whether the file has one of this kind."""
        return (path, kind) in self._counts

    def lines(self) -> Iterator[str]:
        """One line a finding that is shown, and one for the rest of its kind in its file."""
        for at, shown in self._shown.items():
            yield from map(str, shown)
            rest = self._counts[at] - len(shown)
            if rest:
                yield f"{at[0]}: {rest} more: {at[1]}"

    def by_kind(self) -> dict[Kind, int]:
        """The counts."""
        return {kind: n for kind in Kind if (n := self.count(kind))}

    def _is_shown(self, kind: Kind, path: Path) -> bool:
        self._counts[path, kind] += 1
        return self._counts[path, kind] <= MOST_SHOWN

    def _keep(self, finding: Finding) -> None:
        self._shown.setdefault((finding.path, finding.kind), []).append(finding)


def shown(value: object) -> str:
    """A value from a file as a message quotes it: one line, not too long."""
    return _shortened(repr(value))


def find_key(path: Path, member: Member, *, last: bool = False) -> int | None:
    """The byte at which the member's key begins; its chunk is read again.

    None where the key is written with escapes that can't be known from its text.
    """
    begin = max(0, member.chunk - CHUNK)
    with path.open("rb") as file:
        file.seek(begin)
        window = file.read(3 * CHUNK)
    # A quote behind a backslash is within a text; a text that a colon follows is a key.
    for written in _spellings(member.key):
        matches = re.finditer(rb"(?<!\\)" + re.escape(written) + rb"(?=\s*:)", window)
        ends = (begin + each.end() - 1 for each in matches)
        # The parser tells of a key at its last quote.
        found = [end for end in ends if member.chunk <= end < member.chunk + CHUNK]
        if found:
            return found[-1 if last else 0] + 1 - len(written)
    return None


def _spellings(key: str) -> Iterator[bytes]:
    import json  # noqa: PLC0415 - only for a finding

    yield orjson.dumps(key)
    yield json.dumps(key).encode()


def _shortened(text: str) -> str:
    line = " ".join(text[:_LONGEST_ID].split())
    return line if len(text) <= _LONGEST_ID else f"{line}..."
