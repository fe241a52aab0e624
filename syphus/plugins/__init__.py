"""Dataset plugins: the class they extend, finding one by its name, reading its queries."""

from syphus.plugins.dataset import AbstractDataset
from syphus.plugins.find import AvailableDataset, available, find_dataset, load_dataset
from syphus.plugins.queries import QuerySource, select

__all__ = [
    "AbstractDataset",
    "AvailableDataset",
    "QuerySource",
    "available",
    "find_dataset",
    "load_dataset",
    "select",
]
