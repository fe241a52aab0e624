"""The forecast of `--dry_run`: what a run would send, and at what price; nothing is sent.

That of judging and translating is `syphus.pipeline.pair_forecast`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from syphus.core.errors import PluginError
from syphus.core.events import Silent
from syphus.core.records import RequestShape
from syphus.pipeline.pair_forecast import (
    USUAL_COMPLETION,
    Forecast,
    JudgeForecast,
    Load,
    texts_of,
    weigh_most,
    weigh_usual,
)
from syphus.pipeline.plugin_calls import message_for, ready_pairs
from syphus.pipeline.targets import choose_targets
from syphus.prompting.messages import Assembler
from syphus.prompting.tokens import TokenCounter

if TYPE_CHECKING:
    from syphus.core.records import Prefix
    from syphus.pipeline.image_tally import ImageTally
    from syphus.pipeline.plan import Plan
    from syphus.plugins.skips import Skips


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A run before it is paid for.

    `messages` are those of the first query, `skips` the items that the plugin left out, `images`
    those that the model is shown. `empty` counts queries without a text, which aren't
    asked. `completion_tokens` is a guess: the mean
    length of the in-context answers for each query (300 tokens where there are none);
    `most_completion_tokens` is max_tokens for each.
    `translation` is what translating into `languages` will take, `most_translation` at most.
    `judging` and `most_judging` say the same of the judge, and are zero without one.
    No request that is made once more is in any figure. Costs are US dollars and those of all
    stages, None where no price is known; `most_cost` is the cost at most.
    """

    model: str
    deployments: tuple[str, ...]
    messages: list[dict[str, Any]]
    skips: Skips
    images: ImageTally | None
    queries: int
    empty: int
    repeated: int
    renamed: int
    prefix_tokens: int
    prompt_tokens: int
    completion_tokens: int
    most_completion_tokens: int
    languages: tuple[str, ...]
    translation: Load
    most_translation: Load
    tokens_are_exact: bool
    cost: float | None
    most_cost: float | None
    translation_cost: float | None
    judging: Load
    most_judging: Load
    judging_cost: float | None


def preview(plan: Plan) -> Preview:
    """Reads the whole data set once and counts.

    Raises InputError where the run would.
    """
    model = plan.model
    counter = TokenCounter(model)
    shape = RequestShape(model=model, sampling=plan.sampling)
    assembler = Assembler(plan.prefix, shape, stage="generate")
    languages = choose_targets(plan, Silent())
    forecast = Forecast(plan, languages, counter)
    brings_pairs = plan.dataset.has_ready_pairs()
    prefix_tokens = 0 if brings_pairs else counter.count_prefix(plan.prefix)
    first: list[dict[str, Any]] = []
    images = _tally_images(plan)
    asked = empty = prompt_tokens = 0
    translation = Load()
    for query in plan.queries():
        text = message_for(plan.dataset, query)
        if (ready := ready_pairs(plan.dataset, query)) is not None:
            asked += 1
            first = first or forecast.messages(texts_of(ready))
            translation += forecast.of(texts_of(ready))
            continue
        shown = 0 if images is None else images.add(query)
        if shown is None:
            continue
        if not (text.strip() or query.images or shown):
            empty += 1
            continue
        sent = () if images is None or not shown else images.encode(query)
        if not first:
            request = assembler.ask(query.id, text, position=0, images=sent)
            first = orjson.loads(request.messages)
        asked += 1
        prompt_tokens += prefix_tokens + counter.count_message(text)
    prompt_tokens += images.tokens if images is not None else 0
    if asked == 0:
        raise PluginError(f"{plan.settings.name}: no query has a text to ask about")
    usual = most = 0
    most_translation = translation
    if not brings_pairs:
        usual = asked * _usual_completion(plan.prefix, counter)
        most = asked * (plan.sampling.max_tokens or 0)
        translation = weigh_usual(plan, forecast.of, asked)
        most_translation = weigh_most(plan, forecast.of, asked, counter)
    usual = min(usual, most)
    judging = most_judging = Load()
    if plan.quality is not None and plan.quality.judges:
        judge = JudgeForecast(plan, counter, shown=prompt_tokens / asked - prefix_tokens)
        judging = weigh_usual(plan, judge.of, asked)
        most_judging = weigh_most(plan, judge.of, asked, counter)
    more, most_more = translation + judging, most_translation + most_judging
    return Preview(
        model=model,
        deployments=tuple(each.name for each in plan.deployments) or ("local",),
        messages=first,
        skips=plan.source.skips,
        images=images,
        queries=asked,
        empty=empty,
        repeated=plan.source.repeated,
        renamed=plan.source.renamed,
        prefix_tokens=prefix_tokens,
        prompt_tokens=prompt_tokens,
        completion_tokens=usual,
        most_completion_tokens=most,
        languages=languages,
        translation=translation,
        most_translation=most_translation,
        tokens_are_exact=counter.is_exact,
        cost=_cost(plan, prompt_tokens + more.prompt, usual + more.completion),
        most_cost=_cost(plan, prompt_tokens + most_more.prompt, most + most_more.most_completion),
        translation_cost=_cost(plan, translation.prompt, translation.completion),
        judging=judging,
        most_judging=most_judging,
        judging_cost=_cost(plan, judging.prompt, judging.completion),
    )


def _tally_images(plan: Plan) -> ImageTally | None:
    if plan.vision is None:
        return None
    from syphus.pipeline.image_tally import ImageTally  # noqa: PLC0415 - only with images

    return ImageTally(plan.vision)


def _usual_completion(prefix: Prefix, counter: TokenCounter) -> int:
    answers = [turn.content for turn in prefix.in_context if turn.role == "assistant"]
    if not answers:
        return USUAL_COMPLETION
    return sum(map(counter.count, answers)) // len(answers) + 1


def _cost(plan: Plan, prompt: int, completion: int) -> float | None:
    if plan.is_local:
        return 0.0
    return plan.rates.at_most(prompt, completion) if plan.rates else None
