"""What `run.json` says of a run, and what is said when one is resumed."""

from __future__ import annotations

import asyncio
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syphus._version import __version__
from syphus.core.errors import SettingsError
from syphus.export.run_file import RUN_FILE, read_run_file, refresh_run_file, write_run_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from syphus.core.deployments import Deployment
    from syphus.core.errors import SyphusError
    from syphus.core.events import Observer, Snapshot
    from syphus.core.records import RequestShape
    from syphus.journal.reader import JournalIndex
    from syphus.pipeline.judging import Judging
    from syphus.pipeline.plan import Plan

# Whoever looks right after the start wants to know whether it goes well.
_FIRST_REFRESH_SECONDS = 0.5
_REFRESH_SECONDS = 10.0


class RunFacts:
    """Keeps `run.json` up to date.

    Raises SettingsError where the folder holds the run of another data set.
    """

    def __init__(
        self, folder: Path, plan: Plan, snapshot: Callable[[], Snapshot], observer: Observer
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._snapshot = snapshot
        self._observer = observer
        self._facts: dict[str, Any] = {}
        self._journal_bytes = 0
        self.earlier = _read_earlier(folder, observer)
        name = plan.settings.name
        if self.earlier.get("name", name) != name:
            raise SettingsError(
                f"{folder} holds the run of {self.earlier['name']}; "
                f"choose another --output_dir for {name}"
            )

    @property
    def started(self) -> str:
        """When the run's first sitting began, in UTC."""
        started: str = self._facts["started"]
        return started

    @property
    def seconds(self) -> float:
        """Seconds of work in all sittings."""
        return round(float(self.earlier.get("seconds") or 0.0) + self._snapshot().seconds, 2)

    def begin(
        self,
        shape: RequestShape,
        deployments: Sequence[Deployment],
        languages: Iterable[str],
        journal_bytes: int,
        *,
        judging: Judging | None,
    ) -> None:
        """Writes what this sitting is about, and says what differs from the last one.

        `journal_bytes` is the size of the first stage's journal: where a model or a prompt changes,
        what stands there isn't an answer to what is asked now (`counted_from`).
        """
        plan, settings = self._plan, self._plan.settings
        self._journal_bytes = journal_bytes
        prompt_hash = hashlib.sha256(repr(plan.prefix).encode("utf-8", "replace")).hexdigest()
        counted_from = self.earlier.get("counted_from", 0)
        judge = judging.model if judging else self.earlier.get("judge_model")
        if judging and self.earlier.get("judge_model") not in (None, judge):
            self._observer.notice(
                f"{judge} judges now, not {self.earlier['judge_model']}: marks of two models can't "
                "be compared, so all pairs are judged anew; the journal keeps the others"
            )
        for what, value in (("model", shape.model), ("prompt_hash", prompt_hash)):
            if self.earlier.get(what, value) != value:
                counted_from = journal_bytes
                named = f" ({self.earlier[what]}, now {value})" if what == "model" else ""
                self._observer.notice(
                    f"the {what.removesuffix('_hash')} has changed since the last time{named}: all "
                    "is asked anew, the files will hold the new answers; what was answered before "
                    "stays in the journal alone"
                )
        if _queries_of(plan, self.earlier.get("settings", {})) != _queries_of(plan, None):
            self._observer.notice(
                "the slice or the annotation file has changed since the last time: the files will "
                "hold these queries alone; answers to others stay in the journal, at no cost when "
                "they are asked for again"
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._facts = {
            "name": settings.name,
            "dataset_version": settings.dataset_version,
            "short": plan.dataset.short,
            "relations": plan.dataset.relations,
            "started": self.earlier.get("started", now),
            "resumed": now if self.earlier else None,
            "syphus": __version__,
            "process": os.getpid(),
            "model": shape.model,
            "response_format": (shape.response_format or b"").decode(),
            "prompt_hash": prompt_hash,
            "counted_from": counted_from,
            "languages": list(languages),
            "judge_model": judge,
            "settings": settings.model_dump(mode="json", exclude={"deployments", "base_url"}),
            "deployments": [
                {"name": each.name, "api_type": each.api_type, "model": each.model}
                for each in deployments
            ]
            or self.earlier.get("deployments", []),
            "asked": _asked(self.earlier, {each.name: each.model for each in deployments}),
        }
        write_run_file(self._folder, self._now(state="running"))

    def undo(self) -> None:
        """Puts back what an earlier sitting wrote: this one found wrong input and did nothing.

        Without one there is no run: neither one that goes on, nor one that was killed.
        """
        if self.earlier:
            write_run_file(self._folder, self.earlier)
        elif not self._journal_bytes:
            (self._folder / RUN_FILE).unlink(missing_ok=True)

    def end(self, *, state: str, why: SyphusError | None) -> None:
        """Writes how the sitting ended."""
        write_run_file(self._folder, self._now(state=state, why=why))

    async def keep_fresh(self) -> None:
        """Writes how far the run is, soon at first and then every ten seconds, until cancelled."""
        pause = _FIRST_REFRESH_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _REFRESH_SECONDS)
            now = self._now(state="running")
            writing = asyncio.ensure_future(refresh_run_file(self._folder, now))
            try:
                # Left in the middle it would stay open, or come after what the run's end writes.
                await asyncio.shield(writing)
            except OSError:  # a full disk is the journal's to tell
                pass
            except asyncio.CancelledError:
                await asyncio.gather(writing, return_exceptions=True)
                raise

    def _now(self, *, state: str, why: SyphusError | None = None) -> dict[str, Any]:
        now = self._snapshot()
        counts = {
            "total": now.total,
            "read": now.read,
            "valid": now.valid,
            "invalid": now.invalid,
            "failed": now.failed,
            "empty": now.empty,
            "restored": now.restored,
            "pairs": now.pairs,
            "judged": now.judged,
            "translated": dict(now.translated),
            "prompt_tokens": now.prompt_tokens,
            "completion_tokens": now.completion_tokens,
            "cached_tokens": now.cached_tokens,
            "cost": now.cost,
        }
        return {
            **self._facts,
            "state": state,
            "stopped_by": self._plan.secrets.hide(str(why)) if why else None,
            "seconds": self.seconds,
            "counts": counts,
        }


def _queries_of(plan: Plan, told: Mapping[str, Any] | None) -> list[object]:
    """What chooses the queries: as an earlier sitting was told, or this one."""
    now = plan.settings.model_dump(mode="json")
    told = now if told is None else {**now, **told}
    sample = (told["random_sample"], told["seed"]) if told["random_sample"] else ()
    path = told["query_inputs_path"] or type(plan.dataset).query_inputs_path
    end = None if told["slice_end"] == -1 else told["slice_end"]
    return [told["slice_start"], end, sample, Path(str(path))]


def _read_earlier(folder: Path, observer: Observer) -> dict[str, Any]:
    try:
        return read_run_file(folder)
    except SettingsError as error:
        observer.notice(f"{error}; it is written anew")
        return {}


def models_of(earlier: Mapping[str, Any]) -> dict[str, str]:
    """The model of each deployment that a run's file names, by its name."""
    listed = earlier.get("deployments")
    if not isinstance(listed, list):
        return {}
    return {
        str(each["name"]): str(each["model"])
        for each in listed
        if isinstance(each, dict) and each.keys() >= {"name", "model"}
    }


def _asked(earlier: Mapping[str, Any], models: dict[str, str]) -> list[dict[str, Any]]:
    """Since when which deployments, by name, had which models: replies name the deployment alone.

    Without `models` a sitting asks nobody.
    """
    found = earlier.get("asked")
    if not isinstance(found, list):
        found = []
        if before := models_of(earlier):
            found.append({"since": earlier["started"], "deployments": before})
    if models and (not found or found[-1].get("deployments") != models):
        found = [*found, {"since": datetime.now(UTC).isoformat(), "deployments": models}]
    return found


def tell_what_was_found(
    index: JournalIndex, observer: Observer, *, what: str, by_batches: bool
) -> None:
    """Says what a stage's journal holds of earlier sittings; nothing where it is empty."""
    if index.outcomes:
        observer.notice(f"the journal holds {len(index.outcomes)} {what}")
    if index.open_sends:
        # A batch may still bring the reply: a line is journalled as sent when it has come back.
        then = "what no batch brings is sent again" if by_batches else "are sent again"
        observer.notice(
            f"requests that were sent and have no reply: {len(index.open_sends)}; they may have "
            f"been billed and {then}"
        )
    if index.torn_bytes:
        observer.notice(f"{index.torn_bytes} bytes of an unfinished line were cut off")
