"""Where calls about files and batches arrive: key, fault, then what was asked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from aiohttp import web

from syphus.core.durable import dump
from syphus.testing.calls import Refused, check_access
from syphus.testing.errors import refuse, retry_headers
from syphus.testing.faults import STATUS_FAULTS, Fault
from syphus.testing.sockets import reset_connection
from syphus.testing.wire import break_connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from syphus.testing.batch_log import BatchLog
    from syphus.testing.batch_script import Route, RouteFault
    from syphus.testing.errors import Circumstances
    from syphus.testing.stage import Stage

    _Act: TypeAlias = Callable[[web.Request, Circumstances], Awaitable[web.Response]]
    _Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SPOILS_THE_REPLY = frozenset({"lost", "truncated_body", "trickle"})


class Desk:
    """Takes calls, plays their faults, and counts both."""

    def __init__(self, stage: Stage, log: BatchLog) -> None:
        self._stage = stage
        self._log = log

    def handle(self, route: Route, act: _Act) -> _Handler:
        """What answers the calls of `route`: `act`, where no fault comes first."""

        async def answer(request: web.Request) -> web.StreamResponse:
            self._log.call(route)
            if not await self._stage.enter(request):
                return web.Response()
            try:
                return await self._answer(route, act, request)
            except Refused as refused:
                return refused.response

        return answer

    async def _answer(self, route: Route, act: _Act, request: web.Request) -> web.StreamResponse:
        playing = self._stage.playing
        versioned = request.path.startswith("/openai/")
        versioned = versioned and not request.path.startswith("/openai/v1/")
        about = check_access(request, playing.script, needs_version=versioned)
        subject = request.match_info.get("id", "")
        fault = playing.route_faults.choose(route, subject)
        if fault is None:
            return await act(request, about)
        self._log.spoil(fault.kind)
        if fault.kind not in _SPOILS_THE_REPLY:
            await request.read()
            return await _fail(fault, request, replace(about, model=subject))
        response = await act(request, about)
        if fault.kind == "lost":
            if request.transport is not None:
                reset_connection(request.transport)
        else:
            await _break(fault, request, response)
        return web.Response()


async def _fail(fault: RouteFault, request: web.Request, about: Circumstances) -> web.Response:
    if fault.kind in STATUS_FAULTS:
        kind = "no_such_object" if fault.kind == "not_found" else fault.kind
        return refuse(kind, about, headers=retry_headers(fault))
    await _break(fault, request, web.Response())
    return web.Response()


async def _break(fault: RouteFault, request: web.Request, response: web.Response) -> None:
    body = response.body if isinstance(response.body, bytes) else b""
    with suppress(ConnectionError):
        await break_connection(
            Fault(fault.kind, pace=fault.pace),  # type: ignore[arg-type]  # all but "lost" are faults
            request,
            body,
        )


def reply(value: object) -> web.Response:
    """A value as JSON."""
    return web.Response(body=dump(value), content_type="application/json")
