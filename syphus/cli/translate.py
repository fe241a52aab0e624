"""`syphus translate RUN`: a finished run in more languages."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syphus.cli.options import (  # noqa: TC001 - typer reads the annotations
    Backend,
    BaseUrl,
    BatchFallback,
    BatchFallbackBelow,
    Config,
    EnqueuedTokens,
    GlossaryFile,
    Money,
    NoProgress,
    NumThreads,
    PollSeconds,
    RequestsPerMinute,
    TokensPerMinute,
)
from syphus.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT = (
    "name",
    "dataset_version",
    "prompt_path",
    "query_inputs_path",
    "slice_start",
    "slice_end",
    "random_sample",
    "seed",
    "max_reasks",
    "quality",
    "personal_data",
    "judge",
    "judge_least",
)
_NOT_SETTINGS = ("context", "run", "config", "no_progress", "languages")


def translate(  # noqa: PLR0917 - one parameter a flag is how typer reads a command
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="The run's folder, output_<name>_<version>.")],
    languages: Annotated[
        str, typer.Option("--languages", help="all, or some of zh,ja,es,de,fr,ko,ar. [all]")
    ] = "all",
    glossary: GlossaryFile = None,
    num_threads: NumThreads = None,
    backend: Backend = None,
    model: Annotated[str | None, typer.Option("--model", help="The model that translates.")] = None,
    base_url: BaseUrl = None,
    config: Config = None,
    rpm: RequestsPerMinute = None,
    tpm: TokensPerMinute = None,
    budget: Money = None,
    max_reasks: Annotated[
        int | None, typer.Option("--max_reasks", help="How often a pair is asked for again. [1]")
    ] = None,
    poll_seconds: PollSeconds = None,
    enqueued_tokens: EnqueuedTokens = None,
    batch_fallback: BatchFallback = None,
    batch_fallback_below: BatchFallbackBelow = None,
    *,
    no_progress: NoProgress = False,
) -> int:
    """Translate the pairs of an earlier run; asks only for what isn't there yet."""
    flags = {key: value for key, value in locals().items() if key not in _NOT_SETTINGS}
    from syphus.cli.run import run_plan  # noqa: PLC0415 - not needed by --help
    from syphus.core.languages import choose_languages  # noqa: PLC0415
    from syphus.core.settings import environment, load_settings  # noqa: PLC0415
    from syphus.export.run_file import read_run_file  # noqa: PLC0415
    from syphus.pipeline.plan import make_plan  # noqa: PLC0415

    facts = read_run_file(run)
    if not facts:
        raise SettingsError(f"{run} is no run's folder: it has no run.json")
    kept = {name: facts["settings"].get(name) for name in KEPT}
    given = {name: value for name, value in flags.items() if value is not None}
    asked = _joined((*facts.get("languages", ()), *choose_languages(languages)))
    settings = load_settings(
        {**kept, **given, "languages": asked, "output_dir": run}, config=config
    )
    env = environment()
    context.obj.keep_secret(settings, env)
    plan = make_plan(settings, root=context.obj.root, env=env, only_translate=True)
    return run_plan(plan, settings, progress=not no_progress)


def _joined(codes: Iterable[Any]) -> str:
    return ",".join(dict.fromkeys(map(str, codes))) or "none"
