"""`syphus translate RUN`: a finished run in more languages."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syphus.cli.going_on import go_on
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

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    from syphus.core.languages import choose_languages  # noqa: PLC0415 - not needed by --help

    def more(facts: Mapping[str, Any]) -> dict[str, Any]:
        return {"languages": (*facts.get("languages", ()), *choose_languages(languages))}

    return go_on(
        context, run, flags, only="translate", more=more, config=config, progress=not no_progress
    )
