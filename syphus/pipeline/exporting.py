"""A run in the formats that other programs load."""

from __future__ import annotations

import errno
import re
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from syphus.core.durable import read_json_list
from syphus.core.durable_folder import replacing_folder
from syphus.core.errors import JournalInUse, SettingsError, StoppedEarly
from syphus.core.languages import LANGUAGES
from syphus.export.chatml import write_chatml
from syphus.export.editions import ENGLISH, Edition
from syphus.export.hf import write_hf
from syphus.export.instructions import InstructionsMeta
from syphus.export.jsonl import write_jsonl
from syphus.export.llava import write_llava
from syphus.export.mimicit import instructions_path
from syphus.export.mimicit_editions import write_mimicit_editions
from syphus.export.parquet import write_parquet
from syphus.export.results import VALID
from syphus.export.run_file import count_unanswered, read_run_file
from syphus.export.sharegpt import write_sharegpt
from syphus.export.translated import TRANSLATION_ERRORS, translated_path
from syphus.journal.lock import run_lock
from syphus.pipeline.models_used import find_models
from syphus.pipeline.outputs import AUTHOR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Format: TypeAlias = Literal["mimicit", "jsonl", "parquet", "llava", "sharegpt", "chatml", "hf"]

UNKNOWN_LICENCE = "unknown"
PREVIOUS_TURNS = "previous_turns"
_MARK = ".syphus_export"
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]*", re.IGNORECASE)
_STILL = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS)
_SHORT = re.compile(r"[^/\0]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written; `pairs` by language, `empty` are the languages without any.

    `stopped` says why the run isn't finished, None if it is; `unanswered` queries have no outcome.
    """

    folder: Path
    pairs: dict[str, int]
    empty: tuple[str, ...]
    stopped: str | None = None
    unanswered: int = 0


def export_run(
    run: Path, form: Format, *, folder: Path | None = None, licence: str | None = None
) -> Exported:
    """Writes the pairs of the run in `run` as `form` into `folder`, or else into `<run>_<form>`.

    An earlier export there is replaced; `licence` stands in the data card of `hf`. Of a run that
    was stopped, what its files hold is written.

    Raises InputError, in one line, where the run was killed, has no pairs or lacks a file, and
    where something else stands in `folder`; JournalInUse where a process works on the run;
    StoppedEarly where the disk refuses the files.
    """
    read_facts(run)
    if licence is not None and form != "hf":
        raise SettingsError("--license: only --format hf has a data card that names it")
    if licence is not None and not _LICENCE.fullmatch(licence):
        raise SettingsError(f"--license {licence}: give an identifier such as cc-by-nc-4.0")
    with ExitStack() as stack:
        hold_run(run, stack)
        facts = read_facts(run)
        _refuse_killed(run, facts)
        found = _find_editions(run, facts)
        editions = [each for each in found if any(True for _ in each.pairs())]
        if not editions:
            raise SettingsError(f"{run} holds no pairs: there is nothing to export")
        write = _writer(form, run, facts, licence or UNKNOWN_LICENCE)
        target = name_folder(folder) if folder else _beside(run, form)
        mark = {"format": form, "name": facts["name"], "version": facts["dataset_version"]}
        try:
            with replacing_folder(target, mark=_MARK, facts=mark) as new:
                pairs = write(new, editions)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoppedEarly(f"{target} can't be written: {reason}") from error
    empty = tuple(each.language for each in found if each not in editions)
    stopped = None if facts["state"] == "finished" else facts["stopped_by"] or "it stopped"
    return Exported(
        folder=target,
        pairs=pairs,
        empty=empty,
        stopped=stopped,
        unanswered=count_unanswered(facts) if stopped else 0,
    )


def _beside(run: Path, form: Format) -> Path:
    """Not in the run's folder: whatever reads that finds the run's own files and no others."""
    named = name_folder(run)
    return named.with_name(f"{named.name}_{form}")


def name_folder(folder: Path) -> Path:
    """`.` and `..` by their names, for a folder is replaced under its name."""
    return folder.resolve() if folder.name in {"", ".."} else folder


def hold_run(run: Path, stack: ExitStack) -> None:
    """Keeps other processes from the run; one without a journal, or read-only, is still anyway."""
    try:
        stack.enter_context(run_lock(run / "journal"))
    except JournalInUse as error:
        raise JournalInUse(f"another process works on the run in {run}; wait for it") from error
    except OSError as error:
        if error.errno not in _STILL:
            raise


def read_facts(run: Path) -> dict[str, Any]:
    """What `run.json` says, with a name and languages that files can be looked for by.

    Raises SettingsError where the folder is no run's.
    """
    facts = read_run_file(run)
    if not facts:
        raise SettingsError(f"{run} is no run's folder: it has no run.json")
    short = facts.get("short")
    if not isinstance(short, str) or not _SHORT.fullmatch(short) or short.startswith("."):
        raise SettingsError(f"{run}/run.json isn't the file of a run: short is wrong or missing")
    unknown = [code for code in facts["languages"] if code not in LANGUAGES]
    if unknown:
        raise SettingsError(f"{run}/run.json names an unknown language: {unknown[0]}")
    return facts


def _refuse_killed(run: Path, facts: dict[str, Any]) -> None:
    """Its files are those of an earlier sitting, or some of them."""
    if facts["state"] == "running":
        raise SettingsError(
            f"{run} was killed before it wrote its files: the same command goes on, or with "
            "--reparse writes what there is, asking nothing"
        )


def _find_editions(run: Path, facts: dict[str, Any]) -> list[Edition]:
    """English first; a run that only translated a file has it not."""
    short = facts["short"]
    english = instructions_path(run, short)
    paths = {code: translated_path(run, short, code) for code in facts["languages"]}
    if english.exists() or (run / VALID).exists() or not paths:
        paths = {ENGLISH: english, **paths}
    if not english.exists() and _has_free_text(run):
        raise SettingsError(f"{run} holds free text, no pairs: use {VALID} as it is")
    for path in paths.values():
        if not path.is_file():
            raise SettingsError(
                f"{path} is missing; the run's command with --reparse writes it, asking nothing"
            )
    return [Edition(language=code, path=path) for code, path in paths.items()]


def _has_free_text(run: Path) -> bool:
    try:
        first = next(read_json_list(run / VALID), None)
    except (OSError, ValueError):
        return False
    return isinstance(first, dict) and "results" in first


def _writer(
    form: Format, run: Path, facts: dict[str, Any], licence: str
) -> Callable[[Path, Sequence[Edition]], dict[str, int]]:
    """What fills a folder with `form`."""
    short = facts["short"]
    joined = facts.get("relations") == PREVIOUS_TURNS
    meta = InstructionsMeta(version=facts["dataset_version"], time=facts["started"], author=AUTHOR)
    if form == "hf":
        models = find_models(run, facts)
        return partial(write_hf, facts=facts, models=models, licence=licence)
    writers: dict[Format, Callable[[Path, Sequence[Edition]], dict[str, int]]] = {
        "mimicit": partial(
            write_mimicit_editions, short=short, meta=meta, lacking=run / TRANSLATION_ERRORS
        ),
        "jsonl": partial(write_jsonl, short=short),
        "parquet": partial(write_parquet, short=short),
        "llava": partial(write_llava, short=short, joined=joined),
        "sharegpt": partial(write_sharegpt, short=short, joined=joined),
        "chatml": partial(write_chatml, short=short, joined=joined),
    }
    return writers[form]
