"""Files of instructions name the frames that were converted."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from syphus.convert.clips import ClipFrames
from syphus.convert.log import Done, done_line
from syphus.convert.recipes import RECIPES
from syphus.convert.settings import ConvertSettings
from syphus.convert.spool import Mark
from syphus.core.errors import AnnotationError
from syphus.core.records import Pair
from syphus.export.instructions import InstructionsMeta, instructions_file, read_instructions
from syphus.pipeline.clip_frames import find_instructions, name_frames
from syphus.pipeline.converting import read_names

META = InstructionsMeta(version="v1", time="2026", author="me")


def done(name: str, clip: str, *, count: int, is_clip: bool, skipped: int = 0) -> bytes:
    """A line of a conversion's log."""
    told = Done(
        file=name,
        stamp="",
        name=name,
        clip=clip,
        is_clip=is_clip,
        count=count,
        skipped=skipped,
        problem=None,
        mark=Mark(),
    )
    return done_line(told)


@pytest.fixture
def clips(tmp_path: Path) -> ClipFrames:
    """A video of three frames, a folder of two, and a video whose ids another has."""
    log = tmp_path / "log.jsonl"
    lines = [
        b"{}\n",
        done("v_a", "v_a", count=3, is_clip=True),
        done("bbt_c_00002", "bbt_c", count=1, is_clip=False),
        done("bbt_c_00005", "bbt_c", count=1, is_clip=False),
        done("v_b", "v_b", count=2, is_clip=True, skipped=2),
    ]
    log.write_bytes(b"".join(lines))
    recipe = RECIPES["video.DenseCaptions"]
    chosen = ConvertSettings(
        image_path=tmp_path, output_dir=tmp_path, short="DC", recipe=recipe, num_threads=1
    )
    return ClipFrames(log, chosen)


def pair(number: int, *images: str) -> Pair:
    """A pair on these images."""
    return Pair(id=f"DC_INS_{number}", query_id="", instruction="q", answer="a", image_ids=images)


def test_clips_are_named_by_their_frames(tmp_path: Path, clips: ClipFrames) -> None:
    """Frames stand where the clip stood; the rest of the file stays, and so does a second try."""
    path = tmp_path / "DC_instructions.json"
    with instructions_file(path, META) as file:
        file.add(pair(1, "DC_IMG_v_a"))
        file.add(pair(2, "DC_IMG_x", "DC_IMG_bbt_c"))
        file.add(pair(3, "DC_IMG_v_b", "v_a"))
    assert name_frames(path, clips) == 2
    images = [each.image_ids for each in read_instructions(path)]
    assert images == [
        ("DC_IMG_v_a_0000", "DC_IMG_v_a_0001", "DC_IMG_v_a_0002"),
        ("DC_IMG_x", "DC_IMG_bbt_c_00002", "DC_IMG_bbt_c_00005"),
        ("DC_IMG_v_b", "v_a"),
    ]
    assert orjson.loads(path.read_bytes())["meta"]["author"] == "me"
    before = path.read_bytes()
    assert name_frames(path, clips) == 0
    assert path.read_bytes() == before


def test_a_file_in_another_layout(tmp_path: Path, clips: ClipFrames) -> None:
    """One that another program wrote is rewritten, too, with its meta."""
    path = tmp_path / "mine.json"
    entry = {"instruction": "q", "answer": "a", "image_ids": ["DC_IMG_v_a"], "rel_ins_ids": []}
    whole = {"meta": {"version": "0.0.1", "author": "ntu"}, "data": {"DC_INS_1": entry}}
    path.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    assert name_frames(path, clips) == 1
    found = orjson.loads(path.read_bytes())
    assert found["meta"]["version"] == "0.0.1"
    assert len(found["data"]["DC_INS_1"]["image_ids"]) == 3


def test_all_languages_of_a_run_are_found(tmp_path: Path) -> None:
    """A folder stands for its instruction files; one without any is wrong input."""
    with pytest.raises(AnnotationError, match="has no file of instructions"):
        find_instructions(tmp_path)
    for name in ("DC_instructions.json", "DC_instructions_zh.json", "DC_train.json"):
        (tmp_path / name).touch()
    found = [path.name for path in find_instructions(tmp_path)]
    assert found == ["DC_instructions.json", "DC_instructions_zh.json"]
    assert find_instructions(tmp_path / "DC_train.json") == [tmp_path / "DC_train.json"]
    with pytest.raises(AnnotationError, match="isn't there"):
        find_instructions(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [{"7": 1, "b": 2}, ["7", "b"], [7, "b"], {"images": [{"id": 7}, {"id": "b", "url_o": "-"}]}],
)
def test_names_that_a_file_asks_for(tmp_path: Path, content: object) -> None:
    """LLaVA's object by image, a list, and the annotations of VIST."""
    path = tmp_path / "names.json"
    path.write_bytes(orjson.dumps(content))
    assert read_names(path) == ("7", "b")


@pytest.mark.parametrize("content", ["{}", "[]", "[[1]]", "3", "no JSON", '{"images": [{}]}'])
def test_a_file_that_names_no_images(tmp_path: Path, content: str) -> None:
    """It is wrong input, in one line that names the file."""
    path = tmp_path / "names.json"
    path.write_text(content)
    with pytest.raises(AnnotationError, match=r"names\.json"):
        read_names(path)
