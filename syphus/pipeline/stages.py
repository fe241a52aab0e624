"""What a run's stages ask with, and those behind the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syphus.core.errors import SettingsError
from syphus.core.records import RequestShape
from syphus.export.run_file import read_run_file
from syphus.pipeline.redo import redone_kinds
from syphus.prompting.messages import Assembler
from syphus.prompting.tokens import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syphus.core.deployments import Deployment
    from syphus.core.records import Stage
    from syphus.pipeline.asking import Asked
    from syphus.pipeline.generation import Generation
    from syphus.pipeline.judging import Judging
    from syphus.pipeline.keeping import Kept, StageJournal
    from syphus.pipeline.plan import Plan
    from syphus.pipeline.quality import Quality
    from syphus.pipeline.translating import Translating, Unwanted

_LONGEST_LOCAL_TEXT = 200


def shape_of_run(
    plan: Plan, deployments: Sequence[Deployment], response_format: bytes | None
) -> RequestShape:
    """What all requests share; a run that keeps its answers takes what the last one had.

    Raises SettingsError where such a run has no earlier one.
    """
    if plan.keeps_answers:
        earlier = read_run_file(plan.settings.folder)
        if not earlier:
            raise SettingsError(f"{plan.only}: there is no run in {plan.settings.folder}")
        return RequestShape(
            model=earlier["model"],
            sampling=plan.sampling,
            response_format=(earlier["response_format"] or "").encode() or None,
        )
    if plan.dataset.response_model is not None:
        from syphus.prompting.structured import response_format as format_of  # noqa: PLC0415

        # A small model repeats itself inside a text until the token limit cuts the reply off.
        longest = _LONGEST_LOCAL_TEXT if plan.is_local else None
        response_format = format_of(plan.dataset.response_model, longest=longest)
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


def judge_shape(plan: Plan, deployments: Sequence[Deployment], shape: RequestShape) -> RequestShape:
    """What all requests to the judge share; where none is made, the judge is the last one."""
    model = translation_shape(plan, deployments, shape).model
    if not plan.asks("judge"):
        model = read_run_file(plan.settings.folder).get("judge_model") or shape.model
    return RequestShape(model=model, sampling=plan.judge_sampling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """The stages that ask about the pairs of the first one."""

    judging: Judging | None = None
    translating: Translating | None = None

    @property
    def first(self) -> Judging | Translating | None:
        """The stage that begins with a query's pairs; it hands them on to the next."""
        return self.judging or self.translating

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be asked or answered."""
        return any(stage.requests.is_open for stage in self._stages.values())

    @property
    def takers(self) -> dict[Stage, Callable[[Kept], None]]:
        """What reads the outcomes of each stage."""
        return {name: stage.requests.take for name, stage in self._stages.items()}

    def attach(self, asked: Asked, generation: Generation) -> None:
        """Names who asks, and where the pairs come from."""
        for stage in self._stages.values():
            stage.requests.attach(
                asked.engine, asked.wants_description, generation.pairs_of, asked.sent_before
            )
        if self.judging is not None:
            self.judging.look_up(generation.about)

    @property
    def _stages(self) -> dict[Stage, Judging | Translating]:
        found: dict[Stage, Judging | Translating | None] = {
            "judge": self.judging,
            "translate": self.translating,
        }
        return {name: stage for name, stage in found.items() if stage is not None}


def make_following(
    plan: Plan,
    journals: Mapping[Stage, StageJournal],
    deployments: Sequence[Deployment],
    shape: RequestShape,
    *,
    languages: tuple[str, ...],
    left_out: tuple[str, ...],
) -> Following:
    """The stages behind the first that the plan wants; `shape` is the first one's."""
    judging = translating = unwanted = None
    quality = plan.quality
    if quality is not None and quality.drops:
        unwanted = quality.unwanted
    if quality is not None and quality.judges:
        judging = _make_judging(
            plan, quality, journals["judge"], shape=judge_shape(plan, deployments, shape)
        )
        if quality.drops:
            unwanted = judging.rejected
    if languages or (left_out and "translate" in journals):
        translating = _make_translating(
            plan,
            journals["translate"],
            shape=translation_shape(plan, deployments, shape),
            languages=languages,
            left_out=left_out,
            unwanted=unwanted,
        )
        if judging is not None:
            judging.then = translating.begin
    return Following(judging=judging, translating=translating)


def _make_judging(
    plan: Plan, quality: Quality, journal: StageJournal, *, shape: RequestShape
) -> Judging:
    from syphus.judging.prompt import load_prefix  # noqa: PLC0415 - only with --judge
    from syphus.pipeline.judging import Judging  # noqa: PLC0415

    return Judging(
        assembler=Assembler(load_prefix(), shape, stage="judge"),
        journal=journal,
        task=plan.prefix.system_message,
        count_tokens=estimate_tokens,
        max_reasks=plan.settings.max_reasks,
        quality=quality,
        redo=redone_kinds(plan.redo("judge")),
        send=plan.asks("judge"),
    )


def _make_translating(
    plan: Plan,
    journal: StageJournal,
    *,
    shape: RequestShape,
    languages: tuple[str, ...],
    left_out: tuple[str, ...],
    unwanted: Unwanted | None,
) -> Translating:
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
        redo=redone_kinds(plan.redo("translate")),
        send=plan.asks("translate"),
        unwanted=unwanted,
    )
