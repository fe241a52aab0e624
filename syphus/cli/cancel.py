"""`syphus cancel RUN`: ends a run's batches and keeps what they have done."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated, Any

import typer

from syphus.cli.options import (  # noqa: TC001 - typer reads the annotations
    BaseUrl,
    Config,
    PollSeconds,
)
from syphus.core.errors import SettingsError, StoppedEarly


def cancel(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="The run's folder, output_<name>_<version>.")],
    base_url: BaseUrl = None,
    config: Config = None,
    poll_seconds: PollSeconds = None,
    *,
    forget: Annotated[
        bool, typer.Option("--forget", help="Give up batches that the endpoint doesn't know.")
    ] = False,
) -> int:
    """Cancel a run's batches at the endpoint; keep what they have done and write its files."""
    from syphus.cli.console import Console  # noqa: PLC0415 - not needed by --help
    from syphus.cli.going_on import KEPT  # noqa: PLC0415
    from syphus.cli.run import run_plan  # noqa: PLC0415
    from syphus.core.endpoints import (  # noqa: PLC0415
        choose_deployments,
        find_secrets,
        is_address_named,
    )
    from syphus.core.secrets import Secrets  # noqa: PLC0415
    from syphus.core.settings import environment, load_settings  # noqa: PLC0415
    from syphus.export.run_file import read_run_file  # noqa: PLC0415
    from syphus.pipeline.batches import cancel_batches  # noqa: PLC0415
    from syphus.pipeline.plan import make_plan  # noqa: PLC0415

    facts = read_run_file(run)
    if not facts or not (run / "journal" / "batches.jsonl").exists():
        raise SettingsError(f"{run} holds no run by batches")
    kept = {name: facts["settings"].get(name) for name in KEPT} | {"output_dir": run}
    reach = {"base_url": base_url, "poll_seconds": poll_seconds, "model": facts["model"]}
    settings = load_settings({**kept, **reach, "backend": "batch"}, config=config)
    env = environment()
    if not is_address_named(settings, env):
        reach["base_url"] = _own_endpoint(run, facts)
        settings = load_settings({**kept, **reach, "backend": "batch"}, config=config)
    context.obj.keep_secret(settings, env)
    secrets = Secrets(find_secrets(settings, env))
    console = Console(progress=False, secrets=secrets)
    first = choose_deployments(settings, env)[0]
    try:
        count = asyncio.run(cancel_batches(settings, first, console, forget=forget))
    except KeyboardInterrupt:
        raise StoppedEarly(
            "interrupted: batches may be cancelled already; the same command goes on from here"
        ) from None
    console.notice(f"the batches have ended; {count} replies of theirs were kept")
    plan = make_plan(load_settings({**kept, "reparse": True}), root=context.obj.root, env=env)
    return run_plan(plan, plan.settings, progress=False)


def _own_endpoint(run: Path, facts: dict[str, Any]) -> str | None:
    """The address that the run's batches are at; None if nothing tells of one, or of several.

    Raises SettingsError where it is a resource of Azure, which an address alone doesn't say.
    """
    from syphus.backends.batch.reading import read_endpoints  # noqa: PLC0415 - not for --help

    endpoints = read_endpoints(run / "journal")
    if len(endpoints) != 1:
        return None
    (endpoint,) = endpoints
    if any(each.get("api_type") == "azure" for each in facts.get("deployments", ())):
        raise SettingsError(
            f"the batches of {run} are at a resource of Azure: set OPENAI_API_TYPE=azure and "
            f"AZURE_OPENAI_ENDPOINT={endpoint}, or give the run's --config file"
        )
    return endpoint
