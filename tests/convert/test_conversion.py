"""Folders of images become files of base64 images."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from syphus.core.errors import InputError


def opened(text: str) -> Image.Image:
    """The image that a value of the file holds."""
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_images_stand_under_their_ids(bench: Any, make_picture: Any) -> None:
    """Each file's stem is its id, in the natural order of names, at the size of MIMIC-IT."""
    for name in ("p10.png", "p2.jpg", "sub/q.webp"):
        form = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[name.split(".")[1]]
        bench.put(name, make_picture(form=form))
    done = bench.convert(size=(224, 224))
    assert list(bench.images()) == ["G_IMG_p2", "G_IMG_p10", "G_IMG_q"]
    assert {opened(text).size for text in bench.images().values()} == {(224, 224)}
    assert {opened(text).format for text in bench.images().values()} == {"PNG"}
    assert (done.files, done.images, done.broken) == (3, 3, 0)
    assert bench.broken() == {}


@pytest.mark.parametrize(("size", "seen"), [((50, 20), (50, 20)), (None, (40, 30))])
def test_size_and_format_are_chosen(bench: Any, make_picture: Any, size: Any, seen: Any) -> None:
    """Another size, or each image's own, and JPEG."""
    bench.put("a.png", make_picture())
    bench.convert(size=size, image_format="jpeg")
    image = opened(bench.images()["G_IMG_a"])
    assert (image.size, image.format) == (seen, "JPEG")


@pytest.mark.parametrize("file_format", ["json", "parquet"])
def test_the_outputs_are_the_same_by_any_number_of_threads(
    bench: Any, make_picture: Any, make_film: Any, file_format: str
) -> None:
    """One thread and eight write the same bytes, broken files and videos among them."""
    for at in range(40):
        bench.put(f"p{at}.png", make_picture(at) if at % 7 else b"broken")
    for at in range(3):
        make_film(bench.inside / f"v{at}.mp4", 25)
    found = []
    for threads in (1, 8):
        out = bench.root / f"out{threads}"
        done = bench.convert(
            num_threads=threads, output_dir=out, file_format=file_format, shard_bytes=3000
        )
        files = [*done.outputs, done.broken_list]
        found.append([(path.name, path.read_bytes()) for path in files])
    assert found[0] == found[1]


def test_pandas_reads_parquet_as_the_loaders_of_mimicit_do(bench: Any, make_picture: Any) -> None:
    """The index is the id, the column is called base64, and the values are those of the JSON."""
    for at in range(5):
        bench.put(f"p{at}.png", make_picture(at))
    bench.convert()
    (shard,) = bench.convert(file_format="parquet").outputs
    assert shard.name == "G.parquet"
    frame = pd.read_parquet(shard)
    assert frame["base64"].to_dict() == bench.images()
    batches = [batch.to_pandas() for batch in pq.ParquetFile(shard).iter_batches(batch_size=2)]
    assert pd.concat(batches).loc["G_IMG_p3"]["base64"] == bench.images()["G_IMG_p3"]


def test_parquet_comes_in_shards_below_the_bound(bench: Any, make_picture: Any) -> None:
    """No shard holds more than the bound; together they hold every image once, in order."""
    for at in range(30):
        bench.put(f"p{at}.png", make_picture(at))
    bench.convert()
    shards = bench.convert(file_format="parquet", shard_bytes=2000).outputs
    assert len(shards) > 2
    assert shards[1].name == f"G-00002-of-{len(shards):05d}.parquet"
    frames = [pd.read_parquet(shard) for shard in shards]
    assert max(frame["base64"].str.len().sum() for frame in frames) < 2000
    assert pd.concat(frames)["base64"].to_dict() == bench.images()


def test_shards_of_an_earlier_conversion_don_t_stay_beside_the_new_ones(
    bench: Any, make_picture: Any
) -> None:
    """Fewer images leave fewer shards, so that a loader of all shards reads nothing twice."""
    for at in range(30):
        bench.put(f"p{at}.png", make_picture(at))
    bench.convert(file_format="parquet", shard_bytes=2000)
    for at in range(5, 30):
        (bench.inside / f"p{at}.png").unlink()
    done = bench.convert(file_format="parquet", shard_bytes=2000)
    assert sorted(bench.out.glob("*.parquet")) == sorted(done.outputs)
    assert sum(len(pd.read_parquet(shard)) for shard in done.outputs) == 5


def test_broken_images_are_listed_and_skipped(bench: Any, make_picture: Any) -> None:
    """A truncated, an empty, a foreign and a too large image: one line each, the rest goes on."""
    whole = make_picture(1, (200, 200), "JPEG")
    bench.put("cut.jpg", whole[: len(whole) // 2])
    bench.put("empty.png", b"")
    bench.put("text.png", b"no picture at all")
    # Twenty thousand by twenty thousand: the head is all that may be read.
    head = b"IHDR" + (20_000).to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    check = zlib.crc32(head).to_bytes(4)
    large = b"\x89PNG\r\n\x1a\n\0\0\0\r" + head + check + b"\0\0\1\0IDAT" + bytes(100)
    bench.put("large.png", large)
    bench.put("good.png", make_picture())
    bench.put("notes.txt", b"left alone")
    done = bench.convert()
    assert list(bench.images()) == ["G_IMG_good"]
    broken = bench.broken()
    assert list(broken) == ["cut.jpg", "empty.png", "large.png", "text.png"]
    assert "truncated" in broken["cut.jpg"]
    assert "20000x20000" in broken["large.png"]
    assert done.broken == 4
    for file, reason in broken.items():
        assert bench.watched.said.count(f"{file}: {reason}") == 1
    assert bench.watched.said[-1] == "left out, of no kind that is converted: 1 .txt"


def test_what_is_left_out_is_named(bench: Any, make_picture: Any) -> None:
    """Files of other kinds by their suffixes, in archives too; images that lie elsewhere by one."""
    for name in ("a.HEIC", "b.heic", "c.svg", "notes"):
        bench.put(name, b"x")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("d.heic", b"x")
        archive.writestr("e_diff.png", make_picture())
    bench.put("set.zip", file.getvalue())
    bench.put("f_diff.png", make_picture())
    kinds = "left out, of no kind that is converted: 3 .heic, 1 .svg, 1 without a suffix"
    elsewhere = "left out, not where this data set has its images: 2, the first of them f_diff.png"
    with pytest.raises(InputError) as caught:
        bench.convert("change.SpotTheDifference")
    assert str(caught.value).endswith(f": no image or video to convert; {kinds}; {elsewhere}")
    bench.put("5406.png", make_picture())
    bench.convert("change.SpotTheDifference")
    assert bench.watched.said == [kinds, elsewhere]


def test_two_files_that_give_one_id(bench: Any, make_picture: Any, make_film: Any) -> None:
    """The first one has it; the others are listed, a video and its frames too."""
    bench.put("a/x.png", make_picture(1))
    bench.put("b/x.jpg", make_picture(2, form="JPEG"))
    bench.put("c/v_0001.png", make_picture(3))
    make_film(bench.inside / "v.mp4", 25)
    make_film(bench.inside / "w.mp4", 5)
    (bench.inside / "z").mkdir()
    make_film(bench.inside / "z/w.mkv", 5)
    bench.convert()
    kept = ["x", "v_0001", "v_0000", "v_0002", "w_0000"]
    assert list(bench.images()) == [f"G_IMG_{name}" for name in kept]
    broken = bench.broken()
    assert list(broken) == ["b/x.jpg", "v.mp4", "z/w.mkv"]
    assert "G_IMG_x" in broken["b/x.jpg"]


def test_only_the_images_that_a_file_asks_for(bench: Any, make_picture: Any) -> None:
    """Names that there are no images of are listed."""
    for name in ("a", "b", "c"):
        bench.put(f"{name}.png", make_picture())
    bench.convert(wanted=("c", "train/a.JPG", "missing"))
    assert list(bench.images()) == ["G_IMG_a", "G_IMG_c"]
    assert list(bench.broken()) == ["missing"]


def test_a_single_image_can_be_named(bench: Any, make_picture: Any) -> None:
    """The path may be a file."""
    bench.convert(image_path=bench.put("a.png", make_picture()))
    assert list(bench.images()) == ["G_IMG_a"]


def test_nothing_to_convert_is_wrong_input(bench: Any) -> None:
    """An empty folder, and one that isn't there."""
    with pytest.raises(InputError, match="no image"):
        bench.convert()
    with pytest.raises(InputError, match="there is no such"):
        bench.convert(image_path=Path("nowhere"))


def test_a_folder_of_broken_images_gives_an_empty_object(bench: Any) -> None:
    """The file is still JSON, and Parquet has no rows."""
    bench.put("a.png", b"x")
    bench.convert()
    assert bench.images() == {}
    (shard,) = bench.convert(file_format="parquet").outputs
    assert len(pd.read_parquet(shard)) == 0
