"""`syphus judge RUN`: the pairs of a finished run graded, by another model if wanted."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from syphus.cli.going_on import go_on
from syphus.cli.options import (  # noqa: TC001 - typer reads the annotations
    Backend,
    BaseUrl,
    BatchFallback,
    BatchFallbackBelow,
    Config,
    EnqueuedTokens,
    JudgeLeast,
    Money,
    NoProgress,
    NumThreads,
    PollSeconds,
    QualityMode,
    RequestsPerMinute,
    TokensPerMinute,
)

_NOT_SETTINGS = ("context", "run", "config", "no_progress")


def judge(  # noqa: PLR0917 - one parameter a flag is how typer reads a command
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="The run's folder, output_<name>_<version>.")],
    quality: QualityMode = None,
    judge_least: JudgeLeast = None,
    num_threads: NumThreads = None,
    backend: Backend = None,
    model: Annotated[str | None, typer.Option("--model", help="The model that judges.")] = None,
    base_url: BaseUrl = None,
    config: Config = None,
    rpm: RequestsPerMinute = None,
    tpm: TokensPerMinute = None,
    budget: Money = None,
    max_reasks: Annotated[
        int | None, typer.Option("--max_reasks", help="How often a pair is asked about again. [1]")
    ] = None,
    poll_seconds: PollSeconds = None,
    enqueued_tokens: EnqueuedTokens = None,
    batch_fallback: BatchFallback = None,
    batch_fallback_below: BatchFallbackBelow = None,
    *,
    no_progress: NoProgress = False,
) -> int:
    """Grade the pairs of an earlier run; asks only about those that the model hasn't judged."""
    flags = {key: value for key, value in locals().items() if key not in _NOT_SETTINGS}
    return go_on(
        context,
        run,
        flags | {"judge": True},
        only="judge",
        config=config,
        progress=not no_progress,
    )
