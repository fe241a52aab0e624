"""Files against a list of MD5 sums, as `md5sum` writes it, or as BSD's `md5` does."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from syphus.validation.findings import Findings, Kind, shown

if TYPE_CHECKING:
    from pathlib import Path

_LINE = re.compile(r"\\?(?P<sum>[0-9a-fA-F]{32}) [ *]?(?P<name>.+)")
_BSD_LINE = re.compile(r"MD5 \((?P<name>.+)\) = (?P<sum>[0-9a-fA-F]{32})")


def check_checksums(path: Path, findings: Findings) -> int:
    """How many files the list names; names are relative to its folder."""
    count = 0
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as lines:
            for number, line in enumerate(lines, 1):
                count += _check_line(path, number, line.strip(), findings)
    except OSError as error:
        findings.add(Kind.UNREADABLE, path, f"it can't be read: {error.strerror}")
    return count


def _check_line(path: Path, number: int, text: str, findings: Findings) -> bool:
    """Whether the line names a file."""
    if not text or text.startswith("#"):
        return False
    match = _LINE.fullmatch(text) or _BSD_LINE.fullmatch(text)
    if match is None:
        findings.add(Kind.CHECKSUM, path, f"line {number} is no MD5 sum: {shown(text)}")
        return False
    problem = _problem(path.parent / match["name"], match["sum"].lower())
    if problem:
        findings.add(Kind.CHECKSUM, path, f"line {number}: {problem}", name=match["name"])
    return True


def _problem(path: Path, expected: str) -> str | None:
    try:
        if path.exists() and not path.is_file():
            # To open a pipe would wait for whoever writes to it.
            return "it is no regular file"
        with path.open("rb") as file:
            found = hashlib.file_digest(file, _md5).hexdigest()
    except OSError as error:
        return f"the file can't be read: {error.strerror}"
    except ValueError:  # a NUL in it
        return "it is no name of a file"
    return None if found == expected else f"the file's MD5 is {found}, not {expected}"


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)
