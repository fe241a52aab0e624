"""A run's folder as a finished run leaves it, with the files that an export reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from syphus.core.records import Pair
from syphus.export.instructions import InstructionsMeta, instructions_file
from syphus.export.run_file import write_run_file

SHORT = "PH"
ODD = (
    'He says "no",\n\ttwice\\',
    "\u2028 and \x00 and \ufeff",
    "雪の上の犬 🐕\u200d🦺",
    "هل هناك أحد؟",
    "[,]{}:",
    "0012",
)
FACTS: dict[str, Any] = {
    "name": "Photos.photos",
    "dataset_version": "v1",
    "short": SHORT,
    "state": "finished",
    "started": "2026-01-02T03:04:05+00:00",
    "resumed": None,
    "syphus": "0.1.0",
    "model": "gpt-x",
    "response_format": "",
    "prompt_hash": "ab" * 32,
    "settings": {"model": None},
    "deployments": [{"name": "a", "api_type": "openai", "model": "gpt-x"}],
    "counts": {
        "total": 9,
        "read": 9,
        "valid": 7,
        "invalid": 1,
        "failed": 1,
        "empty": 0,
        "pairs": 20,
        "prompt_tokens": 1000,
        "completion_tokens": 500,
        "cost": None,
    },
    "seconds": 1.5,
    "stopped_by": None,
}


def name_of(number: int) -> str:
    """The id of a pair, counted from 1."""
    return f"{SHORT}_INS_{number:05d}"


def make_pairs(count: int, language: str = "en") -> Iterator[Pair]:
    """So many pairs with odd texts, up to three images and related pairs, two of them at most."""
    for number in range(1, count + 1):
        images = tuple(f"{SHORT}_IMG_{number}_{at}" for at in range(number % 4))
        near = (number - 1, number + 1)
        yield Pair(
            id=name_of(number),
            query_id="",
            instruction=f"{number} {language} {ODD[number % len(ODD)]}?",
            answer=f"{ODD[number % len(ODD)]} {language}! {'Snow falls on it. ' * 6}",
            image_ids=images,
            related_ids=tuple(name_of(each) for each in near if 0 < each <= count),
        )


def path_of(folder: Path, language: str) -> Path:
    """The instruction file of a language."""
    code = "" if language == "en" else f"_{language}"
    return folder / f"{SHORT}_instructions{code}.json"


def make_run(
    folder: Path, pairs: Mapping[str, Iterable[Pair]] | None = None, **facts: object
) -> Path:
    """Writes a run's files: by default 20 pairs in English and in German."""
    if pairs is None:
        pairs = {code: make_pairs(20, code) for code in ("en", "de")}
    (folder / "journal").mkdir(parents=True)
    meta = InstructionsMeta(version="v1", time=str(FACTS["started"]), author="Syphus")
    for language, each in pairs.items():
        with instructions_file(path_of(folder, language), meta) as file:
            for pair in each:
                file.add(pair)
    languages = [code for code in pairs if code != "en"]
    (folder / "valid_output.json").write_text("[\n]\n")
    write_run_file(folder, {**FACTS, "languages": languages, **facts})
    return folder


def source(folder: Path, languages: Iterable[str]) -> list[dict[str, Any]]:
    """What the instruction files hold, as rows, read by Python's own parser."""
    rows = []
    for language in languages:
        data = json.loads(path_of(folder, language).read_bytes())["data"]
        rows += [{"id": name, "language": language, **entry} for name, entry in data.items()]
    return rows
