"""Images a second, and peak memory, of `syphus convert` with one and with two threads.

    python benchmarks/convert.py

The images are JPEGs of 640x480 pixels, as COCO's are, made of noise at several scales; the videos
are H.264, 320x240, thirty frames a second, one of which is taken. Each row is a process of its own
on all cores, resized to 224x224; `processor` is its seconds of all cores.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import MEGABYTE, Cost, print_table, run, say
from PIL import Image
from workload import ROOT, environment

IMAGES = 10_000
DISTINCT = 100
VIDEOS = 24
SECONDS = 20
RATE = 30
SYPHUS = (sys.executable, "-c", "from syphus.cli import main; main()")


def noise(width: int, height: int) -> Image.Image:
    """A picture about as hard to compress as a photo."""
    picture = Image.effect_noise((width, height), 20).convert("RGB")
    for cells in (4, 16, 64):
        coarse = Image.frombytes("RGB", (cells, cells), os.urandom(3 * cells * cells))
        picture = Image.blend(
            picture, coarse.resize((width, height), Image.Resampling.BICUBIC), 0.5
        )
    return picture


def make_images(folder: Path, count: int) -> None:
    """So many names of a hundred different images."""
    folder.mkdir()
    contents = []
    for _ in range(min(count, DISTINCT)):
        file = io.BytesIO()
        noise(640, 480).save(file, "JPEG", quality=90)
        contents.append(file.getvalue())
    for at in range(count):
        (folder / f"{at:06d}.jpg").write_bytes(contents[at % len(contents)])


def make_videos(folder: Path, count: int) -> None:
    """So many copies of one video."""
    import av  # noqa: PLC0415 - an extra

    folder.mkdir()
    first = folder / "v_000.mp4"
    large = noise(640, 480)
    with av.open(str(first), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for at in range(SECONDS * RATE):
            seen = large.crop((at % 300, at % 200, at % 300 + 320, at % 200 + 240))
            frame: Any = av.VideoFrame
            container.mux(stream.encode(frame.from_image(seen)))
        container.mux(stream.encode())
    for at in range(1, count):
        (folder / f"v_{at:03d}.mp4").write_bytes(first.read_bytes())


def measured(scratch: Path, folder: Path, threads: int, *flags: str) -> Cost:
    """One conversion into a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=scratch) as out:
        names = ("--name", "2d.General", "--image_path", folder, "--output_dir", out)
        command: list[str | Path] = [*SYPHUS, "convert", *names]
        command += ["--num_threads", str(threads), *flags]
        env = {**environment(scratch), "PYTHONPATH": str(ROOT)}
        cost = run(command, cwd=scratch, env=env, core=None)
    if cost.status:
        raise SystemExit(f"exit status {cost.status}: {cost.said}")
    return cost


def main() -> None:
    """Makes the inputs, measures row by row, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--videos", type=int, default=VIDEOS)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="syphus-bench-") as name:
        scratch = Path(name)
        images, few, videos = scratch / "images", scratch / "few", scratch / "videos"
        say("making images and videos")
        make_images(images, options.images)
        make_images(few, max(1, options.images // 10))
        make_videos(videos, options.videos)
        frames = options.videos * SECONDS
        tenth = max(1, options.images // 10)
        for title, folder, count, threads, flags in (
            ("PNG in JSON", few, tenth, 2, ()),
            ("PNG in JSON", images, options.images, 1, ()),
            ("PNG in JSON", images, options.images, 2, ()),
            ("PNG in Parquet", images, options.images, 2, ("--format", "parquet")),
            ("JPEG in JSON", images, options.images, 2, ("--image_format", "jpeg")),
            ("frames of videos", videos, frames, 1, ()),
            ("frames of videos", videos, frames, 2, ()),
        ):
            say(f"{title}, {count} images, {threads} threads")
            cost = measured(scratch, folder, threads, *flags)
            rows.append(
                (
                    title,
                    f"{count:,}",
                    str(threads),
                    f"{count / cost.wall:.0f}",
                    f"{cost.wall:.1f}",
                    f"{cost.cpu:.1f}",
                    f"{cost.peak / MEGABYTE:.0f}",
                )
            )
    head = ("into", "images", "threads", "images/s", "seconds", "processor", "peak MB")
    print_table("syphus convert", head, rows)


if __name__ == "__main__":
    main()
