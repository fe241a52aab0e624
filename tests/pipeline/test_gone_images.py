"""Images that aren't where they were when their questions were answered."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

from PIL import Image

from syphus.core.errors import ImageUnusable
from syphus.core.images import SentImage, describe_images, read_images
from syphus.pipeline.gone_images import GoneImages
from syphus.testing import Script, ScriptedServer

Job = Any


def paint(path: Path, colour: str) -> str:
    """A picture of one colour."""
    Image.new("RGB", (40, 30), colour).save(path, "PNG")
    return str(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The folder that goes away."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("told", [{"reparse": True}, {}])
def test_answers_stay_where_images_went_away(
    job: Job, album: Any, photos: Path, told: dict[str, Any]
) -> None:
    """Nothing is sent, nothing fails, and the files have every pair as before."""
    data = album(
        {n: [paint(photos / n, n), paint(photos / "both", "white")] for n in ("red", "tan")}
    )
    assert job.run(data).counts == (2, 0, 0)
    before = job.read("PH_instructions.json")["data"]
    shutil.rmtree(photos)
    later = job.run(data, **told)
    assert (later.requests, later.counts, later.outcome.exit_status) == (0, (2, 0, 0), 0)
    assert job.read("PH_instructions.json")["data"] == before
    assert "2 queries were answered before their images went away" in later.said


def test_what_has_no_answer_is_not_asked_without_its_image(
    job: Job, album: Any, photos: Path
) -> None:
    """A query whose reply never came, and one under another text, need their images."""
    images = {n: [paint(photos / n, n)] for n in ("red", "tan")}
    assert job.run(album({"red": images["red"]})).counts == (1, 0, 0)
    shutil.rmtree(photos)
    later = job.run(album(images | {"more": images["red"]}))
    assert (later.requests, later.counts, later.outcome.exit_status) == (0, (1, 0, 2), 4)
    assert {one["id"] for one in job.read("error_messages.json")} == {"tan", "more"}
    for name in images:
        photos.mkdir(exist_ok=True)
        paint(photos / name, name)
    assert job.run(album(images | {"more": images["red"]})).counts == (3, 0, 0)


def test_an_image_that_is_there_is_never_taken_for_its_earlier_self(
    job: Job, album: Any, photos: Path
) -> None:
    """Of the same size, with the time of the old one: it is the bytes that count."""
    path = Path(paint(photos / "a.bmp", "red"))
    Image.new("RGB", (40, 30), "red").save(path, "BMP")
    size, old = path.stat().st_size, path.stat().st_mtime_ns
    data = album({"a": [str(path)]})
    assert job.run(data).requests == 1
    Image.new("RGB", (40, 30), "tan").save(path, "BMP")
    os.utime(path, ns=(old, old))
    assert path.stat().st_size == size
    assert job.run(data).requests == 1
    path.write_bytes(b"x" * size)
    broken = job.run(data)
    assert (broken.requests, broken.counts) == (0, (0, 0, 1))


def test_the_last_image_of_a_name_is_the_one_that_went_away(
    job: Job, album: Any, photos: Path
) -> None:
    """An earlier one's answer is in the journal too, and isn't taken for it."""
    answers = iter("12")
    with ScriptedServer(
        Script(answer=lambda *_: f"Question: Q?\nAnswer: A{next(answers)}.")
    ) as server:
        job.server = server
        path = photos / "a.png"
        data = album({"a": [str(path)]})
        for colour in ("red", "tan"):
            paint(path, colour)
            job.run(data)
        path.unlink()
        assert job.run(data).requests == 0
    assert job.pairs_of("a") == [("Q?", "A2.")]


def test_other_images_have_no_part_in_what_went_away(job: Job, album: Any, photos: Path) -> None:
    """An answer is found by the names that the plugin gives now, not by its query alone."""
    red, tan = paint(photos / "red", "red"), str(photos / "tan")
    job.run(album({"a": [red]}))
    later = job.run(album({"a": [tan]}))
    assert (later.requests, later.counts) == (0, (0, 0, 1))


def test_a_correcting_turn_is_not_asked_without_the_image(
    job: Job, album: Any, photos: Path
) -> None:
    """What the journal has stands; the failure isn't written down as an outcome."""
    data = album({"a": [paint(photos / "a", "red")]})
    with ScriptedServer(Script(answer=lambda *_: "Hm.")) as server:
        job.server = server
        job.run(data, max_reasks=0)
        lines = job.journal.read_bytes()
        shutil.rmtree(photos)
        later = job.run(data, max_reasks=2)
        again = job.run(data, max_reasks=2, redo="invalid")
    assert (later.requests, later.counts) == (0, (0, 1, 0))
    assert (again.requests, again.counts, again.outcome.exit_status) == (0, (0, 1, 0), 0)
    assert job.journal.read_bytes() == lines


def test_an_address_that_is_not_fetched_has_its_answer(
    job: Job, album: Any, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the site is down or nothing may be fetched this time."""
    content = Path(paint(photos / "a", "red")).read_bytes()
    monkeypatch.setattr("syphus.backends.image_fetch.fetch_image", lambda _: content)
    data = album({"a": ["https://photos.example/a?key=1"]})
    assert job.run(data, fetch_images=True).counts == (1, 0, 0)
    assert b"photos.example" not in job.journal.read_bytes()

    def fail(_: str) -> bytes:
        raise ImageUnusable("down")

    monkeypatch.setattr("syphus.backends.image_fetch.fetch_image", fail)
    assert job.run(data, fetch_images=True).counts == (1, 0, 0)
    assert job.run(data, reparse=True).counts == (1, 0, 0)


def test_journals_of_the_first_kind_are_read(tmp_path: Path) -> None:
    """Their images have no names, and a journal that isn't there has none at all."""
    image = SentImage(digest="0" * 32, size=1, width=2, height=3, tokens=4)
    assert read_images([["0" * 32, 1, 2, 3, 4]]) == (image,)
    assert read_images(describe_images([image])) == (image,)
    assert GoneImages(tmp_path / "generate.jsonl").find("a") is None
