"""Syphus: from visual annotations to checked instruction-response pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syphus._version import __version__
from syphus.core.reading import read_json, read_json_lines
from syphus.plugins.dataset import AbstractDataset

if TYPE_CHECKING:
    from syphus.pipeline.interface import Syphus

__all__ = ["AbstractDataset", "Syphus", "__version__", "read_json", "read_json_lines"]


def __getattr__(name: str) -> Any:
    """Imports `Syphus` when it is first used: plugins and `--help` don't need what it needs."""
    if name == "Syphus":
        from syphus.pipeline.interface import Syphus  # noqa: PLC0415 - see above

        return Syphus
    raise AttributeError(f"module 'syphus' has no attribute {name!r}")
