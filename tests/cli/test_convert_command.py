"""`syphus convert`."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SLOWLY = """
import time
from syphus.cli import main
from syphus.convert.work import Work
def slowly(self, source, real=Work.convert):
    time.sleep(0.1)
    return real(self, source)
Work.convert = slowly
main()
"""


def picture(colour: tuple[int, int, int] = (9, 9, 9)) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def photos(desk: Any) -> Path:
    """A folder of three photos."""
    folder: Path = desk.root / "photos"
    folder.mkdir()
    for name in ("p0", "p1", "p2"):
        (folder / f"{name}.png").write_bytes(picture())
    return folder


def test_images_of_a_plugin_have_the_ids_of_its_instructions(desk: Any, photos: Path) -> None:
    """`PH_IMG_p0`, as a run of the plugin names it, under the folder that is asked for."""
    done = desk.call(
        "convert", "--name", "Photos.photos", "--image_path", photos, "--output_dir", "made"
    )
    assert done.status == 0, done.err
    assert list(desk.read("made/PH.json")) == ["PH_IMG_p0", "PH_IMG_p1", "PH_IMG_p2"]
    assert "images    3" in done.out
    assert "written   made/PH.json" in done.out


def test_broken_images_end_with_status_4(desk: Any, photos: Path) -> None:
    """One line on stderr each, and the file that lists them on stdout."""
    (photos / "bad.png").write_bytes(b"bad")
    done = desk.call("convert", "--name", "2d.General", "--short", "XY", "--image-path", photos)
    assert done.status == 4
    assert done.err.count("bad.png: is no image of a known format") == 1
    assert "broken    1 (output/XY_broken.json)" in done.out
    assert len(desk.read("output/XY.json")) == 3


def test_images_that_a_file_names_are_taken_from_their_folder(desk: Any, photos: Path) -> None:
    """As LLaVA's images are converted: `--image_path` a list, `--image_root` the folder."""
    desk.write("meta.json", {"p2": [], "p0": []})
    flags = ("--name", "2d.Llava", "--image_path", "meta.json", "--image_root", photos)
    assert desk.call("convert", *flags).status == 0
    assert list(desk.read("output/LA.json")) == ["LA_IMG_p0", "LA_IMG_p2"]


def test_instructions_get_the_frames_of_their_clips(desk: Any) -> None:
    """A run's files name every frame of the clip after the conversion."""
    frames = desk.root / "bbt_frames" / "s01_clip"
    frames.mkdir(parents=True)
    for at in range(2):
        (frames / f"{at:05d}.png").write_bytes(picture())
    entry = {"instruction": "q", "answer": "a", "image_ids": ["TVC_IMG_bbt_s01_clip"]}
    desk.write("run/TVC_instructions.json", {"meta": {}, "data": {"TVC_INS_1": entry}})
    flags = ("--name", "video.TVCaptions", "--image_path", ".", "--instructions", "run")
    done = desk.call("convert", *flags)
    assert done.status == 0, done.err
    named = desk.read("run/TVC_instructions.json")["data"]["TVC_INS_1"]["image_ids"]
    assert named == list(desk.read("output/TVC.json"))
    assert len(named) == 2
    assert "1 pairs now name frames" in done.err
    entry["image_ids"] = ["TVC_IMG_another_clip"]
    desk.write("run/TVC_instructions.json", {"meta": {}, "data": {"TVC_INS_1": entry}})
    done = desk.call("convert", *flags)
    assert "stays as it was, no pair names a clip of this conversion" in done.err
    assert "names TVC_IMG_another_clip, a clip here is TVC_IMG_bbt_s01_clip\n" in done.err


def test_a_wrong_place_of_instructions_is_told_at_once(desk: Any, photos: Path) -> None:
    """Nothing is converted."""
    flags = ("--name", "2d.General", "--image_path", photos, "--instructions", "nowhere")
    done = desk.call("convert", *flags)
    assert (done.status, done.out) == (2, "")
    assert done.err == "syphus: --instructions: nowhere isn't there\n"
    assert not (desk.root / "output").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--name", "Nothing.here"), "convert also knows 2d.General"),
        (("--size", "0"), "--size 0"),
        (("--size", "9000x10"), "up to 8192"),
        (("--size", "large"), "--size large"),
        (("--short", "../up"), "--short"),
        (("--num_threads", "0"), "num_threads"),
        (("--format", "csv"), "csv"),
        (("--image_path", "nowhere"), "no such file"),
        (("--image_path", "empty"), "no image"),
        (("--image_root", "empty"), "photos"),
        (("--image_path", "meta.json"), "--image_root says where they are"),
    ],
)
def test_wrong_input(desk: Any, photos: Path, flags: tuple[str, str], said: str) -> None:
    """One line that says what is wrong, and status 2."""
    (desk.root / "empty").mkdir()
    chosen = {"--name": "2d.General", "--image_path": str(photos), flags[0]: flags[1]}
    done = desk.call("convert", *(part for flag in chosen.items() for part in flag))
    assert done.status == 2
    assert said in done.err
    assert done.err.strip().count("\n") == 0
    assert "Traceback" not in done.err


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """The command and its room load without the packages of the extras."""
    program = """
import sys
import syphus.cli.app, syphus.convert.conversion, syphus.convert.clips, syphus.pipeline.converting
sys.exit(bool({"PIL", "av", "pyarrow"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 0


@pytest.mark.parametrize(("missing", "extra"), [("PIL", "images"), ("pyarrow", "formats")])
def test_a_missing_package_is_named(
    desk: Any, photos: Path, monkeypatch: Any, missing: str, extra: str
) -> None:
    """With what to install."""
    real = util.find_spec
    monkeypatch.setattr(
        "syphus.pipeline.converting.find_spec",
        lambda name: None if name == missing else real(name),
    )
    flags = ("--name", "2d.General", "--image_path", photos, "--format", "parquet")
    done = desk.call("convert", *flags)
    assert done.status == 2
    assert f"pip install 'syphus-engine[{extra}]'" in done.err


def test_a_signal_stops_and_the_same_command_goes_on(desk: Any) -> None:
    """Status 3 and a line that says how to go on; then what was done isn't done again."""
    folder = desk.root / "many"
    folder.mkdir()
    for at in range(60):
        (folder / f"{at}.png").write_bytes(picture((at, 0, 0)))
    flags = ("convert", "--name", "2d.General", "--image_path", "many", "--num_threads", "1")
    log = desk.root / "output/.G.json.convert/log.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", SLOWLY, *flags],
        cwd=desk.root,
        env={**desk.env, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        until = time.monotonic() + 30
        while time.monotonic() < until and not (log.exists() and log.read_bytes().count(b"\n") > 1):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 3, said
    assert "the same command goes on" in said
    done = desk.call(*flags)
    assert done.status == 0
    assert "resumed" in done.out
    assert len(json.loads((desk.root / "output/G.json").read_bytes())) == 60
