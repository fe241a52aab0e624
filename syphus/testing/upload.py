"""Reading an upload: a form with a purpose, a file, and perhaps when the file expires."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader

from syphus.testing.calls import Refused
from syphus.testing.errors import refuse

if TYPE_CHECKING:
    from aiohttp import web

    from syphus.testing.errors import Circumstances

_CHUNK_BYTES = 1 << 18
_LONGEST_LIFE = 30 * 24 * 3600
_SHORTEST_LIFE = {"openai": 3600, "azure": 14 * 24 * 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it was sent; `life` is in seconds, None where nothing was said."""

    purpose: str
    filename: str
    data: bytes
    life: int | None


async def read_upload(request: web.Request, about: Circumstances) -> Upload:
    """The upload, found good. Raises Refused."""
    if not request.content_type.startswith("multipart/"):
        raise refuse_call(about, "file", "The body is no multipart form.")
    fields: dict[str, str] = {}
    data: bytes | None = None
    filename = ""
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise refuse_call(about, "file", "A part holds parts.")
        if part.name == "file":
            filename = part.filename or ""
            data = await _read_whole(part)
        elif part.name:
            fields[part.name] = (await _read_whole(part)).decode("utf-8", "replace")
    if data is None:
        raise refuse_call(about, "file", "The file is missing.")
    if fields.get("purpose") != "batch":
        raise refuse_call(about, "purpose", "The purpose of a file is batch here.")
    if not filename.endswith(".jsonl"):
        raise refuse_call(about, "file", "A file for a batch is called something.jsonl.")
    expiry = {
        key: fields.get(f"expires_after[{key}]")
        for key in ("anchor", "seconds")
        if f"expires_after[{key}]" in fields
    }
    life = read_life(expiry or None, about, "expires_after")
    return Upload(purpose="batch", filename=filename, data=data, life=life)


def read_life(value: Any, about: Circumstances, param: str) -> int | None:
    """The seconds that `expires_after`, or its like, gives a file. Raises Refused."""
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("anchor") != "created_at":
        raise refuse_call(about, param, "The anchor is created_at.")
    try:
        seconds = int(value["seconds"])
    except (KeyError, TypeError, ValueError):
        seconds = 0
    shortest = _SHORTEST_LIFE[about.dialect]
    if not shortest <= seconds <= _LONGEST_LIFE:
        raise refuse_call(about, param, f"The seconds lie between {shortest} and {_LONGEST_LIFE}.")
    return seconds


def refuse_call(about: Circumstances, param: str, detail: str) -> Refused:
    """What to raise where `param` is wrong."""
    return Refused(refuse("bad_call", replace(about, param=param), detail=detail))


async def _read_whole(part: BodyPartReader) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        data += chunk
    return bytes(data)
