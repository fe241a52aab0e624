"""What the commands share that go on with one stage of an earlier run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syphus.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import typer

    from syphus.core.records import Stage

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


def go_on(
    context: typer.Context,
    run: Path,
    flags: Mapping[str, Any],
    *,
    only: Stage,
    more: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda _: {},
    config: Path | None,
    progress: bool,
) -> int:
    """Asks what one stage of the run lacks, with the run's own settings under `flags`.

    `more` gives the settings that depend on what `run.json` says. Returns the exit status.

    Raises SettingsError where there is no such run, and for a flag that would do nothing.
    """
    from syphus.cli.idle_flags import refuse_idle_flags  # noqa: PLC0415 - not needed by --help
    from syphus.cli.run import run_plan  # noqa: PLC0415
    from syphus.core.settings import environment, load_settings  # noqa: PLC0415
    from syphus.export.run_file import read_run_file  # noqa: PLC0415
    from syphus.pipeline.plan import make_plan  # noqa: PLC0415

    facts = read_run_file(run)
    if not facts:
        raise SettingsError(f"{run} is no run's folder: it has no run.json")
    kept = {name: facts["settings"].get(name) for name in KEPT}
    given = {name: value for name, value in flags.items() if value is not None}
    told = {"languages": facts.get("languages", ()), **more(facts)}
    told["languages"] = ",".join(dict.fromkeys(map(str, told["languages"]))) or "none"
    settings = load_settings({**kept, **given, **told, "output_dir": run}, config=config)
    refuse_idle_flags(flags, settings)
    env = environment()
    context.obj.keep_secret(settings, env)
    plan = make_plan(settings, root=context.obj.root, env=env, only=only)
    return run_plan(plan, settings, progress=progress)
