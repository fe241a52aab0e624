"""What a run asks, and of whom: everything that can be known, and refused, before it begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syphus.core.endpoints import choose_deployments, find_secrets
from syphus.core.errors import SettingsError
from syphus.core.languages import choose_languages
from syphus.core.records import Prefix, Sampling
from syphus.core.secrets import Secrets
from syphus.export.minilm import require_model
from syphus.pipeline.fallback import refuse_fallback
from syphus.plugins.find import load_dataset
from syphus.plugins.queries import QuerySource, select
from syphus.prompting.prefix import read_prefix
from syphus.translation.check_glossary import load_glossary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from syphus.core.deployments import Deployment
    from syphus.core.prices import Rates
    from syphus.core.records import Query, Stage
    from syphus.core.settings import Settings
    from syphus.pipeline.quality import Quality
    from syphus.pipeline.vision import Vision
    from syphus.plugins.dataset import AbstractDataset
    from syphus.translation.check_glossary import Glossary

LOOK_AHEAD = 1000
LOOK_AHEAD_SECONDS = 5.0
_DEFAULT = Sampling()
# The embedded model has a context window of 2,048 tokens and writes some 70 tokens a second.
LOCAL_MAX_TOKENS = 384
# The pairs that it is held to by default are short; what a data set demands may be a whole quiz.
LOCAL_MAX_SHAPE_TOKENS = 1024
TRANSLATION_TEMPERATURE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run that may begin. No `deployments` means the embedded model.

    `only` names the stage that goes on alone with an earlier run; else all stages ask.

    `secrets` are what nothing that the run writes may repeat; `held` are queries that were opened
    to check the slice, for the first who wants them.
    """

    settings: Settings
    dataset: AbstractDataset
    prefix: Prefix
    source: QuerySource
    deployments: tuple[Deployment, ...]
    glossary: Glossary | None = None
    quality: Quality | None = None
    vision: Vision | None = None
    only: Stage | None = None
    secrets: Secrets = field(default_factory=Secrets, repr=False)
    held: list[Iterator[Query]] = field(default_factory=list, repr=False)

    @property
    def keeps_answers(self) -> bool:
        """Whether the answers of an earlier run are taken as they are and none is asked for."""
        return self.settings.reparse or self.only is not None

    def asks(self, stage: Stage) -> bool:
        """Whether the requests of a stage are sent."""
        return not self.settings.reparse and self.only in (None, stage)

    def redo(self, stage: Stage) -> str | None:
        """Which earlier outcomes of a stage are asked for again."""
        return "invalid" if self.only == stage else self.settings.redo

    @property
    def is_local(self) -> bool:
        """Whether the embedded model answers."""
        return not self.deployments

    @property
    def model(self) -> str:
        """The model's name; empty where only the server can tell."""
        named = self.settings.model and "model" not in self.settings.from_file
        if named and self.settings.model and not self.is_local:
            return self.settings.model
        return self.deployments[0].model if self.deployments else "embedded"

    @property
    def rates(self) -> Rates | None:
        """What the first deployment charges for the run's requests, where that is known."""
        if self.is_local:
            return None
        first = self.deployments[0]
        return first.batch_rates if self.settings.backend == "batch" else first.rates

    @property
    def sampling(self) -> Sampling:
        """The settings of each completion."""
        settings = self.settings
        default = _DEFAULT.max_tokens
        if self.is_local:
            is_shaped = self.dataset.response_model is not None
            default = LOCAL_MAX_SHAPE_TOKENS if is_shaped else LOCAL_MAX_TOKENS
        return Sampling(
            max_tokens=settings.max_tokens or default,
            temperature=_DEFAULT.temperature
            if settings.temperature is None
            else settings.temperature,
        )

    @property
    def translation_sampling(self) -> Sampling:
        """The settings of a translation: as near to the text as the model can."""
        temperature = self.settings.temperature
        return Sampling(
            max_tokens=self.sampling.max_tokens,
            temperature=TRANSLATION_TEMPERATURE if temperature is None else temperature,
        )

    @property
    def judge_sampling(self) -> Sampling:
        """The settings of a judgement: the same pair gets the same marks, as far as models do."""
        return Sampling(max_tokens=self.sampling.max_tokens, temperature=0.0)

    @property
    def size(self) -> int | None:
        """How many queries there are at most, None for a generator."""
        size, settings = self.source.size(), self.settings
        if size is None:
            return None
        end = None if settings.slice_end in (None, -1) else settings.slice_end
        return len(range(size)[settings.slice_start : end])

    def queries(self) -> Iterator[Query]:
        """The queries that the run is about, as its slice and sample say.

        Raises SettingsError where they say that there are none.
        """
        if self.held:
            return self.held.pop()
        settings = self.settings
        return select(
            self.source,
            start=settings.slice_start,
            end=settings.slice_end,
            sample=settings.random_sample,
            seed=settings.seed,
        )


def make_plan(
    settings: Settings,
    *,
    root: Path,
    env: Mapping[str, str],
    dataset: AbstractDataset | None = None,
    only: Stage | None = None,
) -> Plan:
    """Loads the data set, unless it is given, and its prompt; chooses the deployments.

    Sends nothing. The first queries are read, so that what is wrong with them is said now.

    Raises InputError.
    """
    if dataset is None:
        dataset = load_dataset(
            settings.name,
            root=root,
            prompt_path=settings.prompt_path,
            query_inputs_path=settings.query_inputs_path,
        )
    if dataset.relations == "nearest_text":
        require_model()
    prefix = Prefix(system_message="")
    if not dataset.has_ready_pairs():
        prefix = read_prefix(dataset.prompt, where=f"the prompt of {settings.name}")
    deployments = () if settings.reparse else choose_deployments(settings, env)
    refuse_fallback(settings, deployments, env, only=only)
    if settings.budget is not None and any(each.rates is None for each in deployments):
        unpriced = next(each.name for each in deployments if each.rates is None)
        raise SettingsError(
            f"--budget: no price is known for {unpriced}; give it in the --config file"
        )
    if settings.languages is not None:
        choose_languages(settings.languages)
    glossary = load_glossary(settings.glossary) if settings.glossary else None
    quality = None
    told = settings.personal_data, settings.judge, settings.judge_least
    if settings.quality != "off" or any(told):
        from syphus.pipeline.quality import choose_quality  # noqa: PLC0415 - its patterns take time

        quality = choose_quality(settings, dataset)
    vision = None
    if dataset.sends_images():
        vision = _open_vision(dataset, settings, deployments, only=only)
    source = QuerySource(dataset)
    source.check_ahead(LOOK_AHEAD, seconds=LOOK_AHEAD_SECONDS)
    plan = Plan(
        settings=settings,
        dataset=dataset,
        prefix=prefix,
        source=source,
        deployments=deployments,
        glossary=glossary,
        quality=quality,
        vision=vision,
        only=only,
        secrets=Secrets(find_secrets(settings, env)),
    )
    plan.held.append(plan.queries())
    return plan


def _open_vision(
    dataset: AbstractDataset,
    settings: Settings,
    deployments: tuple[Deployment, ...],
    *,
    only: Stage | None,
) -> Vision:
    """What shows the plugin's images to the model."""
    from syphus.pipeline.gone_images import GoneImages  # noqa: PLC0415 - only with images
    from syphus.pipeline.vision import Vision  # noqa: PLC0415 - Pillow, only with images

    if not (deployments or settings.reparse or only == "translate"):
        raise SettingsError(
            f"{settings.name} sends images, which the embedded model can't see: name an endpoint "
            "whose model can (--base_url, --model)"
        )
    models = {settings.model} if settings.model else {each.model for each in deployments}
    return Vision(
        dataset,
        side=settings.image_side,
        may_fetch=settings.fetch_images,
        models=models or {""},
        gone=GoneImages(settings.folder / "journal" / "generate.jsonl"),
    )
