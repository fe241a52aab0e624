"""The languages of a run: those that it asks for, and those that earlier runs left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.languages import TARGETS, choose_languages
from syphus.export.run_file import read_run_file
from syphus.export.translated import translated_path

if TYPE_CHECKING:
    from syphus.core.events import Observer
    from syphus.pipeline.plan import Plan


def choose_targets(plan: Plan, observer: Observer) -> tuple[str, ...]:
    """The targets of translation: those asked for, else all that make sense."""
    asked = plan.settings.languages
    if plan.dataset.free_text:
        return ()
    if asked is not None:
        return choose_languages(asked)
    if plan.settings.reparse:
        earlier = read_run_file(plan.settings.folder)
        return choose_languages(",".join(earlier.get("languages", ())) or "none")
    if plan.is_local:
        observer.notice(
            "--languages none: the embedded model is too small to translate; "
            "name languages to have it try"
        )
        return ()
    return TARGETS


def find_left_out(plan: Plan, targets: tuple[str, ...]) -> tuple[str, ...]:
    """The languages that aren't targets of this run and have a file of an earlier one."""
    folder, short = plan.settings.folder, plan.dataset.short
    return tuple(
        code
        for code in TARGETS
        if code not in targets and translated_path(folder, short, code).exists()
    )
