"""Running plugin files.

A file is loaded by its path under a private module name, so that the folder `datasets/` needs no
`__init__.py` and never hides the package of that name. It is run anew each time it is asked for:
a plugin that was mended is the one that is used.

Plugins find three things to import. The folder above `datasets/` and `datasets/` itself stand at
the end of the search path, so that `prompts.some_prompt` and a neighbouring plugin file can be
imported, but can't hide an installed module. `abstract_dataset`, where older plugins take their
base class from, is always our module: a left-over file of that name would give a class that isn't
ours.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

from syphus.core.errors import PluginError
from syphus.plugins import dataset
from syphus.plugins.faults import MODULE_PREFIX, explaining

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

_OLDER_MODULE = "abstract_dataset"


def load_file(path: Path) -> ModuleType:
    """The module that the plugin file at `path`, which is absolute, makes.

    Raises PluginError if the file can't be read or raises.
    """
    name = f"{MODULE_PREFIX}{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path}: not a Python file")
    make_importable(path.parent.parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with explaining(label=f"{path.parent.name}/{path.name}", file=str(path)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def make_importable(root: Path) -> None:
    """Lets what lies under `root` be imported, after everything that is installed."""
    for folder in (str(root), str(root / "datasets")):
        if folder not in sys.path:
            sys.path.append(folder)
    sys.modules[_OLDER_MODULE] = dataset
