"""The files that a scripted server holds, in memory. They stay when another script is played."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syphus.testing.script import Dialect

_BATCH_LIFE_SECONDS = 30 * 24 * 3600  # OpenAI's default for purpose "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file; times are Unix seconds. `listed_from` is the first listing that shows it."""

    id: str
    purpose: str
    filename: str
    data: bytes
    sha256: str
    created_at: int
    expires_at: int | None
    listed_from: int = 0

    def value(self, dialect: Dialect) -> dict[str, Any]:
        """The file object as JSON values."""
        value: dict[str, Any] = {
            "id": self.id,
            "object": "file",
            "bytes": len(self.data),
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "expires_at": self.expires_at,
        }
        if dialect == "openai":
            value["status_details"] = None
        return value


class Files:
    """Files by id, in the order of their arrival; `listings` counts how often they were listed."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}
        self._made = 0
        self.listings = 0

    def add(
        self,
        data: bytes,
        *,
        purpose: str,
        filename: str,
        now: float,
        life: int | None = None,
        unlisted_for: int = 0,
    ) -> StoredFile:
        """Keeps a new file for `life` seconds; None: 30 days for input, without end for output."""
        if life is None and purpose == "batch":
            life = _BATCH_LIFE_SECONDS
        self._made += 1
        file = StoredFile(
            id=make_id("file-", self._made),
            purpose=purpose,
            filename=filename,
            data=data,
            sha256=hashlib.sha256(data).hexdigest(),
            created_at=int(now),
            expires_at=None if life is None else int(now) + life,
            listed_from=self.listings + unlisted_for,
        )
        self._files[file.id] = file
        return file

    def find(self, file_id: str, now: float) -> StoredFile | None:
        """The file, unless it never was, was deleted, or has expired."""
        file = self._files.get(file_id)
        if file is None or (file.expires_at is not None and file.expires_at <= now):
            return None
        return file

    def remove(self, file_id: str) -> None:
        """Deletes a file."""
        del self._files[file_id]

    def list_all(self, now: float) -> list[StoredFile]:
        """Every file that is there, newest first."""
        return [file for name in reversed(self._files) if (file := self.find(name, now))]

    def expire(self, purpose: str | None) -> None:
        """Lets every file, or every one of that purpose, be gone as if its time had come."""
        for file in list(self._files.values()):
            if purpose in (None, file.purpose):
                del self._files[file.id]


def make_id(prefix: str, name: object) -> str:
    """An id that tells nothing of its order."""
    return prefix + hashlib.blake2b(f"{prefix}{name}".encode(), digest_size=12).hexdigest()
