"""What a run's two stages ask with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.errors import SettingsError
from syphus.core.records import RequestShape
from syphus.export.run_file import read_run_file
from syphus.pipeline.keeping import redone_kinds
from syphus.prompting.messages import Assembler
from syphus.prompting.tokens import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syphus.core.deployments import Deployment
    from syphus.pipeline.keeping import StageJournal
    from syphus.pipeline.plan import Plan
    from syphus.pipeline.translating import Translating


def shape_of_run(
    plan: Plan, deployments: Sequence[Deployment], response_format: bytes | None
) -> RequestShape:
    """What all requests share; a run that keeps its answers takes what the last one had.

    Raises SettingsError where such a run has no earlier one.
    """
    if plan.keeps_answers:
        earlier = read_run_file(plan.settings.folder)
        if not earlier:
            raise SettingsError(f"translate: there is no run in {plan.settings.folder}")
        return RequestShape(
            model=earlier["model"],
            sampling=plan.sampling,
            response_format=(earlier["response_format"] or "").encode() or None,
        )
    if plan.dataset.response_model is not None:
        from syphus.prompting.structured import response_format as format_of  # noqa: PLC0415

        response_format = format_of(plan.dataset.response_model)
    return RequestShape(
        model=plan.model if plan.model and not plan.is_local else deployments[0].model,
        sampling=plan.sampling,
        response_format=response_format,
    )


def translation_shape(
    plan: Plan, deployments: Sequence[Deployment], shape: RequestShape
) -> RequestShape:
    """What all translations share, beside the `shape` of the first stage."""
    model = shape.model
    if deployments:
        model = deployments[0].model if plan.is_local else plan.model or deployments[0].model
    return RequestShape(model=model, sampling=plan.translation_sampling)


def make_translating(
    plan: Plan,
    journal: StageJournal,
    *,
    shape: RequestShape,
    languages: tuple[str, ...],
    left_out: tuple[str, ...],
) -> Translating:
    """The second stage."""
    from syphus.pipeline.translating import Translating  # noqa: PLC0415 - only with languages
    from syphus.translation.prompt import load_prefix  # noqa: PLC0415

    return Translating(
        languages=languages,
        left_out=left_out,
        assembler=Assembler(load_prefix(), shape, stage="translate"),
        journal=journal,
        count_tokens=estimate_tokens,
        max_reasks=plan.settings.max_reasks,
        glossary=plan.glossary,
        redo=redone_kinds("invalid" if plan.only_translate else plan.settings.redo),
        send=not plan.settings.reparse,
        unwanted=plan.quality.unwanted if plan.quality and plan.quality.drops else None,
    )
