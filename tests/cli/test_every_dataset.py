"""The sample of every data set that ships, from the command to each format that its users load."""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from syphus.cli.app import run_app
from syphus.core.languages import TARGETS
from syphus.plugins import available
from syphus.prompting import tokens
from syphus.testing import ScriptedServer
from tests.pipeline.format_readers import BY_DATASETS, BY_OTHERS, assert_equal

ROOT = Path(__file__).parents[2]
# It translates instructions that are there already, so that its run writes no English.
ONLY_TRANSLATED = "Translation.translate"


def paint(path: Path) -> None:
    """A small picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def film(path: Path, frames: int) -> None:
    """A video of one frame a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height = 32, 32
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (32, 32)))))
        container.mux(stream.encode())


def paint_pair(folder: Path, name: str) -> None:
    """Spot-the-Diff: 5406.png and 5406_2.png."""
    number, _, which = name.partition("_")
    paint(folder / f"{number.lstrip('0')}{'_2' if which == '2' else ''}.png")


def film_to(folder: Path, name: str) -> None:
    """Ego4D: a video that has the second; of several the last makes it."""
    uid, _, second = name.rpartition("_")
    film(folder / f"{uid}.mp4", int(second) + 1)


# How the images of a data set lie where they aren't single files under their own name.
LAYOUTS: dict[str, Callable[[Path, str], None]] = {
    "SpotTheDifference.change": paint_pair,
    "SceneNavigation.3d": lambda folder, name: paint(folder / f"{name}_00/color/000100.jpg"),
    "TVCaptions.video": lambda folder, name: paint(folder / f"harbour_frames/{name}/00003.jpg"),
    "DenseCaptions.video": lambda folder, name: film(folder / f"{name}.mp4", 2),
    "EGO4D.fpv": film_to,
    **dict.fromkeys(
        ("FunQATranslation.funqa", "FunQAMultipleChoice.funqa", "FunQADialogue.funqa"),
        lambda folder, name: film(folder / f"{name}.mp4", 2),
    ),
}


@contextmanager
def imports_undone() -> Iterator[None]:
    """Undoes what loading plugins leaves."""
    path, modules = sys.path.copy(), set(sys.modules)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in sys.modules.keys() - modules:
            if name.startswith("_syphus_dataset_"):
                del sys.modules[name]


def find_names() -> list[str]:
    """What `syphus datasets` lists, so that a new data set is tested without another word."""
    with imports_undone():
        return [each.name for each in available(ROOT)]


NAMES = find_names()


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


def call(*arguments: object) -> Done:
    """Runs a command in this process, where the data sets are those that ship."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = run_app([str(each) for each in arguments], root=ROOT)
    return Done(status, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Made:
    """A run's folder, and what the command said."""

    folder: Path
    done: Done

    def read(self, name: str) -> Any:
        """The JSON in one of its files."""
        return json.loads((self.folder / name).read_bytes())

    @property
    def short(self) -> str:
        """How its files' names begin."""
        short: str = self.read("run.json")["short"]
        return short

    def editions(self) -> dict[str, dict[str, Any]]:
        """The entries of each language's instruction file, by the language's code."""
        paths = {"en": self.folder / f"{self.short}_instructions.json"}
        paths |= {code: self.folder / f"{self.short}_instructions_{code}.json" for code in TARGETS}
        return {code: self.read(path.name)["data"] for code, path in paths.items() if path.exists()}

    def rows(self) -> list[dict[str, Any]]:
        """Each pair in each language; `begins` where it is the first turn of a conversation."""
        has_turns = self.read("run.json").get("relations") == "previous_turns"
        return [
            {
                "id": name,
                "language": code,
                **entry,
                "begins": not (has_turns and entry["rel_ins_ids"]),
            }
            for code, data in self.editions().items()
            for name, entry in data.items()
        ]


@dataclass
class Workshop:
    """Runs each data set once, and exports it once to each format, in the working folder."""

    server: ScriptedServer
    runs: dict[str, Made] = field(default_factory=dict)
    exports: dict[tuple[str, str], Path] = field(default_factory=dict)

    def run(self, name: str) -> Made:
        """The data set's sample, asked about and translated into all languages."""
        if name not in self.runs:
            folder = Path.cwd() / name
            where = ("--base_url", self.server.base_url, "--model", "m", "--output_dir", folder)
            self.runs[name] = Made(folder, call("run", "--name", name, *where, "--no_progress"))
        return self.runs[name]

    def export(self, name: str, form: str) -> Path:
        """The folder of an export."""
        if (name, form) not in self.exports:
            run = self.run(name).folder
            done = call("export", run, "--format", form)
            assert (done.status, done.err) == (0, "")
            self.exports[name, form] = run.with_name(f"{run.name}_{form}")
        return self.exports[name, form]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A folder that is empty at first; the vocabulary is loaded once for all runs."""
    vocabulary = functools.cache(tokens._load_vocabulary)
    with imports_undone(), pytest.MonkeyPatch.context() as patch, ScriptedServer() as server:
        for name in list(os.environ):
            if name.startswith(("OPENAI_", "AZURE_OPENAI_")):
                patch.delenv(name)
        patch.setattr(tokens, "_load_vocabulary", vocabulary)
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield Workshop(server)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_becomes_pairs_in_every_language(workshop: Workshop, name: str) -> None:
    """Every query gives pairs, nothing is left out or refused, and each language has every pair."""
    made = workshop.run(name)
    assert made.done.status == 0, made.done.err
    meta = made.read("meta.json")
    assert [meta[key] for key in ("invalid_outputs", "error_messages", "skipped_items")] == [0] * 3
    counts = made.read("run.json")["counts"]
    assert counts["valid"] == counts["total"] == len(made.read("query_input.json")) > 0
    assert made.read("translation_errors.json") == []
    editions = made.editions()
    assert tuple(editions) == (TARGETS if name == ONLY_TRANSLATED else ("en", *TARGETS))
    first, *others = editions.values()
    assert len(first) == counts["pairs"] == meta["valid_outputs"]
    for data in others:
        assert data.keys() == first.keys()
        for each, entry in data.items():
            assert entry["image_ids"] == first[each]["image_ids"]
            assert entry["rel_ins_ids"] == first[each]["rel_ins_ids"]


@pytest.mark.parametrize("name", NAMES)
def test_validate_finds_nothing_wrong(workshop: Workshop, name: str) -> None:
    """In what the run left and in its export as MIMIC-IT, each file counted and held together."""
    made = workshop.run(name)
    for folder in (made.folder, workshop.export(name, "mimicit")):
        done = call("validate", folder)
        assert (done.status, done.err) == (0, "")
        assert done.out.endswith("nothing is wrong\n")
        for code, data in made.editions().items():
            file = f"{made.short}_instructions{'' if code == 'en' else f'_{code}'}.json"
            assert f"{folder / file}: {len(data)} instructions, {code}\n" in done.out
        for unread in ("left alone", "unchecked, its instructions"):
            assert unread not in done.out


@pytest.mark.parametrize("name", [name for name in NAMES if name != ONLY_TRANSLATED])
def test_converted_images_are_those_that_instructions_name(workshop: Workshop, name: str) -> None:
    """Under the data set's name and layout; clips are named by their frames, in every language."""
    made = workshop.run(name)
    folder = made.folder.with_name(f"{name}_with_images")
    shutil.copytree(made.folder, folder)
    wanted = {image for row in made.rows() for image in row["image_ids"]}
    for image in sorted(wanted):
        place = LAYOUTS.get(name, lambda folder, name: paint(folder / f"{name}.jpg"))
        place(Path.cwd() / f"{name}_images", image.split("_IMG_", 1)[1])
    flags = ("--image_path", f"{name}_images", "--output_dir", folder, "--instructions", folder)
    done = call("convert", "--name", name, *flags)
    assert done.status == 0, done.err
    done = call("validate", folder)
    assert (done.status, done.err) == (0, "")
    assert "unchecked" not in done.out


@pytest.mark.parametrize("form", BY_OTHERS)
@pytest.mark.parametrize("name", NAMES)
def test_an_export_is_read_back_equal(workshop: Workshop, name: str, form: Any) -> None:
    """Ids, texts, images, related ids and languages, as far as the format has them."""
    folder, made = workshop.export(name, form), workshop.run(name)
    assert_equal(BY_OTHERS[form](folder, made.short, made.editions()), made.rows())


@pytest.mark.parametrize("form", BY_DATASETS)
def test_datasets_loads_every_export(workshop: Workshop, form: Any) -> None:
    """One process of Hugging Face's loader gives the rows of all runs."""
    folders = [workshop.export(name, form) for name in NAMES]
    rows = [workshop.run(name).rows() for name in NAMES]
    if form == "sharegpt":  # a file a language, which the loader takes by their names
        rows = [sorted(each, key=lambda row: row["language"].replace("en", "")) for each in rows]
    assert_equal(BY_DATASETS[form](*folders), chain.from_iterable(rows))
