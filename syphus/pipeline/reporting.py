"""The report of a run: its files are read once each, as a stream, and written as one page."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from syphus.core.durable import read_json_list, remove_leftovers, replacing
from syphus.core.errors import SettingsError, StoppedEarly
from syphus.core.languages import LANGUAGES
from syphus.export.editions import ENGLISH, Edition
from syphus.export.mimicit import instructions_path
from syphus.export.results import ERRORS, INVALID, VALID
from syphus.export.run_meta import SUMMARY
from syphus.export.translated import TRANSLATION_ERRORS, translated_path
from syphus.pipeline.exporting import hold_run, name_folder, read_facts
from syphus.pipeline.journalled import counts_after_kill
from syphus.report.contents import Cost, Report, Texts, Verbs, Yield
from syphus.report.counting import Reasons
from syphus.report.page import GENERATOR, render
from syphus.report.tagging import MISSING, RootCounter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syphus.report.roots import Root

# Written without spaces between words.
_UNSPACED = ("zh", "ja")
WORDS, LETTERS = "words", "letters"
_HEAD = 4_096
# Their sentences are longer; of 5,000 a share is known to one or two in a hundred.
_ANSWERS_LOOKED_AT = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What was written; `lacking` are the files that aren't there, `missing` an absent package."""

    path: Path
    state: str
    pairs: dict[str, int]
    lacking: tuple[str, ...]
    missing: str | None


def report_run(run: Path, *, path: Path | None = None) -> Reported:
    """Writes the report of the run in `run` as HTML to `path`, or else to `<run>_report.html`.

    A run that was stopped has the report of what its files hold. An earlier report is replaced.

    Raises InputError, in one line, where the run or its files can't be read, or where something
    else stands at `path`; JournalInUse where a process works on the run, JournalDamaged where it
    was killed and its journal can't be read; StoppedEarly where the disk refuses the page.
    """
    read_facts(run)
    with ExitStack() as stack:
        hold_run(run, stack)
        facts = read_facts(run)
        if facts["state"] == "running":  # nobody works on it: its file is that of a while ago
            facts["counts"] |= counts_after_kill(run, facts)
        target = path or _beside(run)
        _check_place(target)
        report = _gather(run, facts)
    remove_leftovers(target)
    try:
        with replacing(target) as file:
            file.write(render(report).encode("utf-8", "replace"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoppedEarly(f"{target} can't be written: {reason}") from error
    return Reported(
        path=target,
        state=report.state,
        pairs={texts.language: texts.pairs for texts in report.texts},
        lacking=report.lacking,
        missing=report.verbs.missing if report.verbs else None,
    )


def _beside(run: Path) -> Path:
    """Not in the run's folder, as exports: what reads that finds the run's own files."""
    named = name_folder(run)
    return named.with_name(f"{named.name}_report.html")


def _check_place(path: Path) -> None:
    """That nothing but an earlier report would be replaced."""
    try:
        if not path.exists():
            return
        with path.open("rb") as file:
            is_ours = GENERATOR.encode() in file.read(_HEAD)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}; name another file") from error
    if not is_ours:
        raise SettingsError(f"{path} is no report of Syphus; it is left as it is")


def _gather(run: Path, facts: dict[str, Any]) -> Report:
    free_text = _free_text(run)
    asked, answered = RootCounter(), RootCounter(looked_at=_ANSWERS_LOOKED_AT)
    texts, lacking = ([], []) if free_text else _read_editions(run, facts, (asked, answered))
    meta = _read_summary(run)
    quality = meta.get("quality")
    return Report(
        name=f"{facts['name']} {facts['dataset_version']}",
        state=_state(facts),
        about=_about(facts),
        yielded=_yield(run, facts, meta),
        cost=_cost(facts, meta),
        texts=tuple(texts),
        lacking=tuple(lacking),
        untranslated=_count_reasons(run / TRANSLATION_ERRORS),
        free_text=free_text,
        verbs=_verbs(asked),
        answer_verbs=_verbs(answered),
        quality=quality if isinstance(quality, dict) else None,
        names={ENGLISH: "English", **{code: each.name for code, each in LANGUAGES.items()}},
    )


def _state(facts: dict[str, Any]) -> str:
    if facts["state"] == "finished":
        return "finished"
    if facts["state"] == "running":
        return "not finished: it was killed; the files are those of an earlier sitting, if any"
    return f"not finished: {facts['stopped_by'] or 'it stopped'}"


def _about(facts: dict[str, Any]) -> dict[str, str]:
    named = {
        "model": facts["model"],
        "begun": facts["started"],
        "last resumed": facts.get("resumed"),
        "made by": f"Syphus {facts.get('syphus') or ''}",
    }
    return {name: str(value) for name, value in named.items() if value}


def _read_editions(
    run: Path, facts: dict[str, Any], roots: tuple[RootCounter, RootCounter]
) -> tuple[list[Texts], list[str]]:
    """The texts of each language's file, English first, and the languages that have none."""
    short = facts["short"]
    paths = {code: translated_path(run, short, code) for code in facts["languages"]}
    english = instructions_path(run, short)
    if english.exists() or (run / VALID).exists() or not paths:
        paths = {ENGLISH: english, **paths}
    found: list[Texts] = []
    lacking: list[str] = []
    for code, path in paths.items():
        if path.is_file():
            edition = Edition(language=code, path=path)
            found.append(_read_texts(edition, roots, is_first=not found))
        else:
            lacking.append(code)
    return found, lacking


def _read_texts(
    edition: Edition, roots: tuple[RootCounter, RootCounter], *, is_first: bool
) -> Texts:
    """The sources, which are the same in every language, are counted in the first alone."""
    code = edition.language
    texts = Texts(language=code, unit=LETTERS if code in _UNSPACED else WORDS)
    for pair in edition.pairs():
        texts.pairs += 1
        texts.questions.add(_size(pair.instruction, texts.unit))
        texts.answers.add(_size(pair.answer, texts.unit))
        if is_first:
            texts.sources.add(pair.image_ids)
        if code == ENGLISH:
            roots[0].add(pair.instruction)
            roots[1].add(pair.answer)
    return texts


def _size(text: str, unit: str) -> int:
    words = text.split()
    return len(words) if unit == WORDS else sum(map(len, words))


def _free_text(run: Path) -> Texts | None:
    """The replies of a run that keeps them whole; None where it has pairs, or nothing yet."""
    texts = None
    for record in _records(run / VALID):
        if "results" not in record:
            return None
        texts = texts or Texts(language=ENGLISH, unit=WORDS)
        texts.pairs += 1
        texts.answers.add(_size(str(record["results"]), WORDS))
    return texts


def _verbs(roots: RootCounter) -> Verbs | None:
    if not roots.seen:
        return None
    counted: Counter[Root] = Counter()
    missing = None
    try:
        counted = roots.roots()
    except SettingsError:
        missing = MISSING
    return Verbs(seen=roots.seen, looked_at=roots.looked_at, roots=counted, missing=missing)


def _yield(run: Path, facts: dict[str, Any], meta: dict[str, Any]) -> Yield:
    """By `run.json`, and after a kill by the journal too; reasons by the files."""
    counts = facts["counts"]
    done = {name: counts[name] for name in ("valid", "invalid", "failed")}
    unjudged = max(0, _whole(counts, "answered") - sum(done.values()))
    shown = {
        "gave pairs": done["valid"],
        "gave none that is valid": done["invalid"],
        "failed": done["failed"],
        "had nothing to ask": counts["empty"],
    }
    if unjudged:
        shown["answered, not judged yet"] = unjudged
    read = max(counts["read"], sum(shown.values()))
    return Yield(
        read=read,
        total=counts["total"],
        counts={**shown, "not answered yet": read - sum(shown.values())},
        skipped=_whole(meta, "skipped_items"),
        invalid=_count_reasons(run / INVALID),
        failures=_count_reasons(run / ERRORS, "kind"),
    )


def _cost(facts: dict[str, Any], meta: dict[str, Any]) -> Cost:
    counts = facts["counts"]
    perhaps = meta.get("perhaps_cost")
    return Cost(
        prompt_tokens=counts["prompt_tokens"],
        cached_tokens=_whole(counts, "cached_tokens"),
        completion_tokens=counts["completion_tokens"],
        dollars=counts["cost"],
        perhaps_billed=_whole(meta, "perhaps_billed"),
        perhaps_dollars=float(perhaps) if isinstance(perhaps, int | float) else 0.0,
        seconds=facts["seconds"],
    )


def _whole(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) else 0


def _count_reasons(path: Path, field: str = "error_message") -> Reasons:
    reasons = Reasons()
    for record in _records(path):
        reasons.add(str(record.get(field, "")))
    return reasons


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a list; none where there is no such file."""
    try:
        for record in read_json_list(path):
            if not isinstance(record, dict):
                raise SettingsError(f"{path} holds something that is no record")
            yield record
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} can't be read: {error}; the run's command with --reparse writes it again"
        ) from error


def _read_summary(run: Path) -> dict[str, Any]:
    path = run / SUMMARY
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from error
    return found if isinstance(found, dict) else {}
