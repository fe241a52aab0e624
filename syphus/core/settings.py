"""Settings of a run: flags, then environment, then file, then default. Nothing else reads them."""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError

from syphus.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST = 10**15
Positive = Annotated[int, Field(ge=1, le=_LARGEST)]
Whole = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
_MOST_DOLLARS = 1_000_000_000
_MOST_SECONDS = 1_000_000
_MOST_REASKS = 100
Dollars = Annotated[float, Field(ge=0, le=_MOST_DOLLARS, allow_inf_nan=False)]


def _named(path: object) -> object:
    """A path, but for an empty one: it would mean the working folder."""
    if path == "":
        raise PydanticCustomError("no_path", "it names no folder")
    return path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Strict):
    """US dollars per million tokens; `cached` is the price of a prompt token served by a cache."""

    prompt: Dollars
    completion: Dollars
    cached: Dollars | None = None


class DeploymentEntry(_Strict):
    """One `[[deployments]]` table of a settings file.

    The key stands in `api_key`, or in the environment variable that `api_key_env` names. With
    `entra` that is an Entra token, and without one the identity of whoever runs Syphus gives it.
    """

    name: str | None = None
    api_type: Literal["openai", "azure"] = "openai"
    base_url: Annotated[str, Field(repr=False)]
    model: str | None = None
    api_key: SecretStr | None = None
    api_key_env: str | None = None
    entra: bool = False
    api_version: str | None = None
    rpm: Positive | None = None
    tpm: Positive | None = None
    max_in_flight: Positive | None = None
    price: Price | None = None


class Settings(_Strict):
    """What a run is told. Field names are the flags' names.

    `rpm` and `tpm` are requests and tokens per minute, `budget` US dollars, `timeout` seconds an
    attempt may take in all, `languages` the targets of translation, `max_reasks` how often a reply
    without a pair, or a pair without a translation, is asked for again. Batches are looked at every
    `poll_seconds`; `enqueued_tokens` is the endpoint's limit for prompts in batches under way; a
    rest of at most `batch_fallback_below` requests is finished by `batch_fallback`. `quality` has
    pairs checked, and those with faults counted or dropped; `personal_data` is one more fault. With
    `judge` a model grades each pair, and a mark below `judge_least` (3) is a fault.
    Images that go with a question have no side longer than `image_side` pixels; `fetch_images` lets
    those be fetched whose address stands in the data.
    `from_file` names the fields that stand in the settings file `config` alone: the environment
    goes before them.
    """

    name: Annotated[str, Field(min_length=1)]
    num_threads: Positive = 16
    slice_start: Whole = 0
    slice_end: Whole | None = None
    random_sample: bool = False
    seed: Whole = 0
    dataset_version: Annotated[str, Field(pattern=r"^[\w.-]+$")] = "v1"
    prompt_path: str | None = None
    query_inputs_path: str | None = None
    output_dir: Annotated[Path | None, BeforeValidator(_named)] = None
    backend: Literal["auto", "openai", "batch", "local"] = "auto"
    model: str | None = None
    base_url: Annotated[str | None, Field(repr=False)] = None
    poll_seconds: Annotated[float, Field(gt=0, le=_MOST_SECONDS, allow_inf_nan=False)] = 60.0
    enqueued_tokens: Positive | None = None
    batch_fallback: Literal["online"] | None = None
    batch_fallback_below: Positive = 100
    rpm: Positive | None = None
    tpm: Positive | None = None
    budget: Annotated[float, Field(gt=0, le=_MOST_DOLLARS, allow_inf_nan=False)] | None = None
    max_tokens: Positive | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    timeout: Annotated[float, Field(gt=0, le=_MOST_SECONDS, allow_inf_nan=False)] = 300.0
    max_reasks: Annotated[int, Field(ge=0, le=_MOST_REASKS)] = 1
    reparse: bool = False
    languages: str | None = None
    glossary: Path | None = None
    redo: Literal["failed", "truncated", "invalid"] | None = None
    quality: Literal["off", "report", "drop"] = "off"
    personal_data: bool = False
    judge: bool = False
    judge_least: Annotated[int, Field(ge=1, le=5)] | None = None
    image_side: Annotated[int, Field(ge=32, le=8192)] = 768
    fetch_images: bool = False
    deployments: Annotated[tuple[DeploymentEntry, ...], Field(min_length=1)] = ()
    config: Path | None = None
    from_file: frozenset[str] = frozenset()

    @property
    def folder(self) -> Path:
        """The folder of the run's files."""
        if self.output_dir is not None:
            return self.output_dir
        return Path(f"output_{self.name}_{self.dataset_version}")


def _explain(error: ValidationError, *, where: str) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = DeploymentEntry if "deployments" in first["loc"] else Settings
        near = get_close_matches(str(first["loc"][-1]), known.model_fields, n=1)
        return f"{where}{place}: there is no such field" + (f"; {near[0]}?" if near else "")
    return f"{where}{place}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it isn't UTF-8"
        raise SettingsError(f"--config {path}: can't be read: {reason}") from error
    except (ValueError, RecursionError) as error:  # not TOML, or too large a number, or too deep
        raise SettingsError(f"--config {path}: {error}") from error


def load_settings(flags: Mapping[str, Any], *, config: Path | None = None) -> Settings:
    """Puts flags over a settings file. Flags that weren't given are absent or None.

    Raises SettingsError with one line that names the flag, or the file and its field.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    from_file = _read_file(config) if config else {}
    try:
        if from_file:
            Settings.model_validate({"name": "file", **from_file})
    except ValidationError as error:
        raise SettingsError(_explain(error, where=f"--config {config}: ")) from None
    try:
        weak = frozenset(from_file) - frozenset(given)
        told = {"from_file": weak, "config": config}
        return Settings.model_validate({**from_file, **given, **told})
    except ValidationError as error:
        raise SettingsError(_explain(error, where="--")) from None


def environment(folder: Path | None = None) -> dict[str, str]:
    """The process's variables over those of a `.env` file in `folder` (the working folder).

    Raises SettingsError where that file can't be read.
    """
    from dotenv import dotenv_values  # noqa: PLC0415 - only where a run begins

    path = (folder or Path.cwd()) / ".env"
    try:
        stored = dotenv_values(path) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from error
    found = {name: value for name, value in stored.items() if value is not None}
    return {**found, **os.environ}
