"""The server itself, inside a running event loop: routes, the listening socket, its life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from syphus.core.durable import dump
from syphus.testing.batch_routes import BatchRoutes
from syphus.testing.chat import Chat
from syphus.testing.desk import Desk
from syphus.testing.errors import Circumstances, refuse
from syphus.testing.file_routes import FileRoutes
from syphus.testing.files import Files
from syphus.testing.sockets import BACKLOG, raise_open_files_limit
from syphus.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syphus.testing.log import Log
    from syphus.testing.script import Script

_LARGEST_REQUEST = 1 << 28
_SHUTDOWN_SECONDS = 0.1
_DEFAULT_MODEL = "scripted"


class Service:
    """Serves one script on one address. `port` is the real one once started."""

    def __init__(self, script: Script, log: Log, *, host: str, port: int) -> None:
        self._log = log
        self._host = host
        self.port = port
        self._stage = Stage(script)
        self._files = Files()
        chat = Chat(self._stage, log)
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        app.add_routes(
            [
                web.post("/v1/chat/completions", chat.complete),
                web.post("/openai/v1/chat/completions", chat.complete),
                web.post("/openai/deployments/{deployment}/chat/completions", chat.complete),
                web.get("/v1/models", self._list_models),
                web.get("/openai/v1/models", self._list_models),
                web.get("/openai/models", self._list_models),
                web.get("/_seen", self._show_log),
                *self._storage_routes(),
                web.route("*", "/{path:.*}", _refuse_path),
            ]
        )
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        self._site: web.TCPSite | None = None

    async def start(self) -> None:
        """Listens. Raises OSError where the address is taken."""
        raise_open_files_limit()
        await self._runner.setup()
        await self._listen()

    async def stop(self) -> None:
        """Stops at once: what is in flight is dropped."""
        await self._runner.cleanup()

    def play(self, script: Script) -> None:
        """Goes on with another script."""
        self._stage.play(script)

    async def pause(self, *, refuse: bool) -> None:
        """Holds every request; or closes every connection and refuses new ones."""
        self._stage.pause(dropping=refuse)
        if refuse and self._site is not None:
            await self._site.stop()
            self._site = None
            server = self._runner.server
            for connection in [] if server is None else server.connections:
                connection.force_close()

    async def resume(self) -> None:
        """Ends a pause, at the same address."""
        self._stage.resume()
        if self._site is None:
            await self._listen()

    def expire_files(self, purpose: str | None) -> None:
        """Lets the files of that purpose, or all, be gone."""
        self._files.expire(purpose)

    def _storage_routes(self) -> Iterator[web.RouteDef]:
        desk = Desk(self._stage, self._log.batches)
        files = FileRoutes(self._stage, self._files, self._log.batches)
        batches = BatchRoutes(self._stage, self._files, self._log)
        for root in ("/v1", "/openai/v1", "/openai"):
            one_file, one_batch = f"{root}/files/{{id}}", f"{root}/batches/{{id}}"
            yield web.post(f"{root}/files", desk.handle("upload", files.upload))
            yield web.get(f"{root}/files", desk.handle("list_files", files.list_all))
            yield web.get(one_file, desk.handle("find_file", files.find))
            yield web.get(f"{one_file}/content", desk.handle("download", files.download))
            yield web.delete(one_file, desk.handle("delete", files.delete))
            yield web.post(f"{root}/batches", desk.handle("create", batches.create))
            yield web.get(f"{root}/batches", desk.handle("list_batches", batches.list_all))
            yield web.get(one_batch, desk.handle("find_batch", batches.find))
            yield web.post(f"{one_batch}/cancel", desk.handle("cancel", batches.cancel))

    async def _listen(self) -> None:
        self._site = web.TCPSite(
            self._runner, self._host, self.port, backlog=BACKLOG, reuse_address=True
        )
        await self._site.start()
        self.port = self._site.port

    async def _list_models(self, _request: web.Request) -> web.Response:
        names = sorted(self._stage.playing.script.models or (_DEFAULT_MODEL,))
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "syphus"} for name in names
        ]
        return _json({"object": "list", "data": models})

    async def _show_log(self, request: web.Request) -> web.Response:
        return _json(self._log.as_json(each_query="each_query" in request.query))


async def _refuse_path(request: web.Request) -> web.Response:
    azure = request.path.startswith("/openai/")
    return refuse("no_such_path", Circumstances(dialect="azure" if azure else "openai"))


def _json(value: object) -> web.Response:
    return web.Response(body=dump(value), content_type="application/json")
