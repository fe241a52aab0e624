"""Data sets that ship with Syphus, read in any folder; what loading leaves is undone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syphus.core.records import Query
from syphus.plugins import QuerySource, load_dataset

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def undo_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undoes what loading a plugin leaves; the working folder is another than the root."""
    monkeypatch.chdir(tmp_path)
    path, modules = sys.path.copy(), sys.modules.copy()
    yield
    sys.path[:] = path
    for name in sys.modules.keys() - modules.keys():
        if name.startswith("_syphus_dataset_"):
            del sys.modules[name]


class Reading:
    """A data set that has been read: its queries and what it left out."""

    def __init__(self, name: str, path: Path | None = None) -> None:
        self.dataset = load_dataset(
            name, root=ROOT, prompt_path=None, query_inputs_path=None if path is None else str(path)
        )
        source = QuerySource(self.dataset)
        self.queries: list[Query] = list(source)
        self.left_out = [str(each) for each in source.skips.kept]

    @property
    def texts(self) -> dict[str, str]:
        """The queries' texts by their ids."""
        return {query.id: query.text for query in self.queries}

    def images(self, query_id: str) -> list[str]:
        """The image ids of one query."""
        (query,) = [query for query in self.queries if query.id == query_id]
        return list(self.dataset.image_ids(query))


@pytest.fixture
def read_dataset() -> Callable[..., Reading]:
    """Reads a data set by its name, and the path of its annotations or none for the sample."""
    return Reading


@pytest.fixture
def spoil(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Writes annotations under a name, as JSON unless they are a text."""

    def write(name: str, value: Any) -> Path:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return path

    return write
