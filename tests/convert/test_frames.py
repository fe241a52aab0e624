"""Frames of videos at a given rate."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from syphus.convert.frames import whole_stride


def brightness(text: str) -> int:
    """How bright an image of the file is."""
    level = Image.open(io.BytesIO(base64.b64decode(text))).convert("L").getpixel((8, 8))
    assert isinstance(level, int)
    return level


@pytest.mark.parametrize(("fps", "count"), [(1.0, 3), (2.0, 5), (10.0, 25), (100.0, 25), (0.5, 2)])
@pytest.mark.parametrize("name", ["2d.General", "video.DenseCaptions"])
def test_frames_come_at_the_rate_that_is_asked_for(
    bench: Any, make_film: Any, fps: float, count: int, name: str
) -> None:
    """Two and a half seconds of ten frames each: as many frames as moments, no more than it has."""
    make_film(bench.inside / "v_x.mp4", 25)
    short = "G" if name == "2d.General" else "DC"
    bench.convert(name, fps=fps)
    images = bench.images(short)
    assert list(images) == [f"{short}_IMG_v_x_{at:04d}" for at in range(count)]
    step = max(1, round(10 / fps))
    levels = [brightness(text) for text in images.values()]
    assert levels == pytest.approx([at * step * 3 for at in range(count)], abs=6)


def test_frames_of_ego4d_have_eight_digits(bench: Any, make_film: Any) -> None:
    """As its instruction files name them."""
    make_film(bench.inside / "clip.mp4", 15)
    bench.convert("fpv.EGO4D")
    assert list(bench.images("E4D")) == ["E4D_IMG_clip_00000000", "E4D_IMG_clip_00000001"]


@pytest.mark.parametrize(
    ("rate", "wanted", "stride"),
    [(29.97, 1, 29), (30, 1, 30), (25, 2, 12), (24, 0.5, 48), (10, 100, 1), (0.4, 1, 1), (0, 1, 1)],
)
def test_strides_of_mimicit_count_whole_frames(rate: float, wanted: float, stride: int) -> None:
    """29.97 frames a second count as 29, so that ids are those of the published files."""
    assert whole_stride(rate, wanted) == stride


def test_a_video_that_ends_early(bench: Any, make_film: Any) -> None:
    """What there is of it is kept, one line says where it ends, and other videos go on."""
    path = make_film(bench.inside / "a.mp4", 100, options={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    make_film(bench.inside / "b.mp4", 15)
    bench.convert()
    images = list(bench.images())
    assert images[0] == "G_IMG_a_0000"
    assert images[-2:] == ["G_IMG_b_0000", "G_IMG_b_0001"]
    assert 2 < len(images) < 12
    assert list(bench.broken()) == ["a.mp4"]
    assert f"frames kept: {len(images) - 2}" in bench.broken()["a.mp4"]


@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_video_cut_anywhere_ends_no_conversion(
    bench: Any, make_film: Any, part: float, suffix: str
) -> None:
    """Whatever is left of it, the image beside it is converted."""
    options = {"movflags": "faststart"} if suffix == "mp4" else None
    path = make_film(bench.inside / f"a.{suffix}", 60, options=options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    bench.put("z.ppm", b"P6 1 1 255\n\x01\x02\x03")
    bench.convert()
    assert "G_IMG_z" in bench.images()


def test_a_playlist_that_calls_itself_a_video(bench: Any, make_film: Any) -> None:
    """It can't have other files read, by name or by address."""
    other = make_film(bench.root / "secret.mp4", 15)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n"
    bench.put("a.mp4", playlist.encode())
    bench.put("b.mp4", f"ffconcat version 1.0\nfile '{other}'\n".encode())
    bench.convert()
    assert bench.images() == {}
    assert list(bench.broken()) == ["a.mp4", "b.mp4"]


def test_a_video_without_a_picture_and_no_video(bench: Any) -> None:
    """Both are listed."""
    bench.put("junk.mp4", b"junk" * 100)
    bench.put("zero.mkv", b"")
    bench.convert()
    assert list(bench.broken()) == ["junk.mp4", "zero.mkv"]


def test_a_video_of_too_many_pixels(bench: Any, make_film: Any) -> None:
    """It is refused by its head, as an image is."""
    make_film(bench.inside / "a.mp4", 5)
    bench.convert(most_pixels=64 * 48 - 1)
    assert "64x48" in bench.broken()["a.mp4"]


def test_work_files_don_t_stay(bench: Any, make_film: Any) -> None:
    """Only the log and the lock are left of a conversion."""
    make_film(bench.inside / "a.mp4", 15)
    bench.convert()
    left = {path.name for path in (bench.out / ".G.json.convert").iterdir()}
    assert left == {"log.jsonl", "lock"}
    assert {path.name for path in Path(bench.out).iterdir() if path.is_file()} == {
        "G.json",
        "G_broken.json",
    }
