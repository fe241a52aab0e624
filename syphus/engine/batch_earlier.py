"""Requests that earlier sittings put into batches, until this one asks for them or doesn't."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syphus.engine.batch_lines import custom_id, name_of, short_id
from syphus.engine.batch_owners import MOST_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from syphus.core.batches import BatchBackend, BatchOutcome
    from syphus.engine.batch_lines import LineFacts
    from syphus.engine.work import Work

_KEY_DIGITS = 16
# The quotes tell it from the same words in a message, where they are escaped.
_IS_FIRST_STAGE = b'"stage":"generate"'


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBefore:
    """A request about pairs that is in a batch: what it asks for, and what tells it from others."""

    identity: str
    turn: int
    pairs: tuple[int, ...]
    languages: tuple[str, ...]


class EarlierAboutPairs:
    """What earlier sittings asked about pairs in batches, by its journal key; 100 bytes each.

    The key of translations and judgements stays where languages or division change, which their
    names don't. `lines` are the facts of all lines in batches.
    """

    def __init__(self, lines: Iterable[bytes] = ()) -> None:
        keys, places = array("Q"), array("Q")
        self._packed = bytearray()
        for line in lines:
            if _IS_FIRST_STAGE not in line:
                facts = json.loads(line)
                keys.append(_short_key(facts["key"]))
                places.append(len(self._packed))
                told = [facts[name] for name in ("identity", "turn", "pairs", "languages")]
                self._packed += json.dumps(told, separators=(",", ":")).encode("ascii") + b"\n"
        order = sorted(range(len(keys)), key=keys.__getitem__)
        self._keys = array("Q", [keys[at] for at in order])
        self._places = array("Q", [places[at] for at in order])

    def of(self, key: str) -> Iterator[SentBefore]:
        """Those of one journal key; the same one more than once where it was sent again."""
        number = _short_key(key)
        at = bisect_left(self._keys, number)
        while at < len(self._keys) and self._keys[at] == number:
            start = self._places[at]
            told = json.loads(self._packed[start : self._packed.index(b"\n", start)])
            yield SentBefore(
                identity=told[0], turn=told[1], pairs=tuple(told[2]), languages=tuple(told[3])
            )
            at += 1


def _short_key(key: str) -> int:
    return int(key[:_KEY_DIGITS], 16)


class Earlier:
    """What earlier sittings left in the chunks of `backend`, and who asks for it now.

    `unclaimed` counts lines that nobody has asked for yet. An outcome that comes before its owner
    is deferred: `deferred` says how many are. `kept` has the custom ids whose replies the journal
    has.
    """

    def __init__(
        self,
        backend: BatchBackend,
        *,
        run_name: str,
        kept: Container[str],
        about_pairs: EarlierAboutPairs,
        on_notice: Callable[[str], None],
    ) -> None:
        self.unclaimed = backend.outstanding
        self.kept = kept
        self._backend = backend
        self._run_name = run_name
        self._about_pairs = about_pairs
        self._on_notice = on_notice
        self._claims: dict[int, int] = {}
        self._deferred: dict[str, tuple[BatchOutcome, LineFacts]] = {}

    def about_pairs_of(self, key: str) -> list[SentBefore]:
        """What of one journal key is still in a batch, or deferred."""
        found = dict.fromkeys(self._about_pairs.of(key)) if self.unclaimed or self._deferred else ()
        return [each for each in found if self._find(f"{key}:{each.identity}:{each.turn}", 0)]

    def claim(self, work: Work, own: Callable[[BatchOutcome, LineFacts], None]) -> bool | None:
        """Finds the request in a chunk: True if its outcome is still to come.

        None where it is in no chunk. What was deferred goes to `own` at once, and gives False.
        """
        if not self.unclaimed and not self._deferred:
            return None
        custom = self._find(name_of(work.request), work.tries.sent)
        if custom is None:
            return None
        position = work.request.position
        found = self._deferred.pop(custom, None)
        if found is not None:
            outcome, line = found
            own(outcome, placed(line, position))
            return False
        self._claims[short_id(custom)] = position
        self.unclaimed -= 1
        return True

    async def give_up_unsent(self) -> None:
        """Has no chunk sent that holds a line which nobody has asked for.

        What of it is asked for comes back as unanswered, and goes into the next chunk.
        """
        if not self.unclaimed:
            return
        count = await self._backend.give_up_unsent(lambda name: short_id(name) in self._claims)
        if count:
            self._on_notice(
                f"{count} requests that an earlier sitting wrote for a batch and never sent aren't "
                "asked for now: they are given up, and nothing was paid for them"
            )

    def tell_unclaimed(self) -> None:
        """At the end: says what nobody has asked for."""
        if self.unclaimed:
            self._on_notice(
                f"{self.unclaimed} requests in earlier batches are not asked for now: the "
                "settings have changed. They go on; the next sitting looks for them again"
            )

    def position_of(self, custom: str) -> int | None:
        """Where a line that has come belongs, or None: then nobody has asked for it yet."""
        position = self._claims.pop(short_id(custom), None)
        self.unclaimed -= position is None
        return position

    def defer(self, outcome: BatchOutcome, line: LineFacts) -> None:
        """Keeps an outcome until somebody asks for it."""
        self._deferred[outcome.custom_id] = outcome, line

    def take_deferred(self) -> list[tuple[BatchOutcome, LineFacts]]:
        """What nobody has asked for; it isn't kept any longer."""
        deferred, self._deferred = self._deferred, {}
        return list(deferred.values())

    def _find(self, name: str, sent: int) -> str | None:
        for attempt in range(MOST_ATTEMPTS, sent, -1):
            custom = custom_id(self._run_name, name, attempt)
            if custom in self._deferred:
                return custom
            is_claimed = short_id(custom) in self._claims
            if not is_claimed and custom not in self.kept and self._backend.holds(custom):
                return custom
        return None


def placed(line: LineFacts, position: int) -> LineFacts:
    """The same line, its request at `position` in this sitting's order."""
    return replace(line, request=replace(line.request, position=position))
