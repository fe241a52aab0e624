"""Syphus: from visual annotations to checked instruction-response pairs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from syphus._version import __version__

if TYPE_CHECKING:
    from syphus.core.json_stream import stream_json
    from syphus.core.reading import read_json, read_json_lines
    from syphus.pipeline.interface import Syphus
    from syphus.plugins.dataset import AbstractDataset

__all__ = [
    "AbstractDataset",
    "Syphus",
    "__version__",
    "read_json",
    "read_json_lines",
    "stream_json",
]

_PLACES = {
    "AbstractDataset": "syphus.plugins.dataset",
    "Syphus": "syphus.pipeline.interface",
    "read_json": "syphus.core.reading",
    "read_json_lines": "syphus.core.reading",
    "stream_json": "syphus.core.json_stream",
}


def __getattr__(name: str) -> Any:
    """Imports what is named here when it is first used: `--help` needs none of it."""
    if name not in _PLACES:
        raise AttributeError(f"module 'syphus' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
