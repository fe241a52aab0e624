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

from syphus.pipeline.exporting import Format, export_run
from tests.pipeline.finished_run import SHORT, make_pairs, make_run, source

FORMATS: tuple[Format, ...] = ("mimicit", "jsonl", "parquet", "llava", "sharegpt", "chatml", "hf")
Rows: TypeAlias = Iterator[dict[str, Any]]
LANGUAGES = ("en", "de")
MANY = {"en": 80_000, "de": 20_000}
MOST_MIB = 64.0
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


def read_talk(folder: Path, kind: str) -> Rows:
    """LLaVA and ShareGPT: JSON that is loaded whole."""
    for language in LANGUAGES:
        code = "" if language == "en" else f"_{language}"
        for entry in json.loads((folder / f"{SHORT}_{kind}{code}.json").read_bytes()):
            human, gpt = entry["conversations"]
            assert (human["from"], gpt["from"]) == ("human", "gpt")
            images = entry.get("images" if kind == "sharegpt" else "image", [])
            images = [images] if isinstance(images, str) else images
            head = "<image>\n" * len(images)
            assert human["value"].startswith(head)
            yield {
                "id": entry["id"],
                "language": language,
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
                yield {
                    "language": language,
                    "instruction": user["content"],
                    "answer": assistant["content"],
                }


READERS: dict[Format, Callable[[Path], Rows]] = {
    "mimicit": read_mimicit,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "llava": lambda folder: read_talk(folder, "llava"),
    "sharegpt": lambda folder: read_talk(folder, "sharegpt"),
    "chatml": read_chatml,
    "hf": lambda folder: load_by_datasets(folder, "none"),
}


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
@pytest.mark.parametrize("form", FORMATS)
def test_a_hundred_thousand_pairs_are_read_back(many: Many, form: Format) -> None:
    """Row for row what the run's files hold, in their order, as far as the format has the field."""
    read = READERS[form](many.run.with_name(f"many_{form}"))
    for found, wanted in zip(read, many.rows, strict=True):
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


def test_datasets_loads_conversations(run: Path) -> None:
    """ShareGPT's entries make a table: each has the same fields of the same types."""
    folder = export_run(run, "sharegpt").folder
    (folder / ".syphus_export").unlink()
    (folder / f"{SHORT}_sharegpt_de.json").unlink()
    found = list(load_by_datasets(folder, "none"))
    assert found == json.loads((folder / f"{SHORT}_sharegpt.json").read_bytes())
    assert {type(each["images"]) for each in found} == {list}
