"""`syphus run`: the main job."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from syphus.cli.options import (  # noqa: TC001 - typer reads the annotations
    Backend,
    BaseUrl,
    BatchFallback,
    BatchFallbackBelow,
    Config,
    EnqueuedTokens,
    FetchImages,
    GlossaryFile,
    ImageSide,
    Judge,
    JudgeLeast,
    Money,
    NoProgress,
    NumThreads,
    PersonalData,
    PollSeconds,
    QualityMode,
    RequestsPerMinute,
    TokensPerMinute,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from syphus.core.settings import Settings
    from syphus.pipeline.plan import Plan

# Python looks for garbage in cycles after 700 new objects, mostly those of requests in flight: 3.5%
# of a run's time with 64 of them, more with thousands, and next to nothing is found.
_YOUNG_OBJECTS = 20_000
_NOT_SETTINGS = ("context", "config", "dry_run", "no_progress")


def run(  # noqa: PLR0917 - one parameter a flag is how typer reads a command
    context: typer.Context,
    name: Annotated[
        str, typer.Option("--name", help="The data set: YourDataset.your_dataset.", metavar="NAME")
    ],
    num_threads: NumThreads = None,
    slice_start: Annotated[
        int | None, typer.Option("--slice_start", help="The first query, from 0. [0]")
    ] = None,
    slice_end: Annotated[
        int | None, typer.Option("--slice_end", help="The query to end before; -1: all. [-1]")
    ] = None,
    random_sample: Annotated[
        bool | None, typer.Option("--random_sample", help="Shuffle before slicing.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of the shuffle. [0]")] = None,
    dataset_version: Annotated[
        str | None, typer.Option("--dataset_version", help="Part of the folder's name. [v1]")
    ] = None,
    prompt_path: Annotated[
        str | None, typer.Option("--prompt_path", help="The prompt file.")
    ] = None,
    query_inputs_path: Annotated[
        str | None, typer.Option("--query_inputs_path", "-in", help="The annotation file.")
    ] = None,
    output_dir: Annotated[
        str | None,
        typer.Option("--output_dir", metavar="<path>", help="[output_<name>_<dataset_version>]"),
    ] = None,
    backend: Backend = None,
    model: Annotated[
        str | None, typer.Option("--model", help="The model, or Azure's deployment.")
    ] = None,
    base_url: BaseUrl = None,
    config: Config = None,
    rpm: RequestsPerMinute = None,
    tpm: TokensPerMinute = None,
    budget: Money = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            "--max_tokens",
            help="Most tokens in a reply. [2048; local model: 384, with a response model 1024]",
        ),
    ] = None,
    temperature: Annotated[float | None, typer.Option("--temperature", help="[0.7]")] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", help="Seconds that one attempt may take. [300]")
    ] = None,
    max_reasks: Annotated[
        int | None,
        typer.Option("--max_reasks", help="How often a reply without a pair is asked again. [1]"),
    ] = None,
    poll_seconds: PollSeconds = None,
    enqueued_tokens: EnqueuedTokens = None,
    batch_fallback: BatchFallback = None,
    batch_fallback_below: BatchFallbackBelow = None,
    languages: Annotated[
        str | None,
        typer.Option("--languages", help="all, none, or some of zh,ja,es,de,fr,ko,ar. [all]"),
    ] = None,
    glossary: GlossaryFile = None,
    quality: QualityMode = None,
    personal_data: PersonalData = None,
    judge: Judge = None,
    judge_least: JudgeLeast = None,
    image_side: ImageSide = None,
    fetch_images: FetchImages = None,
    reparse: Annotated[
        bool | None, typer.Option("--reparse", help="Write the files anew; send nothing.")
    ] = None,
    redo: Annotated[
        Literal["failed", "truncated", "invalid"] | None,
        typer.Option("--redo", help="Ask these queries of an earlier run again."),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry_run", help="Show messages, tokens and cost; send nothing.")
    ] = False,
    no_progress: NoProgress = False,
) -> int:
    """Ask about every annotation of a data set, and write its instruction files."""
    flags = {key: value for key, value in locals().items() if key not in _NOT_SETTINGS}
    from syphus.cli.idle_flags import refuse_idle_flags  # noqa: PLC0415 - not for --help
    from syphus.core.settings import environment, load_settings  # noqa: PLC0415
    from syphus.pipeline.plan import make_plan  # noqa: PLC0415

    env = environment()
    settings = load_settings(flags, config=config)
    refuse_idle_flags(flags, settings)
    context.obj.keep_secret(settings, env)
    plan = make_plan(settings, root=context.obj.root, env=env)
    if dry_run:
        from syphus.cli.dry_run import show_preview  # noqa: PLC0415 - only here

        show_preview(plan)
        return 0
    return run_plan(plan, settings, progress=not no_progress)


def run_plan(plan: Plan, settings: Settings, *, progress: bool) -> int:
    """Runs a plan to its end, showing how far it is; returns the exit status."""
    import asyncio  # noqa: PLC0415 - 20 ms, not for --help

    from syphus.cli.console import Console  # noqa: PLC0415 - rich and structlog, as above
    from syphus.cli.leaving import Unawaited  # noqa: PLC0415
    from syphus.cli.open_files import raise_file_limit  # noqa: PLC0415
    from syphus.cli.progress import show_outcome  # noqa: PLC0415
    from syphus.cli.signals import RunSignals  # noqa: PLC0415
    from syphus.pipeline.run import Run  # noqa: PLC0415

    console = Console(progress=progress, secrets=plan.secrets)
    raise_file_limit(settings.num_threads, observer=console)
    job = Run(plan, observer=console)
    gc.set_threshold(_YOUNG_OBJECTS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        loop = runner.get_loop()
        loop.set_default_executor(Unawaited())
        with RunSignals(job, console, loop, by_batch=settings.backend == "batch"):
            with console.watching(
                job.snapshot, title=f"{settings.name} {settings.dataset_version}"
            ):
                outcome = runner.run(job.execute())
            show_outcome(outcome, observer=console)
    return outcome.exit_status


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415 - absent on some systems
    except ImportError:
        from asyncio import new_event_loop  # noqa: PLC0415 - as above

        return new_event_loop
    return uvloop.new_event_loop
