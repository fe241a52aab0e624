"""The version of Syphus."""

__version__ = "0.1.0"
