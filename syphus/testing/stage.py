"""What all routes share: the script that is playing, and whether the server is in an outage."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from syphus.testing.batch_script import Batches
from syphus.testing.fault_choice import FaultChooser, RouteFaultChooser
from syphus.testing.limits import Limiter
from syphus.testing.sockets import reset_connection

if TYPE_CHECKING:
    from aiohttp import web

    from syphus.testing.script import Script


class Playing:
    """A script in use, with the state that begins anew with it."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.batches = script.batches or Batches()
        self.position = 0
        self.batch_position = 0
        self.faults = FaultChooser(script)
        self.route_faults = RouteFaultChooser(self.batches.faults)
        self.limiter = None if script.limits is None else Limiter(script.limits)


class Stage:
    """The script that is playing, behind a curtain that an outage draws."""

    def __init__(self, script: Script) -> None:
        self.playing = Playing(script)
        self._open = asyncio.Event()
        self._open.set()
        self._dropping = False

    def play(self, script: Script) -> None:
        """Goes on with another script; positions and limits begin anew."""
        self.playing = Playing(script)

    def pause(self, *, dropping: bool) -> None:
        """Lets nothing in until `resume`: requests are held, or their connections reset."""
        self._dropping = dropping
        self._open.clear()

    def resume(self) -> None:
        """Lets requests in again, beginning with what was held."""
        self._dropping = False
        self._open.set()

    async def enter(self, request: web.Request) -> bool:
        """Waits out an outage; False if the connection was reset instead."""
        if self._open.is_set():
            return True
        if self._dropping and request.transport is not None:
            reset_connection(request.transport)
            return False
        await self._open.wait()
        return True
