"""Each format of an export, read back by the library that its users load it with, as rows.

A row has the fields that the format has. In conversations only the first turn has the id and the
images; `begins` tells it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from openai.types.chat import ChatCompletionMessageParam
from pyarrow import parquet
from pydantic import TypeAdapter

from syphus.pipeline.exporting import Format

FORMATS: tuple[Format, ...] = ("mimicit", "jsonl", "parquet", "llava", "sharegpt", "chatml", "hf")
Rows: TypeAlias = Iterator[dict[str, Any]]
Reader: TypeAlias = Callable[[Path, str, Iterable[str]], Rows]
WITH_DATASETS = """
import json, socket, sys

def refuse(*_, **__):
    raise RuntimeError("this needs a network")

socket.getaddrinfo = socket.socket.connect = refuse
from datasets import load_dataset

folders, names, streaming, written = map(json.loads, sys.argv[1:])
with open(written, "w", encoding="utf-8") as file:
    for folder in folders:
        for name in names:
            chosen = () if name is None else (name,)
            found = load_dataset(folder, *chosen, streaming=streaming)
            assert list(found) == ["train"], found
            for batch in found["train"].iter(1000):
                for values in zip(*batch.values(), strict=True):
                    print(json.dumps(dict(zip(batch, values, strict=True))), file=file)
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


def load_by_datasets(
    *folders: Path, names: Sequence[str | None] = (None,), streaming: bool = False
) -> Rows:
    """The rows of configurations, by a process without network whose cache has an odd name."""
    home = folders[0].parent / "a cache, größer als [nötig]"
    written = folders[0].parent / "rows.jsonl"
    env = {"HF_HOME": str(home), "HOME": str(home / "no home")}
    asked = ([str(each) for each in folders], names, streaming, str(written))
    run_python(WITH_DATASETS, *map(json.dumps, asked), **env)
    with written.open("rb") as lines:
        yield from map(json.loads, lines)


def _suffix(language: str) -> str:
    return "" if language == "en" else f"_{language}"


def read_mimicit(folder: Path, short: str, languages: Iterable[str]) -> Rows:
    """As Otter does: each id of the train file is looked up in the instructions."""
    for language in languages:
        code = _suffix(language)
        data = json.loads((folder / f"{short}_instructions{code}.json").read_bytes())["data"]
        train = json.loads((folder / f"{short}_train{code}.json").read_bytes())
        for name, related in train.items():
            assert all(each in data for each in related)
            assert data[name]["rel_ins_ids"] == related
            yield {"id": name, "language": language, **data[name]}


def read_jsonl(folder: Path, short: str, _languages: Iterable[str]) -> Rows:
    """By pandas, a thousand lines at a time."""
    with pd.read_json(folder / f"{short}.jsonl", lines=True, chunksize=1000, dtype=False) as frames:
        for frame in frames:
            yield from frame.to_dict("records")


def read_parquet(folder: Path, short: str, _languages: Iterable[str]) -> Rows:
    """By pyarrow, a row group at a time."""
    for batch in parquet.ParquetFile(folder / f"{short}.parquet").iter_batches():
        yield from batch.to_pylist()


def read_llava(folder: Path, short: str, languages: Iterable[str]) -> Rows:
    """As LLaVA does: JSON that is loaded whole."""
    for language in languages:
        for entry in json.loads((folder / f"{short}_llava{_suffix(language)}.json").read_bytes()):
            assert entry.keys() - {"image"} == {"id", "conversations"}
            images = entry.get("image", [])
            for row in _read_talk(entry, [images] if isinstance(images, str) else images):
                yield {**row, "language": language}


def read_sharegpt(*folders: Path) -> Rows:
    """As LLaMA-Factory does: by `datasets`, which makes a table of all languages."""
    for entry in load_by_datasets(*folders):
        assert entry.keys() == {"id", "conversations", "images"}
        yield from _read_talk(entry, entry["images"])


def _read_talk(entry: dict[str, Any], images: list[str]) -> Rows:
    """Its turns; loaders count the places of images and refuse another number."""
    first, *later = entry["conversations"]
    said = "".join(each["value"] for each in entry["conversations"])
    assert [said.count(f"<{kind}>") for kind in ("image", "video", "audio")] == [len(images), 0, 0]
    head = "<image>\n" * len(images)
    assert first["value"].startswith(head)
    first = {**first, "value": first["value"].removeprefix(head)}
    turns = [(each["from"], each["value"]) for each in (first, *later)]
    return _read_turns(turns, ("human", "gpt"), {"id": entry["id"], "image_ids": images})


def read_chatml(folder: Path, short: str, languages: Iterable[str]) -> Rows:
    """JSON lines whose messages are those of the OpenAI package."""
    messages = TypeAdapter(list[ChatCompletionMessageParam])
    for language in languages:
        with (folder / f"{short}_chatml{_suffix(language)}.jsonl").open("rb") as lines:
            for line in lines:
                entry = json.loads(line)
                assert list(entry) == ["messages"]
                messages.validate_python(entry["messages"])
                assert all(each.keys() == {"role", "content"} for each in entry["messages"])
                turns = [(each["role"], each["content"]) for each in entry["messages"]]
                for row in _read_turns(turns, ("user", "assistant"), {}):
                    yield {**row, "language": language}


def _read_turns(
    said: Sequence[tuple[str, str]], roles: tuple[str, str], first: dict[str, Any]
) -> Rows:
    assert [role for role, _ in said] == [*roles] * (len(said) // 2)
    for at in range(0, len(said), 2):
        texts = {"instruction": said[at][1], "answer": said[at + 1][1]}
        yield {**texts, "begins": not at, **({} if at else first)}


def read_streaming(folder: Path, _short: str, languages: Iterable[str]) -> Rows:
    """One language after the other by `datasets`, each by its name, as a stream."""
    return load_by_datasets(folder, names=tuple(languages), streaming=True)


# Several folders at once, because `datasets` takes two seconds to begin.
BY_DATASETS: dict[Format, Callable[..., Rows]] = {
    "jsonl": load_by_datasets,
    "sharegpt": read_sharegpt,
    "hf": load_by_datasets,
}
BY_OTHERS: dict[Format, Reader] = {
    "mimicit": read_mimicit,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "llava": read_llava,
    "chatml": read_chatml,
}


def assert_equal(found: Iterable[dict[str, Any]], wanted: Iterable[dict[str, Any]]) -> None:
    """Row for row, in their order, as far as the format has the field."""
    for row, expected in zip(found, wanted, strict=True):
        assert row == {name: expected[name] for name in row}
