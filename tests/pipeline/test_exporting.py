"""What an export writes, and where it ends with one line instead."""

from __future__ import annotations

import builtins
import fcntl
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from syphus.core.errors import AnnotationError, InputError, JournalInUse, StoppedEarly, SyphusError
from syphus.export.run_file import write_run_file
from syphus.pipeline.exporting import Format, export_run
from tests.pipeline.finished_run import FACTS, SHORT, make_pairs, make_run, name_of, path_of

FORMATS: tuple[Format, ...] = ("mimicit", "jsonl", "parquet", "llava", "sharegpt", "chatml", "hf")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of twenty pairs in English and in German."""
    return make_run(tmp_path / "run")


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def refuse(run: Path, form: Format = "jsonl", *, kind: type[SyphusError] = InputError) -> str:
    """The line that an export ends with; it leaves nothing behind."""
    before = contents(run.parent)
    with pytest.raises(kind) as caught:
        export_run(run, form)
    assert contents(run.parent).keys() - before.keys() <= {"run/journal/lock"}
    line = str(caught.value)
    assert "\n" not in line
    assert str(run) in line
    return line


@pytest.mark.parametrize("form", FORMATS)
def test_the_pairs_of_each_language_are_counted(run: Path, form: Format) -> None:
    """Whatever the format."""
    done = export_run(run, form)
    assert done.pairs == {"en": 20, "de": 20}
    assert done.empty == ()
    assert done.folder == run.with_name(f"run_{form}")


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_run_gives_the_same_bytes(run: Path, form: Format) -> None:
    """No clock and no chance stands in the files."""
    first = contents(export_run(run, form).folder)
    assert contents(export_run(run, form).folder) == first


def test_mimicit_is_what_the_run_wrote(run: Path) -> None:
    """The instructions to the byte; each language has a train file of its own pairs."""
    path = path_of(run, "de")
    kept = [pair for pair in make_pairs(20, "de") if pair.id != name_of(7)]
    shutil.rmtree(run)
    make_run(run, {"en": make_pairs(20), "de": kept})
    folder = export_run(run, "mimicit").folder
    for name in (path.name, path_of(run, "en").name):
        assert (folder / name).read_bytes() == (run / name).read_bytes()
    train = json.loads((folder / f"{SHORT}_train_de.json").read_bytes())
    assert train == {pair.id: list(pair.related_ids) for pair in kept}


def test_a_second_export_replaces_the_first(run: Path) -> None:
    """A language that the run no longer has isn't left over from the first."""
    folder = export_run(run, "llava").folder
    assert (folder / f"{SHORT}_llava_de.json").exists()
    write_run_file(run, {**FACTS, "languages": []})
    export_run(run, "llava")
    assert sorted(contents(folder)) == [".syphus_export", f"{SHORT}_llava.json"]


def test_the_folder_that_one_works_in(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The export stands beside the run's folder, also where that is named by a dot."""
    (run / "deep").mkdir()
    for name, here in ((".", run), ("..", run / "deep")):
        monkeypatch.chdir(here)
        assert export_run(Path(name), "jsonl").folder == run.with_name("run_jsonl")
    (run.parent / "empty").mkdir()
    monkeypatch.chdir(run.parent / "empty")
    assert export_run(run, "jsonl", folder=Path()).folder == run.parent / "empty"
    assert (run.parent / "empty" / f"{SHORT}.jsonl").exists()


def test_another_folder(run: Path, tmp_path: Path) -> None:
    """It is made with those above it; what stands there already stays."""
    done = export_run(run, "jsonl", folder=tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / f"{SHORT}.jsonl").exists()
    assert done.folder == tmp_path / "a" / "b"
    for there in (run, tmp_path):
        with pytest.raises(InputError, match="other files"):
            export_run(run, "jsonl", folder=there)


def test_turns_are_joined_where_the_run_says_so(tmp_path: Path) -> None:
    """Of relations that are previous turns become conversations; other formats keep pairs."""
    pairs = [
        pair.__class__(
            id=pair.id,
            query_id="",
            instruction=pair.instruction,
            answer=pair.answer,
            related_ids=tuple(name_of(each) for each in range(first, number)),
        )
        for number, pair in enumerate(make_pairs(6), start=1)
        for first in [1 if number < 4 else 4]
    ]
    run = make_run(tmp_path / "run", {"en": pairs}, relations="previous_turns")
    for form in ("llava", "sharegpt"):
        path = export_run(run, form).folder / f"{SHORT}_{form}.json"
        assert [len(each["conversations"]) for each in json.loads(path.read_bytes())] == [6, 6]
    lines = (export_run(run, "jsonl").folder / f"{SHORT}.jsonl").read_bytes().splitlines()
    assert len(lines) == 6


def test_the_licence_stands_in_the_card(run: Path) -> None:
    """As it was given, else as unknown; only `hf` has a card, and only an identifier is one."""
    assert 'license: "unknown"' in (export_run(run, "hf").folder / "README.md").read_text()
    done = export_run(run, "hf", licence="cc-by-nc-4.0")
    assert 'license: "cc-by-nc-4.0"' in (done.folder / "README.md").read_text()
    with pytest.raises(InputError, match="--license"):
        export_run(run, "jsonl", licence="mit")
    with pytest.raises(InputError, match="identifier"):
        export_run(run, "hf", licence="you may: do as you like")


# Runs that can't be exported


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"state": "running"}, "killed"),
        ({"short": None}, "short"),
        ({"short": "../../x"}, "short"),
        ({"languages": ["xx"]}, "xx"),
        ({"counts": {}}, "counts"),
    ],
)
def test_a_run_that_was_killed_or_is_not_ours(run: Path, facts: Any, word: str) -> None:
    """One line says why, and how a run that was killed goes on."""
    write_run_file(run, {**FACTS, "languages": ["de"], **facts})
    line = refuse(run)
    assert word in line
    assert ("same command" in line) == ("state" in facts)


def test_a_run_that_was_stopped(run: Path) -> None:
    """What it has is written, with the reason and how many queries it lacks."""
    facts = {**FACTS, "languages": ["de"], "state": "stopped", "stopped_by": "no money"}
    write_run_file(run, facts | {"counts": FACTS["counts"] | {"total": None, "read": 12}})
    for form in FORMATS:
        done = export_run(run, form)
        assert done.pairs == {"en": 20, "de": 20}
        assert (done.stopped, done.unanswered) == ("no money", 3)
    write_run_file(run, {**FACTS, "languages": ["de"]})
    assert export_run(run, "jsonl").stopped is None


def test_a_run_that_goes_on(run: Path) -> None:
    """While a process works on it, its files may change."""
    with (run / "journal" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "wait" in refuse(run, kind=JournalInUse)


def test_no_run(tmp_path: Path) -> None:
    """A folder without `run.json`, one with another, a file, and nothing at all."""
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "run.json").write_text('{"scripts": {}}')
    (tmp_path / "file").write_text("")
    for name in ("", "foreign", "file", "nothing"):
        with pytest.raises(InputError, match="run"):
            export_run(tmp_path / name, "jsonl")


def test_a_missing_file(run: Path) -> None:
    """It is named, with the command that writes it again."""
    for language in ("de", "en"):
        path = path_of(run, language)
        path.unlink()
        line = refuse(run)
        assert path.name in line
        assert "--reparse" in line


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_breaks_off(run: Path, form: Format) -> None:
    """The line names the file and the last whole pair; the earlier export stays."""
    before = contents(export_run(run, form).folder)
    path = path_of(run, "de")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(AnnotationError, match=r"PH_instructions_de.json is broken after PH_INS"):
        export_run(run, form)
    assert contents(run.with_name(f"run_{form}")) == before
    assert {each.name for each in run.parent.iterdir()} == {"run", f"run_{form}"}


def test_a_lone_surrogate(run: Path) -> None:
    """A file that another program wrote may hold one: each format can be written and read."""
    path = path_of(run, "en")
    path.write_bytes(path.read_bytes().replace(b"twice", b"\\ud800"))
    for form in FORMATS:
        for content in contents(export_run(run, form).folder).values():
            assert b"\xed\xa0\x80" not in content
            assert b"ud800" not in content


def test_a_set_without_pairs(tmp_path: Path) -> None:
    """There is nothing to load, so there is nothing to write."""
    assert "no pairs" in refuse(make_run(tmp_path / "run", {"en": [], "de": []}))


def test_a_language_without_pairs(tmp_path: Path) -> None:
    """It is left out and told."""
    run = make_run(tmp_path / "run", {"en": make_pairs(3), "zh": [], "de": make_pairs(2, "de")})
    for form in FORMATS:
        done = export_run(run, form)
        assert done.pairs == {"en": 3, "de": 2}
        assert done.empty == ("zh",)


def test_free_text(tmp_path: Path) -> None:
    """Replies that were kept whole are no pairs; the line names the file that has them."""
    run = make_run(tmp_path / "run", {})
    (run / "valid_output.json").write_text('[\n{"id":"a","results":"A boat."}\n]\n')
    line = refuse(run)
    assert "free text" in line
    assert "valid_output.json" in line


def test_a_run_that_only_translated(tmp_path: Path) -> None:
    """English is in the file that was translated, so the languages alone are exported."""
    run = make_run(tmp_path / "run", {"ja": make_pairs(2, "ja"), "de": make_pairs(2, "de")})
    (run / "valid_output.json").unlink()
    assert export_run(run, "hf").pairs == {"ja": 2, "de": 2}


def test_a_run_without_its_journal(run: Path) -> None:
    """The files are enough."""
    shutil.rmtree(run / "journal")
    assert export_run(run, "jsonl").pairs == {"en": 20, "de": 20}


def test_without_pyarrow(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The formats that need it name the extra; the others don't import it."""
    load = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] in {"pyarrow", "datasets", "pandas"}:
            raise ImportError(name)
        return load(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for form in FORMATS:
        if form in {"parquet", "hf"}:
            with pytest.raises(InputError, match=r"pip install 'syphus-engine\[formats\]'"):
                export_run(run, form)
        else:
            export_run(run, form)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk(run: Path, form: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier export stays, nothing is left beside it, and the line names the folder."""
    before = contents(export_run(run, form).folder)
    real = tempfile.mkstemp

    def full(**where: Any) -> tuple[int, str]:
        handle, name = real(**where)
        os.close(handle)
        return os.open("/dev/full", os.O_WRONLY), name

    monkeypatch.setattr(tempfile, "mkstemp", full)
    with pytest.raises(StoppedEarly, match=rf"run_{form} can't be written: No space left"):
        export_run(run, form)
    assert contents(run.with_name(f"run_{form}")) == before
    assert {each.name for each in run.parent.iterdir()} == {"run", f"run_{form}"}
