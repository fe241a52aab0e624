"""The Files routes of OpenAI and Azure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from syphus.testing.calls import Refused
from syphus.testing.desk import reply
from syphus.testing.errors import refuse
from syphus.testing.paging import cut_page
from syphus.testing.upload import read_upload, refuse_call

if TYPE_CHECKING:
    from syphus.testing.batch_log import BatchLog
    from syphus.testing.errors import Circumstances
    from syphus.testing.files import Files, StoredFile
    from syphus.testing.stage import Stage

_MOST_FILES_A_PAGE = 10_000


class FileRoutes:
    """Answers calls about files."""

    def __init__(self, stage: Stage, files: Files, log: BatchLog) -> None:
        self._stage = stage
        self._files = files
        self._log = log

    async def upload(self, request: web.Request, about: Circumstances) -> web.Response:
        """Keeps a file."""
        upload = await read_upload(request, about)
        batches = self._stage.playing.batches
        file = self._files.add(
            upload.data,
            purpose=upload.purpose,
            filename=upload.filename,
            now=batches.clock(),
            life=upload.life,
            unlisted_for=batches.files_unlisted_for,
        )
        self._log.upload(file.sha256)
        return reply(file.value(about.dialect))

    async def find(self, request: web.Request, about: Circumstances) -> web.Response:
        """Tells of one file."""
        return reply(self._find(request, about).value(about.dialect))

    async def list_all(self, request: web.Request, about: Circumstances) -> web.Response:
        """Tells of many, newest first unless asked otherwise."""
        query = request.query
        if query.get("order", "desc") not in ("asc", "desc"):
            raise refuse_call(about, "order", "The order is asc or desc.")
        if "after" not in query:
            self._files.listings += 1
        files = [
            file
            for file in self._files.list_all(self._stage.playing.batches.clock())
            if file.listed_from < self._files.listings
            and query.get("purpose", file.purpose) == file.purpose
        ]
        if query.get("order") == "asc":
            files.reverse()
        values = [file.value(about.dialect) for file in files]
        page = cut_page(values, query, about, default=_MOST_FILES_A_PAGE, most=_MOST_FILES_A_PAGE)
        return reply(page)

    async def download(self, request: web.Request, about: Circumstances) -> web.Response:
        """Gives a file's bytes."""
        file = self._find(request, about)
        return web.Response(body=file.data, content_type="application/octet-stream")

    async def delete(self, request: web.Request, about: Circumstances) -> web.Response:
        """Deletes a file; Azure's addresses with an api-version answer 204 without a body."""
        file = self._find(request, about)
        self._files.remove(file.id)
        self._log.delete()
        if about.dialect == "azure" and "api-version" in request.query:
            return web.Response(status=204)
        return reply({"id": file.id, "object": "file", "deleted": True})

    def _find(self, request: web.Request, about: Circumstances) -> StoredFile:
        file_id = request.match_info["id"]
        file = self._files.find(file_id, self._stage.playing.batches.clock())
        if file is None:
            raise Refused(refuse("no_such_object", replace(about, model=file_id)))
        return file
