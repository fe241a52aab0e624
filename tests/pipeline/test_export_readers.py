"""Every format, read back by the library that its users load it with, equals the run's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyarrow import parquet

from syphus.core.records import Pair
from syphus.pipeline.exporting import Format, export_run
from tests.pipeline.finished_run import SHORT, make_pairs, make_run, name_of, source
from tests.pipeline.format_readers import (
    BY_DATASETS,
    BY_OTHERS,
    FORMATS,
    Reader,
    Rows,
    assert_equal,
    load_by_datasets,
    read_streaming,
    run_python,
)

LANGUAGES = ("en", "de")
MANY = {"en": 80_000, "de": 20_000}
MOST_MIB = 64.0
PAIR: dict[str, Any] = {"query_id": "", "instruction": "An album?", "answer": "It is."}
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


def by_datasets(read: Callable[..., Rows]) -> Reader:
    """A reader of one folder."""
    return lambda folder, _short, _languages: read(folder)


READERS: list[tuple[Format, str, Reader]] = [
    *((form, "by others", read) for form, read in BY_OTHERS.items()),
    *((form, "by datasets", by_datasets(read)) for form, read in BY_DATASETS.items()),
    ("hf", "by datasets, streaming", read_streaming),
]
by_each_reader = pytest.mark.parametrize(
    ("form", "read"),
    [(form, read) for form, _, read in READERS],
    ids=[f"{form} {how}" for form, how, _ in READERS],
)


def rows_of(run: Path) -> list[dict[str, Any]]:
    """What the run's files hold; each pair begins a conversation."""
    return [{**row, "begins": True} for row in source(run, LANGUAGES)]


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
    return Many(run, rows_of(run), growth)


@pytest.mark.large
@pytest.mark.timeout(400)
def test_memory_does_not_grow_with_the_pairs(many: Many) -> None:
    """A hundred times as many pairs, 100,000 in files of 35 MB, take only a little more."""
    assert many.growth < MOST_MIB


@pytest.mark.large
@pytest.mark.timeout(400)
@by_each_reader
def test_a_hundred_thousand_pairs_are_read_back(many: Many, form: Format, read: Reader) -> None:
    """Row for row what the run's files hold, each a conversation of its own."""
    assert_equal(read(many.run.with_name(f"many_{form}"), SHORT, LANGUAGES), many.rows)


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
def test_odd_pairs_are_read_back(odd: Path, form: Format, read: Reader) -> None:
    """Control characters, right-to-left marks, ids like paths, albums, and very long lists."""
    assert_equal(read(odd.with_name(f"run_{form}"), SHORT, LANGUAGES), rows_of(odd))


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
    found = list(load_by_datasets(folder, names=(None, "de", "en"), streaming=streaming))
    assert found == source(run, ("en", "de", "de", "en"))


def test_datasets_takes_no_older_export_from_its_cache(tmp_path: Path) -> None:
    """A second export is read also where it has as many pairs, as long as those of the first."""
    for word in ("cat", "dog"):
        pairs = [replace(pair, answer=word) for pair in make_pairs(3)]
        run = make_run(tmp_path / word / "run", {"en": pairs})
        folder = export_run(run, "hf", folder=tmp_path / "same").folder
        assert [row["answer"] for row in load_by_datasets(folder)] == [word] * 3
