"""Every format, read back by the library that its users load it with, equals the run's files."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyarrow import parquet

from syphus.pipeline.exporting import Format, export_run
from tests.pipeline.finished_run import SHORT, make_pairs, make_run, source
from tests.pipeline.format_readers import (
    FORMATS,
    READERS,
    assert_equal,
    load_by_datasets,
    run_python,
)

LANGUAGES = ("en", "de")
MANY = {"en": 80_000, "de": 20_000}
MOST_MIB = 64.0
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
    return Many(run, [{**row, "begins": True} for row in source(run, LANGUAGES)], growth)


@pytest.mark.large
@pytest.mark.timeout(400)
def test_memory_does_not_grow_with_the_pairs(many: Many) -> None:
    """A hundred times as many pairs, 100,000 in files of 35 MB, take only a little more."""
    assert many.growth < MOST_MIB


@pytest.mark.large
@pytest.mark.timeout(400)
@pytest.mark.parametrize("form", FORMATS)
def test_a_hundred_thousand_pairs_are_read_back(many: Many, form: Format) -> None:
    """Row for row what the run's files hold, each a conversation of its own."""
    read = READERS[form](many.run.with_name(f"many_{form}"), SHORT, LANGUAGES)
    assert_equal(read, many.rows)


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
    found = list(load_by_datasets(folder, names=(None, "de", "en"), streaming=streaming))
    assert found == source(run, ("en", "de", "de", "en"))


def test_datasets_takes_no_older_export_from_its_cache(tmp_path: Path) -> None:
    """A second export is read also where it has as many pairs, as long as those of the first."""
    for word in ("cat", "dog"):
        pairs = [replace(pair, answer=word) for pair in make_pairs(3)]
        run = make_run(tmp_path / word / "run", {"en": pairs})
        folder = export_run(run, "hf", folder=tmp_path / "same").folder
        assert [row["answer"] for row in load_by_datasets(folder)] == [word] * 3


def test_datasets_loads_conversations(run: Path) -> None:
    """ShareGPT's entries make a table: each has the same fields of the same types."""
    folder = export_run(run, "sharegpt").folder
    (folder / ".syphus_export").unlink()
    (folder / f"{SHORT}_sharegpt_de.json").unlink()
    found = list(load_by_datasets(folder))
    assert found == json.loads((folder / f"{SHORT}_sharegpt.json").read_bytes())
    assert {type(each["images"]) for each in found} == {list}
