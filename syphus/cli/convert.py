"""`syphus convert`: images and frames of videos, as the image files of MIMIC-IT."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from syphus.core.errors import SettingsError, StoppedEarly
from syphus.core.exit_status import SOME_FAILED

if TYPE_CHECKING:
    from syphus.convert.settings import Converted, ConvertSettings
    from syphus.core.events import Observer

_MOST_PIXELS = 89_478_485
_LARGEST_SIDE = 8192
_SHORT = re.compile(r"[A-Za-z0-9_]{1,32}")


def convert(
    context: typer.Context,
    *,
    name: Annotated[
        str,
        typer.Option(
            help="What is converted: video.DenseCaptions, 2d.General, or a plugin's name."
        ),
    ],
    image_path: Annotated[
        Path,
        typer.Option(
            "--image_path",
            help="A folder, a zip archive, a video or an image; with --image_root, a JSON file "
            "that names the images to take.",
        ),
    ],
    image_root: Annotated[
        Path | None,
        typer.Option("--image_root", help="Where the images are that --image_path names."),
    ] = None,
    output_dir: Annotated[
        Path, typer.Option("--output_dir", help="The folder for what is written.")
    ] = Path("output"),
    num_threads: Annotated[
        int | None,
        typer.Option("--num_threads", min=1, max=256, help="Files at once. [one for each core]"),
    ] = None,
    short: Annotated[
        str | None, typer.Option(help="The beginning of ids and file names, if not the data set's.")
    ] = None,
    size: Annotated[
        str, typer.Option(help="336, 640x480, or original to keep each image's own.")
    ] = "224",
    image_format: Annotated[
        Literal["png", "jpeg"],
        typer.Option("--image_format", help="How each image is encoded."),
    ] = "png",
    file_format: Annotated[
        Literal["json", "parquet"],
        typer.Option("--format", help="One JSON file, or shards of Parquet under 2 GB."),
    ] = "json",
    fps: Annotated[
        float, typer.Option(min=0.001, max=1000, help="Frames a second to take of a video.")
    ] = 1.0,
    max_pixels: Annotated[
        int,
        typer.Option("--max_pixels", min=1, help="A larger image is refused before it is decoded."),
    ] = _MOST_PIXELS,
    instructions: Annotated[
        Path | None,
        typer.Option(
            help="A run's folder, or a file of instructions, in which clips are to be named by "
            "their frames."
        ),
    ] = None,
) -> int:
    """Turn images, archives and videos into base64 images under the ids that instructions name."""
    from syphus.cli.console import Console  # noqa: PLC0415 - not needed by --help
    from syphus.convert.conversion import convert as convert_all  # noqa: PLC0415
    from syphus.convert.settings import ConvertSettings  # noqa: PLC0415
    from syphus.core.secrets import Secrets  # noqa: PLC0415
    from syphus.pipeline.clip_frames import find_instructions  # noqa: PLC0415
    from syphus.pipeline.converting import check_extras, read_names, recipe_for  # noqa: PLC0415

    if image_root is None and image_path.suffix.lower() == ".json":
        raise SettingsError(f"{image_path} only names images: --image_root says where they are")
    recipe = recipe_for(name, root=context.obj.root)
    check_extras(file_format)
    settings = ConvertSettings(
        image_path=image_root or image_path,
        output_dir=output_dir,
        short=_check_short(short or recipe.short),
        recipe=recipe,
        num_threads=num_threads or _cores(),
        wanted=None if image_root is None else read_names(image_path),
        size=_read_size(size),
        image_format=image_format,
        file_format=file_format,
        fps=fps,
        most_pixels=max_pixels,
    )
    # A wrong place is told now, not after hours.
    files = [] if instructions is None else find_instructions(instructions)
    console = Console(progress=False, secrets=Secrets())
    try:
        done = convert_all(settings, console)
    except KeyboardInterrupt:
        raise StoppedEarly("stopped; the same command goes on from there") from None
    typer.echo(_describe(done))
    if files:
        _name_frames(files, settings, console)
    return SOME_FAILED if done.broken else 0


def _name_frames(files: list[Path], settings: ConvertSettings, observer: Observer) -> None:
    from syphus.convert.clips import ClipFrames  # noqa: PLC0415 - not needed by --help
    from syphus.convert.conversion import log_of  # noqa: PLC0415
    from syphus.pipeline.clip_frames import name_frames  # noqa: PLC0415

    clips = ClipFrames(log_of(settings), settings)
    for path in files:
        count = name_frames(path, clips)
        observer.notice(
            f"{path}: {count} pairs now name frames"
            if count
            else f"{path}: stays as it was, no pair names a clip of this conversion"
        )


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _read_size(text: str) -> tuple[int, int] | None:
    if text == "original":
        return None
    found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text)
    sides = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not all(1 <= side <= _LARGEST_SIDE for side in sides):
        raise SettingsError(
            f"--size {text}: wants one side or WIDTHxHEIGHT, up to {_LARGEST_SIDE}, or original"
        )
    return sides


def _check_short(short: str) -> str:
    if not _SHORT.fullmatch(short):
        raise SettingsError(f"--short {short}: wants letters, digits and underscores")
    return short


def _describe(done: Converted) -> str:
    lines = [
        f"files     {done.files}",
        f"images    {done.images}",
        f"broken    {done.broken} ({done.broken_list})",
    ]
    if done.resumed:
        lines.append(f"resumed   {done.resumed} files were done before")
    lines += [f"written   {path}" for path in done.outputs]
    return "\n".join(lines)
