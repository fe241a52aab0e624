"""Choosing which fault, if any, a request meets."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from syphus.testing.dice import fraction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syphus.testing.batch_script import Route, RouteFault
    from syphus.testing.faults import Fault
    from syphus.testing.script import Script


class FaultChooser:
    """Decides by the script's faults, in their order; the first that is due is played."""

    def __init__(self, script: Script) -> None:
        self._faults = tuple(script.faults)
        self._seed = script.seed
        self._played: defaultdict[tuple[int, str], int] = defaultdict(int)

    def choose(self, *, position: int, key: str, text: str, attempt: int) -> Fault | None:
        """The fault for the request at `position`, the `attempt`-th of query `key`, from 1."""
        for index, fault in enumerate(self._faults):
            if not _may_play(fault, position, text):
                continue
            if not self._is_due(fault, index, position, key, attempt):
                continue
            if fault.per_query_at_most is not None:
                if self._played[index, key] >= fault.per_query_at_most:
                    continue
                self._played[index, key] += 1
            return fault
        return None

    def _is_due(self, fault: Fault, index: int, position: int, key: str, attempt: int) -> bool:
        if fault.rate is None and not fault.at and not fault.first:
            return True
        if position <= fault.first or position in fault.at:
            return True
        return bool(fault.rate) and fraction(self._seed, index, key, attempt) < (fault.rate or 0)


class RouteFaultChooser:
    """Decides by the faults of routes, in their order; the first that is due is played."""

    def __init__(self, faults: Sequence[RouteFault]) -> None:
        self._faults = tuple(faults)
        self._calls: defaultdict[str, int] = defaultdict(int)
        self._played: defaultdict[tuple[int, str], int] = defaultdict(int)

    def choose(self, route: Route, subject: str) -> RouteFault | None:
        """The fault of the next call of `route`; `subject` is the file's or batch's id."""
        self._calls[route] += 1
        position = self._calls[route]
        for index, fault in enumerate(self._faults):
            always = not fault.at and not fault.first
            if fault.on != route or not (always or position <= fault.first or position in fault.at):
                continue
            if fault.each_at_most is not None:
                if self._played[index, subject] >= fault.each_at_most:
                    continue
                self._played[index, subject] += 1
            return fault
        return None


def _may_play(fault: Fault, position: int, text: str) -> bool:
    if position <= fault.after or (fault.until is not None and position > fault.until):
        return False
    return fault.containing is None or fault.containing in text
