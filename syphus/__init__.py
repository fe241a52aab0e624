"""Syphus: from visual annotations to checked instruction-response pairs."""

from syphus._version import __version__

__all__ = ["__version__"]
