"""A plugin that sends images: what goes out, what is asked again, and what isn't sent."""

from __future__ import annotations

import asyncio
import base64
import io
import random
import sys
from pathlib import Path
from threading import get_ident
from typing import Any

import orjson
import pytest

pytest.importorskip("PIL")

from PIL import Image

from syphus import Syphus
from syphus.core.errors import ImageUnusable, InputError
from syphus.testing import Batches, Fault, Script, ScriptedServer
from syphus.testing.answers import last_user_text

Job = Any


def picture(path: Path, *, seed: int = 1, size: tuple[int, int] = (640, 480)) -> Path:
    """A JPEG of noise that no other seed gives, with a place in its metadata."""
    noise = random.Random(seed).randbytes(16 * 12 * 3)  # noqa: S311 - a picture, not a secret
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    Image.frombytes("RGB", (16, 12), noise).resize(size).save(path, "JPEG", exif=exif)
    return path


class Seen:
    """Answers as usual and keeps the content of each question."""

    def __init__(self) -> None:
        self.contents: list[Any] = []

    def __call__(self, messages: list[dict[str, Any]], _: dict[str, Any]) -> str:
        if "annotation" in last_user_text(messages):
            return '{"1": {"relevance": 5, "grounding": 5, "clarity": 5}}'
        self.contents.append(messages[1]["content"])
        return "Question: What?\nAnswer: That."

    def images(self) -> list[bytes]:
        """The bytes of all image parts, in the order of arrival."""
        urls = [
            part["image_url"]["url"]
            for content in self.contents
            for part in content
            if part["type"] == "image_url"
        ]
        return [base64.b64decode(url.removeprefix("data:image/jpeg;base64,")) for url in urls]


@pytest.fixture
def seen() -> Seen:
    """What the server was asked."""
    return Seen()


@pytest.fixture
def server(seen: Seen) -> Any:
    """A server that keeps what it was asked."""
    with ScriptedServer(Script(answer=seen)) as running:
        yield running


def test_images_follow_the_text_small_and_without_metadata(
    job: Job, album: Any, seen: Seen, tmp_path: Path
) -> None:
    """A path, a Path and bytes go as JPEG parts behind the text, no side over the bound."""
    first, second = (picture(tmp_path / f"{n}.jpg", seed=n, size=(1600, 800)) for n in (1, 2))
    small = picture(tmp_path / "3.jpg", seed=3, size=(100, 60)).read_bytes()
    sitting = job.run(album({"a": [str(first), second, small]}))
    assert sitting.counts == (1, 0, 0)
    (content,) = seen.contents
    assert [part["type"] for part in content] == ["text", *["image_url"] * 3]
    assert content[0]["text"] == "Look. a"
    sizes = [Image.open(io.BytesIO(image)).size for image in seen.images()]
    assert sizes == [(768, 384), (768, 384), (100, 60)]
    assert not any(b"secret place" in image for image in seen.images())
    assert job.server.log.images == 3
    assert job.server.log.query("Look. a").images == 3


@pytest.mark.parametrize("how", [{}, {"backend": "batch", "poll_seconds": 0.01}])
def test_the_judge_is_shown_what_the_writer_was(
    job: Job, album: Any, tmp_path: Path, how: dict[str, Any]
) -> None:
    """The same images go with the request, once; an image that changes is another question."""
    photo = picture(tmp_path / "1.jpg")
    plugin = album({"a": [str(photo)]})
    plugin.quality_skips = {"length"}
    assert job.run(plugin, judge=True, **how).outcome.exit_status == 0
    journal = (job.folder / "journal" / "judge.jsonl").read_bytes()
    (line,) = (line for line in map(orjson.loads, journal.splitlines()) if line["kind"] == "reply")
    assert len(line["images"]) == 1
    assert job.read("meta.json")["quality"]["judge"]["judged"] == 1
    log = job.server.log
    shown = [query.images for query in log.queries() if "annotation" in query.text]
    assert shown == [1]
    assert job.run(plugin, judge=True, **how).requests == 0
    picture(photo, seed=2)
    job.run(plugin, judge=True, **how)
    replies = (job.folder / "journal" / "judge.jsonl").read_bytes().count(b'"kind":"reply"')
    assert replies == 2


def test_the_journal_has_the_hash_and_not_the_bytes(
    job: Job, album: Any, seen: Seen, tmp_path: Path
) -> None:
    """A line names BLAKE2b of what was sent; nothing of the image is in the run's folder."""
    import hashlib  # noqa: PLC0415 - only here

    path = picture(tmp_path / "a.jpg")
    job.run(album({"a": [path]}))
    (sent,) = seen.images()
    digest, name = (
        hashlib.blake2b(content, digest_size=16).hexdigest() for content in (sent, bytes(path))
    )
    (line,) = [x for x in job.journal.read_bytes().splitlines() if b'"kind":"reply"' in x]
    assert orjson.loads(line)["images"] == [[digest, len(sent), 640, 480, 738, name]]
    part = base64.b64encode(sent)[200:240]
    for file in job.folder.rglob("*"):
        assert not file.is_file() or part not in file.read_bytes()


def test_an_equal_image_is_not_asked_again_and_a_changed_one_is(
    job: Job, album: Any, tmp_path: Path
) -> None:
    """It is the bytes that count: neither another name nor another time makes a new question."""
    a, b = picture(tmp_path / "a.jpg"), picture(tmp_path / "b.jpg", seed=2)
    assert job.run(album({"a": [a], "b": [b]})).requests == 2
    moved = tmp_path / "moved.jpg"
    a.rename(moved)
    picture(b, seed=3)
    again = job.run(album({"a": [moved], "b": [b]}))
    assert again.requests == 1
    assert job.server.log.query("Look. b").seen == 2
    assert job.run(album({"a": [moved], "b": [b]}, text="See.")).requests == 2


def test_a_query_whose_image_cannot_be_sent_fails_and_the_rest_goes_on(
    job: Job, album: Any, seen: Seen, tmp_path: Path
) -> None:
    """Missing, broken, cut short, a folder or an address: one line each, and never without it."""
    good = picture(tmp_path / "good.jpg")
    (tmp_path / "cut.jpg").write_bytes(good.read_bytes()[:900])
    (tmp_path / "text.jpg").write_text("no image")
    images = {
        "good": [good],
        "missing": [good, tmp_path / "none.jpg"],
        "cut": [tmp_path / "cut.jpg"],
        "text": [tmp_path / "text.jpg"],
        "folder": [tmp_path],
        "nul": ["a\0b"],
        "long": ["data:image/jpeg;base64," + "A" * 5000],
        "home": ["~nobody-of-that-name/a.jpg"],
        "nameless": [""],
        "huge": [b"P6 20000 20000 255\n"],
        "bytes": [b""],
        "address": ["http://127.0.0.1/x.jpg?key=1"],
    }
    sitting = job.run(album(images))
    assert sitting.counts == (1, 0, 11)
    assert sitting.outcome.exit_status == 4
    assert [content[0]["text"] for content in seen.contents] == ["Look. good"]
    found = {one["id"]: one["error_message"] for one in job.read("error_messages.json")}
    assert set(found) == set(images) - {"good"}
    assert all("\n" not in text for text in found.values())
    assert "none.jpg is no file" in found["missing"]
    assert found["nameless"] == "an image without a name is no file"
    assert "image 1 (bytes) has too many pixels; at most 89478485" in found["huge"]
    assert "--fetch_images" in found["address"]
    assert "key=1" not in found["address"]
    assert "11 queries are not asked" in sitting.said
    picture(tmp_path / "none.jpg", seed=5)
    mended = job.run(album(images))
    assert (mended.requests, mended.counts) == (1, (2, 0, 10))


def test_an_image_that_changes_after_it_was_hashed_is_not_sent(
    job: Job, album: Any, seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes are read when the request goes; other bytes than those of its identity never go."""
    monkeypatch.setattr("syphus.pipeline.vision._MOST_REMEMBERED", 0)
    path = tmp_path / "a.jpg"
    stays = picture(tmp_path / "b.jpg", seed=9)
    calls: list[int] = []

    class Fickle(list[Any]):
        def __iter__(self) -> Any:
            calls.append(get_ident())
            picture(path, seed=len(calls))
            return iter([path])

    sitting = job.run(album({"a": Fickle(), "b": [stays]}))
    assert sitting.counts == (1, 0, 1)
    assert len(calls) == 2
    assert [content[0]["text"] for content in seen.contents] == ["Look. b"]
    (failed,) = job.read("error_messages.json")
    assert "changed" in failed["error_message"]


def test_a_retry_and_a_correcting_turn_show_the_image_again(
    job: Job, album: Any, tmp_path: Path
) -> None:
    """What is asked once more has its images, also in a later sitting."""
    turns: list[Any] = []

    def answer(messages: list[dict[str, Any]], _: dict[str, Any]) -> str:
        turns.append(messages)
        return "Hm" + "m" * len(turns) if len(turns) < 3 else "Question: What?\nAnswer: That."

    image = picture(tmp_path / "a.jpg")
    with ScriptedServer(Script(answer=answer)) as server:
        job.server = server
        assert job.run(album({"a": [image]}), max_reasks=1).counts == (0, 1, 0)
        later = job.run(album({"a": [image]}), max_reasks=2)
    assert later.counts == (1, 0, 0)
    assert [len(messages) for messages in turns] == [2, 4, 4]
    shown = [messages[1]["content"] for messages in turns]
    assert shown[0] == shown[1] == shown[2]
    assert shown[0][1]["type"] == "image_url"


def test_a_query_without_a_text_is_asked_about_its_images(
    job: Job, album: Any, seen: Seen, tmp_path: Path
) -> None:
    """An image can be the whole question."""
    sitting = job.run(album({"a": [picture(tmp_path / "a.jpg")], "b": []}, text=""))
    assert sitting.outcome.snapshot.empty == 1
    assert [[part["type"] for part in content] for content in seen.contents] == [["image_url"]]


def test_a_batch_has_the_images_in_its_lines(
    job: Job, album: Any, seen: Seen, tmp_path: Path
) -> None:
    """The file that goes up holds the bytes; a broken image costs its query alone."""
    images = {f"q{n}": [picture(tmp_path / f"{n}.jpg", seed=n)] for n in range(3)}
    sitting = job.run(album({**images, "broken": [tmp_path]}), backend="batch", poll_seconds=0.01)
    assert sitting.counts == (3, 0, 1)
    assert len(seen.images()) == 3
    assert len(set(seen.images())) == 3


def test_a_preview_tells_how_many_images_and_how_large(
    job: Job, album: Any, tmp_path: Path
) -> None:
    """From their heads; the tokens are part of the prompt's, and nothing is sent or fetched."""
    paths = [picture(tmp_path / f"{n}.jpg", seed=n, size=(1536, 768)) for n in range(3)]
    data = album({"a": paths[:2], "b": paths[2:], "c": [tmp_path], "d": []})
    found = job.syphus(data, model="gpt-4o").preview()
    assert found.images.count == 3
    assert found.images.largest == (768, 384)
    assert found.images.tokens == 3 * (85 + 2 * 170)
    assert found.images.unsendable == 1
    assert 0 < found.images.megabytes < 1
    assert found.queries == 3
    assert found.messages[1]["content"][1]["image_url"]["url"].startswith("image:b2:")
    assert job.server.log.requests == 0


def test_a_preview_names_the_first_broken_images_only(job: Job, album: Any, tmp_path: Path) -> None:
    """Their heads are whole, so each shows when it is decoded; no list grows with the data set."""
    whole = picture(tmp_path / "a.jpg").read_bytes()
    found = job.syphus(album({f"q{n}": [whole[:-900]] for n in range(30)})).preview()
    assert found.images.count == 30
    assert len(found.images.problems) == 20


def test_the_dearest_of_several_models_counts(job: Job, album: Any, tmp_path: Path) -> None:
    """Any deployment may get the request, so limits and budget hold for each."""
    config = tmp_path / "several.toml"
    one = f'[[deployments]]\nbase_url = "{job.server.base_url}"\nmodel = "%s"\n'
    config.write_text(one % "gpt-4o" + one % "gpt-4o-mini")
    data = album({"a": [picture(tmp_path / "a.jpg")]})
    run = Syphus(dataset=data, output_dir=tmp_path / "o", config=config, languages="none")
    assert run.preview().images.tokens == 2833 + 2 * 5667


def test_the_embedded_model_is_not_shown_images(album: Any, tmp_path: Path) -> None:
    """It couldn't see them, so nothing begins."""
    run = Syphus(dataset=album({"a": []}), output_dir=tmp_path / "o", backend="local")
    with pytest.raises(InputError, match="can't see"):
        run.preview()


@pytest.mark.parametrize("remembered", [0, 32 << 20])
def test_a_batch_is_taken_up_on_another_day_and_its_rest_sent_with_images(
    job: Job,
    album: Any,
    seen: Seen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    remembered: int,
) -> None:
    """What is under way isn't sent again; a line that failed goes once more as it was."""
    monkeypatch.setattr("syphus.pipeline.vision._MOST_REMEMBERED", remembered)
    data = album({f"q{n}": [picture(tmp_path / f"{n}.jpg", seed=n)] for n in range(4)})
    fault = Fault("server_error", containing="q2", per_query_at_most=1)
    job.server.play(Script(answer=seen, batches=Batches(running=60), faults=[fault]))
    log, batch = job.server.log, {"backend": "batch", "poll_seconds": 0.01}
    run = job.syphus(data, **batch)

    async def stopped() -> None:
        running = asyncio.create_task(run.run())
        while log.batches.creates < 1:  # noqa: ASYNC110 - the server runs in another thread
            await asyncio.sleep(0.005)
        run.stop()
        await running

    asyncio.run(stopped())
    assert job.run(data, **batch).counts == (4, 0, 0)
    assert [one.lines for one in log.batches.batches()] == [4, 1]
    assert (log.images, len(set(seen.images()))) == (5, 4)


@pytest.mark.parametrize("how", [{}, {"backend": "batch", "poll_seconds": 0.01}])
def test_addresses_are_fetched_where_that_is_allowed(
    job: Job,
    album: Any,
    seen: Seen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    how: dict[str, Any],
) -> None:
    """The bytes go, not the address; what can't be fetched fails its query."""
    fetched: list[str] = []
    content = picture(tmp_path / "a.jpg").read_bytes()

    def fetch(url: str) -> bytes:
        fetched.append(url)
        if "gone" in url:
            raise ImageUnusable(f"{url}: HTTP 404")
        return content

    monkeypatch.setattr("syphus.backends.image_fetch.fetch_image", fetch)
    data = album({"a": ["https://photos.example/a.jpg"], "b": ["https://photos.example/gone"]})
    found = job.syphus(data, fetch_images=True).preview()
    assert (found.images.count, found.images.largest, fetched) == (2, (768, 768), [])
    assert job.run(data, fetch_images=True, **how).counts == (1, 0, 1)
    assert sorted(fetched) == ["https://photos.example/a.jpg", "https://photos.example/gone"]
    assert Image.open(io.BytesIO(seen.images()[0])).size == (640, 480)
    (failed,) = job.read("error_messages.json")
    assert "HTTP 404" in failed["error_message"]


def test_a_plugin_that_gives_something_else_is_told(job: Job, album: Any) -> None:
    """A wrong kind is the plugin's mistake, not the image's."""
    with pytest.raises(InputError, match="sent_images gave int"):
        job.run(album({"a": [7]}))


def test_pillow_is_asked_for_where_it_is_missing(
    job: Job, album: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names the extra, before anything is sent."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(InputError, match=r"syphus-engine\[images\]"):
        job.run(album({"a": []}))
