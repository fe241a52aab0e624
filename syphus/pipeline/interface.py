"""Syphus from Python: in a script, or in a notebook whose event loop already runs.

    from syphus import Syphus

    outcome = await Syphus(name="YourDataset.your_dataset", num_threads=64).run()

In a script, `asyncio.run(Syphus(...).run())`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from syphus.core.events import Silent
from syphus.core.settings import environment, load_settings
from syphus.pipeline.plan import make_plan
from syphus.pipeline.preview import Preview, preview
from syphus.pipeline.run import Run

if TYPE_CHECKING:
    from syphus.core.events import Observer, Snapshot
    from syphus.pipeline.outcome import Outcome
    from syphus.pipeline.plan import Plan
    from syphus.plugins.dataset import AbstractDataset


class Syphus:
    """One run. Settings have the names of the command line's flags.

    `dataset` is a plugin that isn't in a file, say of a notebook's cell, or an instance of it; else
    `name` finds it in `root`/datasets (the working folder's). `config` is a settings file.

    Raises InputError, in one line, for whatever is wrong with settings, plugin or annotations.
    """

    def __init__(
        self,
        *,
        dataset: AbstractDataset | type[AbstractDataset] | None = None,
        config: Path | None = None,
        root: Path | None = None,
        observer: Observer | None = None,
        **settings: Any,
    ) -> None:
        if isinstance(dataset, type):
            dataset = dataset()
        if dataset is not None:
            settings.setdefault("name", type(dataset).__name__)
        self.settings = load_settings(settings, config=config)
        self._dataset = dataset
        self._root = root or Path.cwd()
        self._observer = observer or Silent()
        self._run: Run | None = None

    async def run(self) -> Outcome:
        """Asks what isn't answered yet and writes the files of the run's folder."""
        self._run = Run(self._plan(), observer=self._observer)
        return await self._run.execute()

    def preview(self) -> Preview:
        """What the run would send, how much of it, and at what price; sends nothing."""
        return preview(self._plan())

    def stop(self) -> None:
        """Sends nothing more; `run` returns when what is in flight is kept."""
        if self._run is not None:
            self._run.stop("stop was called")

    def snapshot(self) -> Snapshot | None:
        """How far the run is; None before it began."""
        return self._run.snapshot() if self._run is not None else None

    def _plan(self) -> Plan:
        return make_plan(self.settings, root=self._root, env=environment(), dataset=self._dataset)
