"""Chat completions: what happens to one request, in order.

Read, checked (key, shape, model, parameters), judged by the limits, delayed, then answered or
spoiled by a fault.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web

from syphus.testing.answering import complete
from syphus.testing.calls import Refused, read_call
from syphus.testing.dice import fraction
from syphus.testing.errors import refuse, refuse_for_limits, retry_headers
from syphus.testing.faults import STATUS_FAULTS, WIRE_FAULTS
from syphus.testing.oddities import odd_reply
from syphus.testing.wire import break_connection

if TYPE_CHECKING:
    from syphus.testing.calls import Call
    from syphus.testing.log import Log, QueryCount
    from syphus.testing.script import Script
    from syphus.testing.stage import Playing, Stage


class Chat:
    """Answers chat completions as the script that is playing says, and logs them."""

    def __init__(self, stage: Stage, log: Log) -> None:
        self._log = log
        self._stage = stage

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answers one request."""
        self._log.arrive(request.headers.get("User-Agent", ""))
        try:
            raw = await request.read()
            if not await self._stage.enter(request):
                return web.Response()
            try:
                return await self._answer(self._stage.playing, request, raw)
            except Refused as refused:
                return await self._send(request, refused.response, None)
        finally:
            self._log.leave()

    async def _answer(
        self, playing: Playing, request: web.Request, raw: bytes
    ) -> web.StreamResponse:
        script = playing.script
        playing.position += 1
        position = playing.position
        call = read_call(request, raw, script)
        count = self._log.recognise(call.key, call.text, call.images)
        headers = self._judge(playing, position, call, count)
        attempt = count.admitted
        fault = playing.faults.choose(
            position=position, key=call.key, text=call.text, attempt=attempt
        )
        if fault is not None:
            self._log.spoil(count, fault.kind)
        self._log.note(call.key, None if fault is None else fault.kind)
        if script.latency:
            await asyncio.sleep(_latency(script, call.key, attempt))
        completion = complete(script, call, attempt, self._log)
        if fault is None:
            response = web.Response(
                body=completion.encode(), headers=headers, content_type="application/json"
            )
            good = completion.finish_reason == "stop"
            return await self._send(request, response, count if good else None)
        if fault.kind in WIRE_FAULTS:
            await break_connection(fault, request, completion.encode())
            return web.Response()
        if fault.kind in STATUS_FAULTS:
            response = refuse(fault.kind, call.about(fault.param), headers=retry_headers(fault))
        else:
            response = odd_reply(fault, completion)
        response.headers.update(headers)
        return await self._send(request, response, None)

    def _judge(
        self, playing: Playing, position: int, call: Call, count: QueryCount
    ) -> dict[str, str]:
        tokens = call.prompt_tokens + (call.max_tokens or 0)
        now = time.monotonic()
        headers = {"x-request-id": f"req_{position:08d}"}
        if playing.limiter is not None:
            verdict = playing.limiter.judge(
                now, position=position, tokens=tokens, dialect=call.dialect
            )
            headers |= verdict.headers
            if not verdict.admitted:
                self._log.note(call.key, "limit")
                raise Refused(refuse_for_limits(verdict, call.about()))
        self._log.admit(count, now, tokens)
        return headers

    async def _send(
        self, request: web.Request, response: web.Response, count: QueryCount | None
    ) -> web.StreamResponse:
        with suppress(ConnectionError):  # the client has gone; aiohttp notices it by itself
            await response.prepare(request)
            await response.write_eof()
            self._log.answer(response.status, count)
        return response


def _latency(script: Script, key: str, attempt: int) -> float:
    if isinstance(script.latency, tuple):
        low, high = script.latency
        return low + (high - low) * fraction("latency", script.seed, key, attempt)
    return script.latency
