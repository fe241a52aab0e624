from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from syphus.core.errors import InputError
from syphus.plugins import QuerySource, find_dataset, load_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from syphus.plugins import AbstractDataset


@dataclass(frozen=True)
class Workshop:
    """A folder that plugins are written into and found in."""

    root: Path

    def write(self, path: str, source: str) -> Path:
        """Writes a file under the root and gives its path."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source))
        return file

    def load(
        self, name: str, prompt_path: str | None = None, query_inputs_path: str | None = None
    ) -> AbstractDataset:
        """The dataset called `name`."""
        return load_dataset(
            name, root=self.root, prompt_path=prompt_path, query_inputs_path=query_inputs_path
        )

    def find(self, name: str) -> type[AbstractDataset]:
        """The class called `name`."""
        return find_dataset(name, root=self.root)

    def texts(self, name: str, **paths: str) -> dict[str, str]:
        """The texts of a dataset's queries by their ids."""
        source = QuerySource(self.load(name, **paths))
        source.check_ahead(100)
        return {query.id: query.text for query in source}


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """An empty workshop; the working folder is another. Imports are undone afterwards."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    root = tmp_path / "root"
    (root / "datasets").mkdir(parents=True)
    path, modules = sys.path.copy(), sys.modules.copy()
    yield Workshop(root)
    sys.path[:] = path
    for name in sys.modules.keys() - modules.keys():
        del sys.modules[name]
    sys.modules.update(modules)


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Calls a function that must refuse its input, and gives the one line that it says."""

    def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> str:
        with pytest.raises(InputError) as caught:
            function(*arguments, **named)
        message = str(caught.value)
        assert "\n" not in message
        return message

    return call
