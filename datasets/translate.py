"""Instruction files that are there already and only want translation."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from syphus import AbstractDataset, read_json_lines
from syphus.core.records import Pair
from syphus.export.instructions import read_instructions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syphus.core.records import Query

_TOGETHER = 5


class Translation(AbstractDataset):
    """Any MIMIC-IT instruction file, or JSON lines with instruction and answer, to translate.

    Ids, image ids and related ids stay. Neighbours with the same images travel together.
    """

    query_inputs_path = "datasets/samples/translate.json"

    def __init__(
        self,
        name: str = "Translation",
        prompt_path: str | None = None,
        query_inputs_path: str | None = None,
    ) -> None:
        super().__init__(name, prompt_path, query_inputs_path)
        self.short = Path(str(self.query_inputs_path)).stem.removesuffix("_instructions")

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, str]]:
        pairs = _lines(Path(path)) if path.endswith(".jsonl") else read_instructions(Path(path))
        for _, group in groupby(pairs, key=lambda pair: pair.image_ids or pair.id):
            neighbours = list(group)
            for start in range(0, len(neighbours), _TOGETHER):
                together = neighbours[start : start + _TOGETHER]
                yield {
                    "id": together[0].id,
                    "sentences": json.dumps([_fields(p) for p in together]),
                }

    def ready_pairs(self, query: Query) -> Sequence[Pair]:
        """The pairs that travel together as `query`."""
        return [
            Pair(
                id=name,
                query_id=query.id,
                instruction=instruction,
                answer=answer,
                image_ids=tuple(images),
                related_ids=tuple(related),
            )
            for name, instruction, answer, images, related in json.loads(query.text)
        ]


def _fields(pair: Pair) -> list[object]:
    return [pair.id, pair.instruction, pair.answer, pair.image_ids, pair.related_ids]


def _is_object(line: object) -> bool:
    return isinstance(line, dict)


def _lines(path: Path) -> Iterator[Pair]:
    seen: set[str] = set()
    for number, line in enumerate(read_json_lines(path), start=1):
        texts = [line.get(name) for name in ("instruction", "answer")] if _is_object(line) else []
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError(f"{path}: item {number} has no text as instruction and answer")
        name = str(line.get("id", f"{path.stem}_{number:05d}"))
        if name in seen:
            raise ValueError(f"{path}: item {number} has the id {name} of an earlier one")
        seen.add(name)
        yield Pair(
            id=name,
            query_id="",
            instruction=line["instruction"],
            answer=line["answer"],
            image_ids=tuple(map(str, line.get("image_ids", ()))),
            related_ids=tuple(map(str, line.get("rel_ins_ids", ()))),
        )
