"""Which files are converted, in what order, and what each is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from syphus.convert.recipes import RECIPES, find_recipe
from syphus.convert.sources import Listing, natural
from syphus.core.image_ids import image_id
from syphus.core.records import Query
from syphus.plugins.find import load_dataset

ROOT = Path(__file__).parents[2]


def listed(root: Path, name: str = "2d.General") -> list[tuple[str, str]]:
    """File and name of each source; a problem stands in the place of a name."""
    return [(each.file, each.problem or each.name) for each in Listing(root, RECIPES[name])]


def touch(root: Path, *names: str) -> None:
    """Files with something in them."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.parametrize(
    ("name", "file", "called"),
    [
        ("video.DenseCaptions", "v_N1c3C_Npr-E.mp4", "v_N1c3C_Npr-E"),
        ("2d.Llava", "train2017/000000498792.jpg", "000000498792"),
        ("change.CocoGeneralDifference", "000000000009.jpg", "000000000009"),
        ("change.SpotTheDifference", "5406.png", "05406_1"),
        ("change.SpotTheDifference", "5406_2.png", "05406_2"),
        ("3d.SceneNavigation", "scene0000_00/color/000100.jpg", "scene0000_color_000100"),
        ("3d.SceneNavigation", "scans/scene0000_01/color/1.jpg", "scene0000_01_color_1"),
        (
            "video.TVCaptions",
            "bbt_frames/s01e01_seg01_clip_00/00003.jpg",
            "bbt_s01e01_seg01_clip_00_00003",
        ),
        (
            "video.TVCaptions",
            "castle_frames/castle_s01e01_seg01_clip_00/00003.jpg",
            "castle_s01e01_seg01_clip_00_00003",
        ),
        ("video.VisualStoryTelling", "693397887.jpg", "693397887"),
        ("2d.General", "photo.v2.jpeg", "photo.v2"),
    ],
)
def test_files_are_called_what_instructions_name(
    tmp_path: Path, name: str, file: str, called: str
) -> None:
    """Each data set of MIMIC-IT by its own rule."""
    touch(tmp_path, file)
    assert listed(tmp_path, name) == [(file, called)]


def test_files_that_are_no_part_of_a_data_set(tmp_path: Path) -> None:
    """Masks of Spot-the-Diff and depth images of ScanNet are left out."""
    touch(tmp_path, "5406_diff.png", "scene0000_00/depth/1.png", "readme.md")
    for name in ("change.SpotTheDifference", "3d.SceneNavigation"):
        assert ("5406_diff.png", "5406_diff") not in listed(tmp_path, name)
    assert listed(tmp_path, "3d.SceneNavigation") == []


def test_sixteen_frames_of_a_clip_are_taken_evenly(tmp_path: Path) -> None:
    """Of 50 frames every third, from the second on, as MIMIC-IT samples TV captions."""
    touch(tmp_path, *(f"bbt_frames/clip/{at:05d}.jpg" for at in range(50)))
    (tmp_path / "bbt_frames/clip/00030.jpg.png").touch()
    touch(tmp_path, "bbt_frames/next/1.jpg", "loose.jpg")
    empty, *found = listed(tmp_path, "video.TVCaptions")
    assert empty == ("bbt_frames/clip/00030.jpg.png", "is empty")
    names = [name for _, name in found]
    assert names == [*(f"bbt_clip_{at:05d}" for at in range(1, 50, 3)), "bbt_next_1"]


def test_shipped_plugins_name_images_as_their_recipes_do() -> None:
    """Where a recipe and a plugin share a name, their ids begin alike."""
    checked = 0
    for name, recipe in RECIPES.items():
        file, class_name = name.split(".")
        path = ROOT / "datasets" / f"{file}.py"
        if not path.exists() or f"class {class_name}(" not in path.read_text(encoding="utf-8"):
            continue
        plugin = load_dataset(name, root=ROOT, prompt_path=None, query_inputs_path=None)
        item = next(each for each in plugin.query_inputs if each.get("sentences"))
        text = item["sentences"]
        text = text if isinstance(text, str) else "\n".join(text)
        query = Query(id=str(item["id"]), source_id=str(item["id"]), text=text)
        assert plugin.image_ids(query)[0].startswith(image_id(recipe.short, "")), name
        checked += 1
    assert checked >= 3


def test_a_recipe_is_found_by_either_order() -> None:
    """`video.DenseCaptions` and `DenseCaptions.video`, and nothing else."""
    assert find_recipe("DenseCaptions.video") is find_recipe("video.DenseCaptions") is not None
    assert find_recipe("DenseCaptions") is None


def test_links_that_lead_in_circles(tmp_path: Path) -> None:
    """Each is one problem; what lies beside them is found; a plain link is followed."""
    touch(tmp_path, "in/a.png", "beside/b.png")
    inside = tmp_path / "in"
    (inside / "deep").mkdir()
    (inside / "deep/up").symlink_to(inside)
    (inside / "self.png").symlink_to(inside / "self.png")
    (inside / "gone.png").symlink_to("nowhere.png")
    (inside / "other").symlink_to(tmp_path / "beside")
    found = dict(listed(inside))
    assert found["a.png"] == "a"
    assert found["other/b.png"] == "b"
    assert "a link to a folder that it lies in" in found["deep/up"]
    assert "can't be reached" in found["self.png"]
    assert "can't be reached" in found["gone.png"]
    assert len(found) == 5


def test_a_pipe_isn_t_waited_for(tmp_path: Path) -> None:
    """What is no regular file is a problem."""
    os.mkfifo(tmp_path / "pipe.png")
    assert listed(tmp_path) == [("pipe.png", "is no regular file")]


def test_odd_names(tmp_path: Path) -> None:
    """Quotes, newlines, bytes that are no text: all are names."""
    touch(tmp_path, 'say "hi".png', "two\nlines.png", "日本.png", ".hidden.png", "__MACOSX/a.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).write_bytes(b"x")
    names = {name for _, name in listed(tmp_path)}
    assert names == {'say "hi"', "two\nlines", "日本", "\udcff"}


def test_odd_names_become_ids_and_lines(bench: Any, make_picture: Any) -> None:
    """The file is JSON all the same, and a problem with such a file is one printable line."""
    for name in ('say "hi".png', 'a":"b.png', 'end":.png', "two\nlines.png"):
        bench.put(name, make_picture())
    bench.put(os.fsdecode(b"\xff.png"), make_picture())
    bench.put("bad\n\x1b[1m.png", b"x")
    bench.convert()
    assert set(bench.images()) == {
        'G_IMG_say "hi"',
        'G_IMG_a":"b',
        'G_IMG_end":',
        "G_IMG_two\nlines",
        "G_IMG_\ufffd",
    }
    (line,) = bench.watched.said
    assert line.startswith("bad\\n\\x1b[1m.png: ")
    assert bench.convert().resumed == 6
    (shard,) = bench.convert(file_format="parquet").outputs
    assert set(parquet.read_table(shard)["id"].to_pylist()) == set(bench.images())


def test_names_that_become_one_id_are_told(bench: Any, make_picture: Any) -> None:
    """Two names that aren't UTF-8 may be the same in JSON: the second one gives no image."""
    for name in (b"a\xfe.png", b"a\xff.png"):
        bench.put(os.fsdecode(name), make_picture())
    done = bench.convert()
    assert (done.images, done.broken) == (1, 1)
    assert "earlier files have its id" in bench.watched.said[0]


def test_numbers_in_names_are_compared_as_numbers() -> None:
    """However many digits they have."""
    names = ["f10", "f2", "f", "f2a", "f" + "9" * 5000]
    assert sorted(names, key=natural)[:4] == ["f", "f2", "f2a", "f10"]


@pytest.fixture
def depth(tmp_path: Path) -> Iterator[int]:
    """A picture `a.png` in more folders than Python makes calls; how many they are."""
    count = sys.getrecursionlimit() + 100
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(count):
        os.mkdir("d", dir_fd=here)
        here = enter("d", here)
    picture = os.open("a.png", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.write(picture, b"x")
    os.close(picture)
    yield count
    os.unlink("a.png", dir_fd=here)
    for _ in range(count):  # pytest's own removal would call itself as often
        here = enter("..", here)
        os.rmdir("d", dir_fd=here)
    os.close(here)


def test_folders_deeper_than_calls_may_be(tmp_path: Path, depth: int) -> None:
    """What lies in them is found."""
    ((file, name),) = listed(tmp_path)
    assert (file.count("/"), name) == (depth, "a")


def enter(name: str, folder: int) -> int:
    """A folder in another, which is closed, by their descriptors."""
    entered = os.open(name, os.O_RDONLY, dir_fd=folder)
    os.close(folder)
    return entered
