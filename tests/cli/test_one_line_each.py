"""Wrong input among good: a line each on stderr, the rest goes on, statuses and counts tell it."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from syphus.cli.app import run_app
from syphus.testing import ScriptedServer

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "datasets/samples"


def load(name: str) -> Any:
    """A sample, to be spoilt."""
    return json.loads((SAMPLES / name).read_bytes())


def put(path: Path, value: Any) -> Path:
    """Writes JSON."""
    path.write_text(json.dumps(value))
    return path


def name_a_missing_image(folder: Path) -> tuple[Path, str]:
    """VIST: the first album's first sentence is about an image that isn't there."""
    found = load("visual_story_telling.json")
    found["annotations"][0][0]["photo_flickr_id"] = "404"
    line = (
        "item 1 (72157600100) is left out: annotation 1 names the image 404, which the album lacks"
    )
    return put(folder / "vist.json", found), line


def cut_a_box(folder: Path) -> tuple[Path, str]:
    """COCO: a box of three numbers."""
    boxes = load("coco_instances.json")
    boxes["annotations"][0]["bbox"] = [20.5, 62, 94.3]
    put(folder / "instances_a.json", boxes)
    is_wrong = "box 1 is [20.5, 62, 94.3]; it must be [x, y, width, height] in pixels"
    path = put(folder / "captions_a.json", load("coco_captions.json"))
    return path, f"item 1 (000000061001) is left out: {is_wrong}"


def silence_a_video(folder: Path) -> tuple[Path, str]:
    """Ego4D: a video more, which nobody narrated."""
    videos = load("ego4d.json")
    videos["silent"] = {"narration_pass_1": {"narrations": []}, "status": "complete"}
    line = "item 6 (silent) is left out: it has no narration"
    return put(folder / "narration.json", videos), line


@pytest.mark.parametrize(
    ("name", "spoil", "queries"),
    [
        ("VisualStoryTelling.video", name_a_missing_image, 4),
        ("LACONV.2d", cut_a_box, 4),
        ("EGO4D.fpv", silence_a_video, 5),
    ],
)
def test_annotations(
    desk: Any,
    server: ScriptedServer,
    *,
    name: str,
    spoil: Callable[[Path], tuple[Path, str]],
    queries: int,
) -> None:
    """An album that names a missing image, a box of the wrong length, a video without narration."""
    path, line = spoil(desk.root)
    where = ["-in", str(path), "--base_url", server.base_url, "--model", "m"]
    how = ["--output_dir", "out", "--languages", "none", "--no_progress"]
    assert run_app(["run", "--name", name, *where, *how], root=ROOT) == 0
    printed = desk.capsys.readouterr()
    assert [re.sub(r"^[\d:]{8} ", "", each) for each in printed.err.splitlines()] == [line]
    counts = [" ".join(each.split()) for each in printed.out.splitlines()]
    assert counts[:3] == [f"queries {queries}", "left out 1", f"asked {queries}"]
    assert f"valid {queries} ({3 * queries} pairs)" in counts
    assert len(desk.read("out/skipped_items.json")) == 1


def picture(size: tuple[int, int] = (40, 30)) -> bytes:
    """A PNG of noise."""
    file = io.BytesIO()
    Image.effect_noise(size, 50).save(file, "PNG")
    return file.getvalue()


def head_of_png(side: int) -> bytes:
    """A PNG of which nothing but the size is there."""
    facts = b"IHDR" + side.to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + facts + zlib.crc32(facts).to_bytes(4) + b"\0\0\1\0IDAT"


def film(path: Path) -> bytes:
    """Ten seconds, with the index at the beginning."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"threads": "1", "g": "10"}
        for at in range(100):
            image = Image.new("RGB", (64, 48), (at * 2,) * 3)
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    return path.read_bytes()


def test_images_and_videos(desk: Any) -> None:
    """Cut off, too large, in an archive that leads elsewhere, ending early."""
    folder = desk.root / "in"
    folder.mkdir()
    (folder / "cut.png").write_bytes(picture((200, 200))[:5000])
    (folder / "good 100%.PNG").write_bytes(picture())
    (folder / "large.png").write_bytes(head_of_png(20_000))
    whole = film(folder / "late.mp4")
    (folder / "late.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    with zipfile.ZipFile(folder / "set.zip", "w") as archive:
        for name in ("../up.png", "/root.png", "in.png"):
            archive.writestr(name, picture())
    done = desk.call("convert", "--name", "2d.General", "--image_path", "in")
    assert done.status == 4
    lines = [each[9:] for each in done.err.splitlines()]
    outside = "its name leads out of the archive"
    assert lines[:2] == [
        "cut.png: can't be read: image file is truncated",
        "large.png: has 20000x20000 pixels; at most 89478485 are decoded (--max_pixels)",
    ]
    assert re.fullmatch(r"late\.mp4: .+ s.*; frames kept: \d+", lines[2])
    assert lines[3:] == [f"set.zip/../up.png: {outside}", f"set.zip//root.png: {outside}"]
    images = desk.read("output/G.json")
    assert "files     7\n" in done.out
    assert f"images    {len(images)}\n" in done.out
    assert "broken    5 (output/G_broken.json)\n" in done.out
    assert [each["file"] for each in desk.read("output/G_broken.json")] == [
        line.split(": ")[0] for line in lines
    ]
    assert {"G_IMG_good 100%", "G_IMG_in", "G_IMG_late_0000"} < images.keys()
