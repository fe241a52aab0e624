"""A folder of MIMIC-IT files that hold together, as parsed JSON that a test may damage."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syphus.validation.check import check_set
from syphus.validation.findings import Findings, Kind
from syphus.validation.kinds import file_sets

IMAGE = base64.b64encode(bytes(range(200))).decode()


def pair_id(number: int, short: str = "DC") -> str:
    """The id of a pair."""
    return f"{short}_INS_{number:05d}"


def entry(number: int, image: str, related: list[str]) -> dict[str, Any]:
    """One instruction."""
    texts = {"instruction": f"What is {number}?", "answer": f"It is {number}."}
    return {**texts, "image_ids": [image], "rel_ins_ids": related}


@dataclass
class Album:
    """The files by name; `write` puts them into `folder`."""

    folder: Path
    files: dict[str, Any]

    def write(self) -> None:
        """Writes every file, as Python's own writer lays it out."""
        for name, value in self.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = value if isinstance(value, str) else json.dumps(value)
            path.write_text(text, encoding="utf-8")

    def check(self) -> Findings:
        """Writes the files and checks the folder."""
        self.write()
        return check(self.folder)

    def data(self, name: str = "DC_instructions.json") -> dict[str, Any]:
        """The entries of a file of instructions."""
        entries: dict[str, Any] = self.files[name]["data"]
        return entries


def check(*places: Path) -> Findings:
    """The findings in folders or files."""
    findings = Findings()
    for files in file_sets(places):
        check_set(files, findings)
    return findings


def make_album(folder: Path, *, sources: int = 3, each: int = 3) -> Album:
    """So many sources with an image and so many pairs each, in English and Chinese."""
    data = {}
    for number in range(1, sources * each + 1):
        first = (number - 1) // each * each + 1
        others = [pair_id(other) for other in range(first, first + each) if other != number]
        data[pair_id(number)] = entry(number, f"DC_IMG_{first}", others)
    meta = {"version": "v1", "time": "2024-01-02", "author": "Ada"}
    images = {f"DC_IMG_{first}": IMAGE for first in range(1, sources * each + 1, each)}
    english = {"meta": meta, "data": data}
    files = {
        "DC_instructions.json": english,
        "DC_instructions_zh.json": json.loads(json.dumps(english)),
        "DC_train.json": {name: list(each["rel_ins_ids"]) for name, each in data.items()},
        "DC.json": images,
    }
    return Album(folder=folder, files=files)


@pytest.fixture
def album(tmp_path: Path) -> Album:
    """A folder that holds together."""
    return make_album(tmp_path)


def kinds(findings: Findings) -> set[Kind]:
    """What kinds of things are wrong."""
    return set(findings.by_kind())
