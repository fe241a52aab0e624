"""A conversion that was stopped or killed goes on, and its files are those of one that wasn't."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syphus.convert import conversion
from syphus.convert.work import Work
from syphus.core.errors import SettingsError

FORMATS = ["json", "parquet"]
PROGRAM = """
import sys
import time
from pathlib import Path
from syphus.convert import conversion
from syphus.convert.work import Work
from syphus.convert.recipes import RECIPES
from syphus.convert.settings import ConvertSettings
from syphus.core.events import Silent
def slowly(self, source, real=Work.convert):
    time.sleep(0.03)
    return real(self, source)
Work.convert = slowly
conversion._COMMIT_SECONDS = 0.0
folder, form = Path(sys.argv[1]), sys.argv[2]
recipe = RECIPES["2d.General"]
conversion.convert(ConvertSettings(image_path=folder / "in", output_dir=folder / "out", short="G",
    recipe=recipe, num_threads=2, size=(16, 16), file_format=form, shard_bytes=3000), Silent())
"""


class Stop(Exception):
    """The end of a process, for a test."""


def stopping_after(count: int) -> Callable[..., Iterator[Any]]:
    """What hands back results, and ends the conversion when it has handed back so many."""
    real = conversion.in_order

    def in_order(work: Any, items: Any, *, threads: int) -> Iterator[Any]:
        results = real(work, items, threads=threads)
        for at, each in enumerate(results):
            if at == count:
                raise Stop
            yield each

    return in_order


@pytest.fixture
def full(bench: Any, make_picture: Any, make_film: Any) -> Any:
    """A folder of pictures, some broken, and two videos."""
    for at in range(24):
        bench.put(f"p{at}.png", make_picture(at) if at % 5 else b"broken")
    make_film(bench.inside / "m.mp4", 35)
    make_film(bench.inside / "z.mp4", 35)
    return bench


def files_of(done: Any) -> list[tuple[str, bytes]]:
    """Names and bytes of all that a conversion wrote."""
    return [(path.name, path.read_bytes()) for path in (*done.outputs, done.broken_list)]


@pytest.mark.parametrize("count", [0, 1, 7, 25])
@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_done_is_not_done_again(
    full: Any, monkeypatch: Any, file_format: str, count: int
) -> None:
    """After an end at any file, with torn tails: the rest alone is converted, byte by byte."""
    chosen = {"file_format": file_format, "shard_bytes": 3000}
    whole = files_of(full.convert(output_dir=full.root / "whole", **chosen))
    with monkeypatch.context() as patch:
        patch.setattr(conversion, "_COMMIT_SECONDS", 0.0)
        patch.setattr(conversion, "in_order", stopping_after(count))
        with pytest.raises(Stop):
            full.convert(**chosen)
    assert not list(full.out.glob("G*"))
    for torn in (full.out / f".G.{file_format}.convert").glob("*.[sj]*"):
        with torn.open("ab") as file:
            file.write(b',\n"G_IMG_torn":"AA')
    asked: list[str] = []
    real = Work.convert
    monkeypatch.setattr(
        Work, "convert", lambda self, source: (asked.append(source.file), real(self, source))[1]
    )
    done = full.convert(num_threads=3, **chosen)
    assert files_of(done) == whole
    assert done.resumed == count
    assert len(asked) == len(set(asked)) == 26 - count


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_process_killed_again_and_again(full: Any, file_format: str) -> None:
    """SIGKILL at any moment leaves no torn file in place, and costs nothing but time."""
    chosen = {"file_format": file_format, "shard_bytes": 3000}
    whole = files_of(full.convert(output_dir=full.root / "whole", **chosen))
    command = [sys.executable, "-c", PROGRAM, str(full.root), file_format]
    chance = random.Random(7)  # noqa: S311 - no secret
    for _ in range(8):
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        time.sleep(chance.uniform(0.2, 0.7))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        for path in full.out.glob("G*"):
            assert (path.name, path.read_bytes()) in whole
    done = full.convert(**chosen)
    assert files_of(done) == whole
    assert {path.name for path in full.out.glob("G*")} == {name for name, _ in whole}


@pytest.mark.parametrize("step", ["list_broken", "place_files", "_clear"])
@pytest.mark.parametrize("file_format", FORMATS)
def test_an_end_between_the_last_image_and_the_last_file(
    full: Any, monkeypatch: Any, file_format: str, step: str
) -> None:
    """No image is converted again, whichever step was the last."""
    chosen = {"file_format": file_format, "shard_bytes": 3000}
    whole = files_of(full.convert(output_dir=full.root / "whole", **chosen))

    def stop(*_: Any) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        owner: Any = conversion._Conversion if step == "_clear" else conversion
        if step != "_clear":
            patch.setattr(owner, step, stop)
        else:
            real = owner._clear
            patch.setattr(owner, step, lambda self, *more: real(self, *more) if more else stop())
        with pytest.raises(Stop):
            full.convert(**chosen)
    done = full.convert(**chosen)
    assert files_of(done) == whole
    assert done.resumed == 26


def test_a_finished_conversion_is_not_repeated(full: Any, monkeypatch: Any) -> None:
    """The same command finds all done; only when an output was removed it begins anew."""
    first = full.convert()
    before = first.outputs[0].stat()
    monkeypatch.setattr(conversion, "in_order", stopping_after(0))
    again = full.convert()
    assert (again.images, again.broken, again.resumed) == (first.images, first.broken, first.files)
    assert again.outputs[0].stat().st_mtime_ns == before.st_mtime_ns
    first.outputs[0].unlink()
    with pytest.raises(Stop):
        full.convert()


@pytest.mark.parametrize("change", ["add", "mend", "remove"])
@pytest.mark.parametrize("is_finished", [True, False])
def test_files_that_change_meanwhile(
    full: Any, make_picture: Any, monkeypatch: Any, change: str, is_finished: Any
) -> None:
    """The outputs are those of the files as they are now."""
    with monkeypatch.context() as patch:
        if not is_finished:
            patch.setattr(conversion, "in_order", stopping_after(15))
            with pytest.raises(Stop):
                full.convert()
        else:
            full.convert()
    if change == "add":
        full.put("p3a.png", make_picture(77))
    elif change == "mend":
        full.put("p10.png", make_picture(78))
    else:
        (full.inside / "p4.png").unlink()
    done = full.convert()
    assert files_of(done) == files_of(full.convert(output_dir=full.root / "whole"))


def test_other_settings_begin_anew(full: Any, monkeypatch: Any) -> None:
    """An image of another size is never put beside those of an earlier command."""
    with monkeypatch.context() as patch:
        patch.setattr(conversion, "in_order", stopping_after(15))
        with pytest.raises(Stop):
            full.convert()
    done = full.convert(size=(8, 8))
    assert done.resumed == 0
    assert any("other settings" in line for line in full.watched.said)
    whole = full.convert(size=(8, 8), output_dir=full.root / "whole")
    assert files_of(done) == files_of(whole)


def test_videos_that_were_ahead_are_kept(full: Any, monkeypatch: Any, make_film: Any) -> None:
    """A video that was finished before its turn came isn't decoded again."""
    make_film(full.inside / "a1.mp4", 15)
    make_film(full.inside / "a2.mp4", 15)
    real_order = conversion.in_order

    def stopping(work: Any, items: Any, *, threads: int) -> Iterator[Any]:
        results = real_order(work, items, threads=threads)
        yield next(results)
        until = time.monotonic() + 30
        while len(list((full.out / ".G.json.convert").glob("*.done"))) < 2:
            assert time.monotonic() < until
            time.sleep(0.01)
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "in_order", stopping)
        with pytest.raises(Stop):
            full.convert()
    decoded: list[str] = []
    real = Work._encoded
    monkeypatch.setattr(
        Work, "_encoded", lambda self, source: (decoded.append(source.file), real(self, source))[1]
    )
    full.convert()
    assert not {"a1.mp4", "a2.mp4"} & set(decoded)
    assert "G_IMG_a2_0001" in full.images()


def test_one_conversion_at_a_time(full: Any) -> None:
    """A second one into the same file is refused."""
    full.convert()
    with conversion._locked(full.out / ".G.json.convert"), pytest.raises(SettingsError, match="an"):
        full.convert()


def test_a_list_of_broken_files_that_was_left_half_written_goes(full: Any) -> None:
    """What a kill left beside its place is removed with the next list."""
    left = full.out / ".G_broken.json.abcd_123.part"
    left.parent.mkdir()
    left.write_bytes(b"[")
    full.convert()
    assert not left.exists()
