"""Choosing which fault, if any, a request meets."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from syphus.testing.dice import fraction

if TYPE_CHECKING:
    from syphus.testing.script import Fault, Script


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


def _may_play(fault: Fault, position: int, text: str) -> bool:
    if position <= fault.after or (fault.until is not None and position > fault.until):
        return False
    return fault.containing is None or fault.containing in text
