"""Every format, read back by the library that its users load it with, equals the run's files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pytest
from openai.types.chat import ChatCompletionMessageParam
from pyarrow import parquet
from pydantic import TypeAdapter

from syphus.core.records import Pair
from syphus.pipeline.exporting import Format, export_run
from tests.pipeline.finished_run import SHORT, make_pairs, make_run, name_of, source

FORMATS: tuple[Format, ...] = ("mimicit", "jsonl", "parquet", "llava", "sharegpt", "chatml", "hf")
Rows: TypeAlias = Iterator[dict[str, Any]]
LANGUAGES = ("en", "de")
MANY = {"en": 80_000, "de": 20_000}
MOST_MIB = 64.0
PAIR: dict[str, Any] = {"query_id": "", "instruction": "An album?", "answer": "It is."}
WITH_DATASETS = """
import json, socket, sys

def refuse(*_, **__):
    raise RuntimeError("this needs a network")

socket.getaddrinfo = socket.socket.connect = refuse
from datasets import load_dataset

folder, written, streaming, *names = sys.argv[1:]
with open(written, "w", encoding="utf-8") as file:
    for name in names:
        chosen = () if name == "none" else (name,)
        found = load_dataset(folder, *chosen, streaming=streaming == "y")
        assert list(found) == ["train"], found
        for batch in found["train"].iter(1000):
            for values in zip(*batch.values(), strict=True):
                print(json.dumps(dict(zip(batch, values, strict=True))), file=file)
"""
WATCHED = """
import re, sys
from pathlib import Path
from syphus.pipeline.exporting import export_run

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

few, many, *formats = sys.argv[1:]
for form in formats:
    export_run(Path(few), form)
before = peak()
for form in formats:
    export_run(Path(many), form)
print((peak() - before) / 1024)
"""


def run_python(code: str, *arguments: object, **env: str) -> str:
    """What a Python of its own prints; it warns of nothing."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "gnoring" not in done.stderr
    assert "arning" not in done.stderr
    return done.stdout


def load_by_datasets(folder: Path, *names: str, streaming: bool = False) -> Rows:
    """The rows of configurations, by a process without network whose cache has an odd name."""
    home = folder.parent / "a cache, größer als [nötig]"
    written = folder.parent / "rows.jsonl"
    env = {"HF_HOME": str(home), "HOME": str(home / "no home")}
    run_python(WITH_DATASETS, folder, written, "y" if streaming else "n", *names, **env)
    with written.open("rb") as lines:
        yield from map(json.loads, lines)


def read_mimicit(folder: Path) -> Rows:
    """As Otter does: each id of the train file is looked up in the instructions."""
    for language in LANGUAGES:
        code = "" if language == "en" else f"_{language}"
        data = json.loads((folder / f"{SHORT}_instructions{code}.json").read_bytes())["data"]
        train = json.loads((folder / f"{SHORT}_train{code}.json").read_bytes())
        for name, related in train.items():
            assert all(each in data for each in related)
            assert data[name]["rel_ins_ids"] == related
            yield {"id": name, "language": language, **data[name]}


def read_jsonl(folder: Path) -> Rows:
    """By pandas, a thousand lines at a time."""
    with pd.read_json(folder / f"{SHORT}.jsonl", lines=True, chunksize=1000, dtype=False) as frames:
        for frame in frames:
            yield from frame.to_dict("records")


def read_parquet(folder: Path) -> Rows:
    """By pyarrow, a row group at a time."""
    for batch in parquet.ParquetFile(folder / f"{SHORT}.parquet").iter_batches():
        yield from batch.to_pylist()


def read_llava(folder: Path) -> Rows:
    """As LLaVA does: JSON that is loaded whole."""
    for language in LANGUAGES:
        code = "" if language == "en" else f"_{language}"
        for entry in json.loads((folder / f"{SHORT}_llava{code}.json").read_bytes()):
            assert entry.keys() - {"image"} == {"id", "conversations"}
            images = entry.get("image", [])
            yield read_turn(entry, [images] if isinstance(images, str) else images)


def read_sharegpt(folder: Path) -> Rows:
    """As LLaMA-Factory does: by `datasets`, which makes a table of them."""
    for entry in load_by_datasets(folder, "none"):
        assert entry.keys() == {"id", "conversations", "images"}
        yield read_turn(entry, entry["images"])


def read_turn(entry: dict[str, Any], images: list[str]) -> dict[str, Any]:
    """A question and its answer; loaders count the places of images and refuse another number."""
    human, gpt = entry["conversations"]
    assert (human["from"], gpt["from"]) == ("human", "gpt")
    said = human["value"] + gpt["value"]
    assert [said.count(f"<{kind}>") for kind in ("image", "video", "audio")] == [len(images), 0, 0]
    head = "<image>\n" * len(images)
    assert human["value"].startswith(head)
    return {
        "id": entry["id"],
        "instruction": human["value"].removeprefix(head),
        "answer": gpt["value"],
        "image_ids": images,
    }


def read_chatml(folder: Path) -> Rows:
    """JSON lines whose messages are those of the OpenAI package."""
    messages = TypeAdapter(list[ChatCompletionMessageParam])
    for language in LANGUAGES:
        code = "" if language == "en" else f"_{language}"
        with (folder / f"{SHORT}_chatml{code}.jsonl").open("rb") as lines:
            for line in lines:
                entry = json.loads(line)
                assert list(entry) == ["messages"]
                user, assistant = entry["messages"]
                messages.validate_python(entry["messages"])
                assert (user["role"], assistant["role"]) == ("user", "assistant")
                assert user.keys() == assistant.keys() == {"role", "content"}
                yield {
                    "language": language,
                    "instruction": user["content"],
                    "answer": assistant["content"],
                }


def read_whole(folder: Path) -> Rows:
    """All languages by `datasets`."""
    return load_by_datasets(folder, "none")


def read_streaming(folder: Path) -> Rows:
    """One language after the other, each by its name, as a stream."""
    return load_by_datasets(folder, *LANGUAGES, streaming=True)


READERS: list[tuple[Format, Callable[[Path], Rows]]] = [
    ("mimicit", read_mimicit),
    ("jsonl", read_jsonl),
    ("jsonl", read_whole),
    ("parquet", read_parquet),
    ("llava", read_llava),
    ("sharegpt", read_sharegpt),
    ("chatml", read_chatml),
    ("hf", read_whole),
    ("hf", read_streaming),
]
by_each_reader = pytest.mark.parametrize(
    ("form", "read"), READERS, ids=[f"{form}-{read.__name__}" for form, read in READERS]
)


@dataclass(frozen=True)
class Many:
    """A run of 100,000 pairs in every format, and the MiB that it took over one of a thousand."""

    run: Path
    rows: list[dict[str, Any]]
    growth: float


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Many:
    """The run, exported once for all tests."""
    root = tmp_path_factory.mktemp("many")
    few = make_run(root / "few", {code: make_pairs(500, code) for code in LANGUAGES})
    run = make_run(root / "many", {code: make_pairs(MANY[code], code) for code in LANGUAGES})
    growth = float(run_python(WATCHED, few, run, *FORMATS))
    return Many(run, source(run, LANGUAGES), growth)


@pytest.mark.large
@pytest.mark.timeout(400)
def test_memory_does_not_grow_with_the_pairs(many: Many) -> None:
    """A hundred times as many pairs, 100,000 in files of 35 MB, take only a little more."""
    assert many.growth < MOST_MIB


@pytest.mark.large
@pytest.mark.timeout(400)
@by_each_reader
def test_a_hundred_thousand_pairs_are_read_back(
    many: Many, form: Format, read: Callable[[Path], Rows]
) -> None:
    """Row for row what the run's files hold, in their order, as far as the format has the field."""
    for found, wanted in zip(read(many.run.with_name(f"many_{form}")), many.rows, strict=True):
        assert found == {name: wanted[name] for name in found}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of few odd pairs, one of which names 50,000 others, in every format."""
    others = 50_000
    made = [
        ("\u202b\u0647\u0644 <\u0642>\u061f\u202c", "\u200f.", ("a b/c\\d", "../e", 'f"\n'), ()),
        ("\x00\x00", "\x85\u2028\u2029\ufeff\x1f", (), ()),
        ("An album?", "It is.", tuple(f"{SHORT}_IMG {at}/{at}" for at in range(5_000)), ()),
        (" \n", "0", ("1",), (name_of(1),)),
        ("A long video?", "It is.", ("v",), tuple(name_of(at) for at in range(6, others + 6))),
    ]
    pairs = [
        Pair(
            id=name_of(number),
            query_id="",
            instruction=instruction,
            answer=answer,
            image_ids=images,
            related_ids=related,
        )
        for number, (instruction, answer, images, related) in enumerate(made, 1)
    ]
    rest = [replace(pairs[-1], id=name_of(at), related_ids=()) for at in range(6, others + 6)]
    run = make_run(tmp_path_factory.mktemp("odd") / "run", {"en": pairs + rest, "de": pairs[:1]})
    for form in FORMATS:
        export_run(run, form)
    return run


@pytest.mark.large
@by_each_reader
def test_odd_pairs_are_read_back(odd: Path, form: Format, read: Callable[[Path], Rows]) -> None:
    """Control characters, right-to-left marks, ids like paths, albums, and very long lists."""
    rows = source(odd, LANGUAGES)
    for found, wanted in zip(read(odd.with_name(f"run_{form}")), rows, strict=True):
        assert found == {name: wanted[name] for name in found}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of twenty pairs in two languages."""
    return make_run(tmp_path / "run")


def test_pandas_reads_the_parquet_file(run: Path) -> None:
    """Columns have their types, and values are those of the run."""
    frame = pd.read_parquet(export_run(run, "parquet").folder / f"{SHORT}.parquet")
    found = [
        {name: list(value) if name.endswith("_ids") else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]
    assert found == source(run, LANGUAGES)


def test_the_parquet_file_has_a_typed_schema(run: Path) -> None:
    """Texts and lists of texts, none of which may be null."""
    schema = parquet.read_schema(export_run(run, "parquet").folder / f"{SHORT}.parquet")
    types = {field.name: (str(field.type), field.nullable) for field in schema}
    assert types == {
        "id": ("string", False),
        "language": ("string", False),
        "instruction": ("string", False),
        "answer": ("string", False),
        "image_ids": ("list<element: string>", False),
        "rel_ins_ids": ("list<element: string>", False),
    }


@pytest.mark.parametrize("field", ["image_ids", "related_ids"])
def test_long_lists_of_ids_end_a_row_group(tmp_path: Path, field: str) -> None:
    """A group is held in memory, so albums of thousands of images count as their texts do."""
    ids = tuple(f"{SHORT}_IMG_{at:09d}" for at in range(5_000))
    pairs = [Pair(**{**PAIR, "id": name_of(at), field: ids}) for at in range(300)]
    run = make_run(tmp_path / "run", {"en": pairs})
    file = parquet.ParquetFile(export_run(run, "parquet").folder / f"{SHORT}.parquet")
    groups = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
    assert sum(groups) == len(pairs)
    assert max(groups) * len(ids) * len(ids[0]) < 10_000_000


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_loads_all_languages_or_one(run: Path, *, streaming: bool) -> None:
    """Without a name all of them, by its code one, whole or as a stream."""
    folder = export_run(run, "hf").folder
    found = list(load_by_datasets(folder, "none", "de", "en", streaming=streaming))
    assert found == source(run, ("en", "de", "de", "en"))


def test_datasets_takes_no_older_export_from_its_cache(tmp_path: Path) -> None:
    """A second export is read also where it has as many pairs, as long as those of the first."""
    for word in ("cat", "dog"):
        pairs = [replace(pair, answer=word) for pair in make_pairs(3)]
        run = make_run(tmp_path / word / "run", {"en": pairs})
        folder = export_run(run, "hf", folder=tmp_path / "same").folder
        assert [row["answer"] for row in load_by_datasets(folder, "none")] == [word] * 3
