"""The files that a conversion leaves, and how they get into their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.convert.log import Done, read_log
from syphus.convert.parquet_shards import write_shard
from syphus.convert.spool import segment_numbers, segment_path
from syphus.core.durable import json_list, remove_leftovers, sync_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from syphus.convert.settings import ConvertSettings

_SHARD = "{:05d}.parquet"


def broken_list(settings: ConvertSettings) -> Path:
    """The file that names what gave no image, or not all that it should."""
    return settings.output_dir / f"{settings.short}_broken.json"


def name_outputs(settings: ConvertSettings, segments: int) -> list[str]:
    """`DC.json`, or `DC.parquet`, or `DC-00001-of-00003.parquet` and so on."""
    if settings.file_format == "json":
        return [f"{settings.short}.json"]
    if segments == 1:
        return [f"{settings.short}.parquet"]
    numbers = range(1, segments + 1)
    return [f"{settings.short}-{at:05d}-of-{segments:05d}.parquet" for at in numbers]


def make_shards(folder: Path, segments: Sequence[int]) -> None:
    """Turns ended segments into shards; a segment goes when its shard stands."""
    for number in segments:
        segment = segment_path(folder, number)
        write_shard(segment, folder / _SHARD.format(number))
        segment.unlink()


def place_files(
    settings: ConvertSettings, folder: Path, outputs: Sequence[str], replaces: Sequence[str]
) -> tuple[Path, ...]:
    """Puts in place what isn't yet, and removes what an earlier conversion left beside it."""
    places = tuple(settings.output_dir / name for name in outputs)
    is_json = settings.file_format == "json"
    if not is_json:
        make_shards(folder, segment_numbers(folder))
    for number, place in enumerate(places, 1):
        made = segment_path(folder, number) if is_json else folder / _SHARD.format(number)
        if made.exists():
            made.replace(place)
    for name in set(replaces) - set(outputs):
        (settings.output_dir / name).unlink(missing_ok=True)
    sync_folder(settings.output_dir)
    return places


def are_there(settings: ConvertSettings, folder: Path, outputs: Sequence[str]) -> bool:
    """Whether finished outputs stand in their places, or wait to be put there."""
    is_waiting = bool(segment_numbers(folder)) or any(folder.glob("*.parquet"))
    return is_waiting or all((settings.output_dir / name).exists() for name in outputs)


def list_broken(log: Path, place: Path) -> None:
    """Writes every file with a problem, in order: {"file", "reason", "images"}."""
    remove_leftovers(place)
    with json_list(place) as broken:
        for told, _ in read_log(log):
            if isinstance(told, Done) and told.problem is not None:
                kept = told.count - told.skipped
                broken.add({"file": told.file, "reason": told.problem, "images": kept})


def outputs_of(log: Path) -> list[str]:
    """What a log names of finished outputs, and of those that they had to replace."""
    names: list[str] = []
    for line, _ in read_log(log):
        if isinstance(line, dict):
            names += line.get("finished", [])
            names += line.get("replaces", [])
    return names
