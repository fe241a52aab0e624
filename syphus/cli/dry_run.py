"""`syphus run --dry_run`: a run before it is paid for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from syphus.core.durable import dump

if TYPE_CHECKING:
    from syphus.pipeline.image_tally import ImageTally
    from syphus.pipeline.pair_forecast import Load
    from syphus.pipeline.plan import Plan
    from syphus.pipeline.preview import Preview

_MOST_SHOWN = 20


def show_preview(plan: Plan) -> None:
    """Prints the first query's messages, then counts, tokens and cost."""
    from syphus.pipeline.preview import preview  # noqa: PLC0415 - counts tokens, only here

    found = preview(plan)
    kind = "counted" if found.tokens_are_exact else "estimated"
    lines = [
        dump(found.messages, indent=True).decode(),
        "",
        f"model       {found.model or 'the only one that the server offers'}",
        f"answered by {', '.join(found.deployments)}",
        f"queries     {found.queries}",
    ]
    if found.skips.count:
        lines.append(f"left out    {found.skips.count} items")
        lines += [f"            {item}" for item in found.skips.kept[:_MOST_SHOWN]]
    if found.images is not None:
        lines += _describe_images(found.images)
    if found.empty:
        lines.append(f"not asked   {found.empty} without a text")
    if found.repeated or found.renamed:
        lines.append(
            f"repeated    {found.repeated} the same again, {found.renamed} ids with another text"
        )
    if not found.prompt_tokens:
        lines.append("generation  nothing: the data set brings its pairs")
    else:
        shared = found.prefix_tokens
        lines += [
            f"prompt      {found.prompt_tokens} tokens, {shared} of each request shared",
            f"completion  {found.completion_tokens} tokens if replies are as long as the examples",
            f"            {found.most_completion_tokens} at most",
        ]
    if found.judging.requests:
        lines.append(f"judging     {found.judging.requests} requests")
        lines += _describe_load(found, found.judging, found.most_judging, found.judging_cost)
    lines += _describe_translation(found)
    lines += [
        f"cost        {_range(found.cost, found.most_cost)}",
        f"            tokens {kind} for {found.model or 'an unknown model'}; nothing was sent",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _describe_images(images: ImageTally) -> list[str]:
    width, height = images.largest
    size = "" if images.megabytes is None else f", about {images.megabytes:.1f} MB in all"
    lines = [
        f"images      {images.count}, at most {width}x{height} as they are sent{size}",
        f"            {images.tokens} tokens by OpenAI's formulas, part of the prompt",
    ]
    if images.unsendable:
        lines.append(f"not asked   {images.unsendable} whose images can't be sent")
    return lines + [f"            {problem}" for problem in images.problems]


def _describe_translation(found: Preview) -> list[str]:
    if not found.languages:
        return ["translation none"]
    usual, most = found.translation, found.most_translation
    return [
        f"translation {usual.requests} requests into {', '.join(found.languages)}",
        *_describe_load(found, usual, most, found.translation_cost),
    ]


def _describe_load(found: Preview, usual: Load, most: Load, cost: float | None) -> list[str]:
    dollars = "" if not cost else f", ${cost:.4f}"
    guess = "" if not found.prompt_tokens else " if pairs are like those of the examples"
    tokens = f"{usual.prompt} tokens of prompt, {usual.completion} of completion"
    return [
        f"            {tokens}{dollars}{guess}",
        f"            {most.prompt} and {most.most_completion} at most",
    ]


def _range(usual: float | None, most: float | None) -> str:
    if usual is None or most is None:
        return "unknown: no price is known for this model and endpoint"
    return f"${usual:.4f}, at most ${most:.4f}; requests made once more come on top"
