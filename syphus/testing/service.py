"""The server itself, inside a running event loop: routes, the listening socket, its life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from syphus.core.durable import dump
from syphus.testing.chat import Chat
from syphus.testing.errors import Circumstances, refuse
from syphus.testing.sockets import BACKLOG, raise_open_files_limit

if TYPE_CHECKING:
    from syphus.testing.log import Log
    from syphus.testing.script import Script

_LARGEST_REQUEST = 1 << 28
_SHUTDOWN_SECONDS = 0.1
_DEFAULT_MODEL = "scripted"


class Service:
    """Serves one script on one address. `port` is the real one once started."""

    def __init__(self, script: Script, log: Log, *, host: str, port: int) -> None:
        self._log = log
        self._script = script
        self._host = host
        self.port = port
        self._chat = Chat(script, log)
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat.complete),
                web.post("/openai/v1/chat/completions", self._chat.complete),
                web.post("/openai/deployments/{deployment}/chat/completions", self._chat.complete),
                web.get("/v1/models", self._list_models),
                web.get("/openai/v1/models", self._list_models),
                web.get("/openai/models", self._list_models),
                web.get("/_seen", self._show_log),
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
        self._script = script
        self._chat.play(script)

    async def pause(self, *, refuse: bool) -> None:
        """Holds every request; or closes every connection and refuses new ones."""
        self._chat.pause(dropping=refuse)
        if refuse and self._site is not None:
            await self._site.stop()
            self._site = None
            server = self._runner.server
            for connection in [] if server is None else server.connections:
                connection.force_close()

    async def resume(self) -> None:
        """Ends a pause, at the same address."""
        self._chat.resume()
        if self._site is None:
            await self._listen()

    async def _listen(self) -> None:
        self._site = web.TCPSite(
            self._runner, self._host, self.port, backlog=BACKLOG, reuse_address=True
        )
        await self._site.start()
        self.port = self._site.port

    async def _list_models(self, _request: web.Request) -> web.Response:
        names = sorted(self._script.models or (_DEFAULT_MODEL,))
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
