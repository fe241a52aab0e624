"""SIGKILL at every few steps of a run by batches: it goes on, and pays for nothing twice.

A step is a line of a journal or of the ledger, a line of a chunk, or a call of the endpoint; the
process dies before it or, of a call, right after it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from syphus import Syphus
from syphus.backends.batch.batch import BatchApi
from syphus.backends.batch.filling import Filling
from syphus.backends.batch.ledger import Ledger
from syphus.backends.batch.remote import Remote
from syphus.journal.writer import JournalWriter
from syphus.testing import BatchEnding, Batches, Script, ScriptedServer
from tests.pipeline.eight_photos import UNITS, Place, answer

ROOT = Path(__file__).parents[2]
HOW = {"backend": "batch", "poll_seconds": 0.01}
CALLS = ("upload", "create", "batch", "download", "delete")
LINES = ((JournalWriter, "_write"), (Ledger, "_write"), (Filling, "add"))
# A run has some 200 steps; 1 tries each and takes two minutes.
STRIDE = 11
EXPIRED = Batches(endings=[BatchEnding("expired", at=(1,), done=0.5)])


class Fuse:
    """Counts steps; at the last of `left` the process dies."""

    def __init__(self, left: int) -> None:
        self.left = left

    def burn(self) -> None:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def lay(self) -> None:
        """Puts itself before every step."""
        for owner, name in LINES:
            setattr(owner, name, self.before(getattr(owner, name)))
        for name in CALLS:
            setattr(Remote, name, self.around(getattr(Remote, name)))

    def before(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **named: Any) -> Any:
            self.burn()
            return act(*given, **named)

        return step

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        async def step(*given: Any, **named: Any) -> Any:
            self.burn()
            result = await act(*given, **named)
            self.burn()
            return result

        return step


def live_for(steps: int, root: Path, settings: dict[str, Any]) -> None:
    """The run, in a process of its own, with its end built in."""
    Fuse(steps).lay()
    asyncio.run(Syphus(root=root, **settings).run())


@pytest.fixture(scope="module", autouse=True)
def _fork_server() -> None:
    """Children are forked from a process that has imported all this already."""
    late = ("openai", "bpe_openai", "eldc", "syphus.pipeline.batches")
    multiprocessing.get_context("forkserver").set_forkserver_preload([__name__, *late])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver.ensure_running()


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks for what may have been created follow each other at once."""
    defaults = BatchApi.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "look_seconds", 0.01)
    return


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an online run that nothing happens to."""
    with ScriptedServer(Script(answer=answer)) as server:
        place = Place(tmp_path_factory.mktemp("calm"), server)
        assert place.run().exit_status == 0
    return place.files()


@pytest.mark.usefixtures("_soon")
def test_killed_anywhere_nothing_is_lost_or_paid_for_twice(
    tmp_path: Path, calm: dict[str, bytes]
) -> None:
    """Each query is answered once, each batch is made once, the files are an online run's."""
    steps, deaths = 0, 0
    while True:
        root = tmp_path / str(steps)
        root.mkdir()
        with ScriptedServer(Script(answer=answer, batches=EXPIRED)) as server:
            place = Place(root, server, more=HOW)
            child = multiprocessing.get_context("forkserver").Process(
                target=live_for, args=(steps, root, place.settings), daemon=True
            )
            child.start()
            child.join(60)
            ended = child.exitcode
            child.close()
            assert place.run().exit_status == 0, place.said
            assert place.files() == calm, steps
            log = server.log.batches
            assert max(line.billed for line in log.lines()) == 1, steps
            assert log.creates == len({batch.input_sha256 for batch in log.batches()})
            assert place.seen() == Counter(UNITS), steps
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        deaths += 1
        steps += STRIDE
    assert deaths > 8
