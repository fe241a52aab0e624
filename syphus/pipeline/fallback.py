"""What keeps a fallback from going on in a folder where another model has answered.

A run whose key or address was forgotten would be answered by the embedded model, one whose model
was forgotten by OpenAI's default: all is asked anew, and the finished files are written over.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from syphus.core.endpoints import is_model_named
from syphus.core.errors import SettingsError
from syphus.core.records import STAGES
from syphus.export.run_file import read_run_file
from syphus.journal.format import read_head, read_origin
from syphus.pipeline.run_facts import models_of
from syphus.pipeline.spent import EMBEDDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from syphus.core.deployments import Deployment
    from syphus.core.records import Stage
    from syphus.core.settings import Settings


def refuse_fallback(
    settings: Settings,
    deployments: Sequence[Deployment],
    env: Mapping[str, str],
    *,
    only: Stage | None,
) -> None:
    """Raises SettingsError where nobody chose the model, and another has answered in the folder.

    Who names the embedded model or another model goes on with it. `only` is the stage that alone is
    asked: a translation may be any model's, so OpenAI's default is as good as any. Marks of another
    judge than the run's own hold in place of its own, so that one must be named.
    """
    if settings.reparse:
        return
    if not deployments:
        is_chosen = settings.backend == "local" or settings.model is not None
        answered_by = None if is_chosen else find_endpoint(settings.folder / "journal")
        if answered_by is not None:
            # `syphus translate RUN` and the like have no --output_dir.
            elsewhere = ", another --output_dir leaves these files alone" if only is None else ""
            raise SettingsError(
                f"{settings.folder} holds replies of {answered_by}, and no endpoint is configured "
                "now: set its key or --base_url again; --backend local has the embedded model "
                f"answer instead{elsewhere}"
            )
    elif only != "translate" and deployments[0].model and not is_model_named(settings, env):
        _refuse_default_model(settings.folder, deployments[0].model, only=only)


def find_endpoint(journal: Path) -> str | None:
    """The name of a deployment whose reply a run's journals hold; None if there is no such reply.

    Those of the embedded model don't count: they stand under its name and cost nothing.
    """
    for stage in STAGES:
        path = journal / f"{stage}.jsonl"
        if not path.is_file():
            continue
        with suppress(OSError), path.open("rb") as lines:  # the run says what is wrong with it
            for line in lines:
                head = read_head(line)
                if head is None or head[1] not in ("reply", "truncated"):
                    continue
                name, _ = read_origin(line)
                if name != EMBEDDED or head[2] != 0.0:
                    return name
    return None


def _refuse_default_model(folder: Path, default: str, *, only: Stage | None) -> None:
    try:
        earlier = read_run_file(folder)
    except SettingsError:  # the run tells what is wrong with it
        return
    model = earlier.get("model", default)
    if only == "judge":
        model = earlier.get("judge_model") or model
    if model == default or EMBEDDED in models_of(earlier):
        return
    if find_endpoint(folder / "journal") is None:
        return
    if only == "judge":
        raise SettingsError(
            f"{model} is {folder}'s own judge, and no model is named now: --model {model} (and its "
            f"--base_url, if it has one) goes on, --model {default} judges all anew"
        )
    raise SettingsError(
        f"{folder} holds replies of {model}, and no model is named now: --model {model} (and "
        f"its --base_url, if it has one) goes on, --model {default} asks all anew, another "
        "--output_dir leaves these files alone"
    )
