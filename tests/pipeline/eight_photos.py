"""A data set of eight photos, a server that knows them, and what a run of them leaves."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from syphus import Syphus
from syphus.pipeline.outcome import Outcome
from syphus.testing import ScriptedServer, draw_answer
from syphus.testing.judging import read_judge_request
from syphus.testing.translating import read_translation_request

STAGES = ("generate", "judge", "translate")
PHOTOS = 8
THREADS = 3
PLUGIN = f"""
from syphus import AbstractDataset

class Photos(AbstractDataset):
    short = "PH"

    def _load_query_inputs(self):
        return [{{"id": f"p{{n}}", "sentences": f"Photo number {{n}}."}} for n in range({PHOTOS})]

    def _load_prefix(self):
        return {{"system_message": "Write pairs about the photo."}}
"""
_PHOTO = re.compile(r"[Pp]hoto (?:number )?(\d+)")
# Moments, and what attempts that were lost may have cost.
_TIMES = re.compile(rb'("(?:time|perhaps_billed|perhaps_cost)": ?)[^,}\n]+')
_HEAD = 200

Unit = tuple[str, int]
"""A stage and a photo: what one request is for."""
UNITS = frozenset((stage, photo) for stage in STAGES for photo in range(PHOTOS))


def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
    """A pair a photo, its marks, and its two translations; the same for equal messages."""
    text = messages[-1]["content"]
    stage = stage_of(text)
    if stage == "translate":
        return draw_answer(messages, body)
    if stage == "judge":
        return '{"1": {"relevance": 5, "grounding": 4, "clarity": 3}}'
    return (
        f"Question: What can be seen in {text[:-1].lower()}?\n"
        "Answer: It is a wooden bench beside a narrow path that leads down to the harbour."
    )


def stage_of(text: str) -> str:
    """The stage that a request's last message belongs to."""
    if read_translation_request(text) is not None:
        return "translate"
    return "generate" if read_judge_request(text) is None else "judge"


@dataclass
class Place:
    """A folder with the plugin, and a run that is begun there by the same call again and again."""

    root: Path
    server: ScriptedServer
    more: dict[str, Any] = field(default_factory=dict)
    said: str = ""
    notices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "datasets").mkdir()
        (self.root / "datasets" / "photos.py").write_text(PLUGIN)

    @property
    def folder(self) -> Path:
        return self.root / "out"

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "name": "Photos.photos",
            "base_url": self.server.base_url,
            "model": "m",
            "output_dir": str(self.folder),
            "num_threads": THREADS,
            "languages": "de,zh",
            "judge": True,
            "quality": "drop",
            **self.more,
        }

    @property
    def command(self) -> list[str]:
        """The call as arguments of the command line."""
        words: list[str] = []
        for name, value in self.settings.items():
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        return words

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def begin(self) -> Syphus:
        """The call, not yet made."""
        self.notices = []
        return Syphus(root=self.root, observer=self, **self.settings)

    def run(self) -> Outcome:
        """The call; `said` is what it had to say."""
        try:
            return asyncio.run(self.begin().run())
        finally:
            self.said = "\n".join(self.notices)

    def run_until(self, asked: int) -> Outcome:
        """The call, stopped once the server has seen so many requests."""

        async def go() -> Outcome:
            syphus = self.begin()
            running = asyncio.create_task(syphus.run())
            while self.server.log.requests < asked:  # noqa: ASYNC110 - the server is in a thread
                await asyncio.sleep(0.001)
            syphus.stop()
            return await running

        return asyncio.run(go())

    def journal(self, stage: str) -> Path:
        return self.folder / "journal" / f"{stage}.jsonl"

    def seen(self) -> Counter[Unit]:
        """How often each unit's request has arrived at the server."""
        counts: Counter[Unit] = Counter()
        for query in self.server.log.queries():
            found = _PHOTO.search(query.text)
            assert found is not None
            counts[stage_of(query.text), int(found[1])] += query.seen
        return counts

    def journalled(self) -> tuple[frozenset[Unit], frozenset[Unit]]:
        """Units whose replies stand in the journals, and those that were sent and have none."""
        kept: set[Unit] = set()
        sent: set[Unit] = set()
        for stage in STAGES:
            for line in lines_of(self.folder, stage):
                unit = (stage, int(line["query"].removeprefix("p")))
                (kept if line["kind"] == "reply" else sent).add(unit)
        return frozenset(kept), frozenset(sent - kept)

    def files(self) -> dict[str, bytes]:
        return files_of(self.folder)


def files_of(folder: Path) -> dict[str, bytes]:
    """The bytes of every file made from the journal.

    What may differ between two runs of the same queries is blanked: the moment in the head of the
    MIMIC-IT files, and `time`, `perhaps_billed` and `perhaps_cost` in `meta.json`.
    """
    files = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    del files["run.json"]
    files["meta.json"] = _TIMES.sub(rb"\1null", files["meta.json"])
    for name, content in files.items():
        if "_instructions" in name:
            files[name] = _TIMES.sub(rb"\1null", content[:_HEAD], count=1) + content[_HEAD:]
    return files


def lines_of(folder: Path, stage: str) -> list[dict[str, Any]]:
    """The whole lines of a stage's journal; none where there is no journal."""
    path = folder / "journal" / f"{stage}.jsonl"
    whole = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [orjson.loads(line) for line in whole]
