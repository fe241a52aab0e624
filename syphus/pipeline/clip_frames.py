"""Puts the ids of frames in the place of the ids of clips, in files of instructions.

A plugin names the clip that it asks about; how many frames the clip has is known when its video
has been converted. A file that names no clip stays as it is, so doing it again changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

from syphus.core.errors import AnnotationError
from syphus.core.reading import read_json
from syphus.export.instructions import InstructionsMeta, instructions_file, read_instructions

if TYPE_CHECKING:
    from pathlib import Path

    from syphus.convert.clips import ClipFrames


def find_instructions(path: Path) -> list[Path]:
    """The file itself, or those of a run's folder in all languages.

    They may begin otherwise than the images: FunQA_MC's are FunQA_IMG_... Raises AnnotationError
    where there is none.
    """
    if path.is_file():
        return [path]
    files = sorted(path.glob("*_instructions*.json"))
    if not files:
        missing = "has no file of instructions" if path.is_dir() else "isn't there"
        raise AnnotationError(f"--instructions: {path} {missing}", path=path)
    return files


def name_frames(path: Path, clips: ClipFrames) -> int:
    """Rewrites one file, atomically; returns how many pairs have other images than before."""
    changed = sum(
        any(clips.ids(name) for name in pair.image_ids) for pair in read_instructions(path)
    )
    if not changed:
        return 0
    with instructions_file(path, _read_meta(path)) as file:
        for pair in read_instructions(path):
            frames = chain.from_iterable(clips.ids(name) or [name] for name in pair.image_ids)
            file.add(replace(pair, image_ids=tuple(frames)))
    return changed


def first_image(path: Path) -> str | None:
    """The first image id in a file of instructions; None where there is none."""
    ids = chain.from_iterable(pair.image_ids for pair in read_instructions(path))
    return next(ids, None)


def _read_meta(path: Path) -> InstructionsMeta:
    with path.open("rb") as file:
        first = file.readline().rstrip().removesuffix(b",")
    try:
        head: Any = orjson.loads(first + b"}")
    except orjson.JSONDecodeError:
        head = {}
    if "meta" not in head:  # another program laid the file out
        head = read_json(path)
    meta = head.get("meta") or {}
    return InstructionsMeta(
        **{name: str(meta.get(name, "")) for name in ("version", "time", "author")}
    )
