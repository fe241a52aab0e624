"""The instruction file of MIMIC-IT, written and read as a stream.

    {"meta":{"version":...,"time":...,"author":...},
    "data":{
    "DC_INS_00001":{"instruction":...,"answer":...,"image_ids":[...],"rel_ins_ids":[...]},
    ...
    }}

One entry a line is what makes reading in constant memory possible. Files by others, in any
layout, are read too, at the price of holding the whole file.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from syphus.core.durable import dump, replacing
from syphus.core.errors import AnnotationError
from syphus.core.records import Pair
from syphus.export.entries import EntryWriter, OtherLayout, read_entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_DATA = b'"data":{'
_END = b"}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionsMeta:
    """The head of an instruction file. `time` is given, so that equal runs give equal files."""

    version: str
    time: str
    author: str


class InstructionsWriter:
    """Adds pairs to an instruction file; `count` says how many."""

    def __init__(self, entries: EntryWriter) -> None:
        self._entries = entries

    @property
    def count(self) -> int:
        """Pairs written so far."""
        return self._entries.count

    def add(self, pair: Pair) -> None:
        """Adds one pair under its id."""
        self.write(pair.id, pair.instruction, pair.answer, pair.image_ids, pair.related_ids)

    def write(
        self,
        name: str,
        instruction: str,
        answer: str,
        image_ids: Sequence[str],
        related_ids: Sequence[str],
    ) -> None:
        """Adds what a pair named `name` would hold."""
        self._entries.add(
            name,
            {
                "instruction": instruction,
                "answer": answer,
                "image_ids": image_ids,
                "rel_ins_ids": related_ids,
            },
        )


@contextmanager
def instructions_file(path: Path, meta: InstructionsMeta) -> Iterator[InstructionsWriter]:
    """A writer whose file is put in place, atomically, when the block ends without an error."""
    with replacing(path) as file:
        file.write(b'{"meta":' + dump(asdict(meta)) + b',\n"data":')
        entries = EntryWriter(file)
        yield InstructionsWriter(entries)
        entries.close()
        file.write(b"}\n")


def read_instructions(path: Path) -> Iterator[Pair]:
    """The pairs of an instruction file in the file's order.

    Constant memory where `instructions_file` wrote the file; otherwise the file is loaded whole.
    The format doesn't name queries, so `query_id` is empty; lists that are missing are empty too.

    Raises AnnotationError where the file isn't JSON or an entry has no instruction and answer.
    """
    done = 0
    try:
        for name, entry in _stream(path):
            yield read_pair(path, name, entry)
            done += 1
    except OtherLayout:
        entries = _load(path)
    else:
        return
    for name, entry in islice(entries.items(), done, None):
        yield read_pair(path, name, entry)


def _stream(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        if not _is_head(file.readline()) or file.readline().rstrip() != _DATA:
            raise OtherLayout
        yield from read_entries(file, end=_END)


def _is_head(line: bytes) -> bool:
    try:
        head = orjson.loads(line.rstrip().removesuffix(b",") + b"}")
    except orjson.JSONDecodeError:
        return False
    return isinstance(head, dict) and head.keys() == {"meta"}


def _load(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    try:
        whole = orjson.loads(content)
    except orjson.JSONDecodeError:
        whole = _load_leniently(path, content)
    data = whole.get("data") if isinstance(whole, dict) else None
    if not isinstance(data, dict):
        raise AnnotationError(f"{path.name} has no object named data", path=path)
    return data


def _load_leniently(path: Path, content: bytes) -> Any:
    """Reads what Python's own writer allows: lone surrogates, NaN, a byte order mark."""
    try:
        return json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise AnnotationError(
            f"{path.name} isn't JSON: {error}", path=path, line=error.lineno
        ) from error
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path.name} isn't JSON: {error}", path=path) from error


def read_pair(path: Path, name: str, entry: Any) -> Pair:
    """The pair that stands under `name` in a file. Raises AnnotationError where it is none."""
    fields = entry if isinstance(entry, dict) else {}
    instruction, answer = fields.get("instruction"), fields.get("answer")
    images, related = fields.get("image_ids") or [], fields.get("rel_ins_ids") or []
    if not (
        isinstance(instruction, str)
        and isinstance(answer, str)
        and _are_names(images)
        and _are_names(related)
    ):
        raise AnnotationError(f"{path}: {name} isn't an instruction with an answer", path=path)
    return Pair(
        id=name,
        query_id="",
        instruction=instruction,
        answer=answer,
        image_ids=tuple(images),
        related_ids=tuple(related),
    )


def _are_names(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(each, str) for each in found)
