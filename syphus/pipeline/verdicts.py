"""What a raw reply comes to for one data set: pairs, a free text, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syphus.core.records import Parsed, Rejected
from syphus.pipeline.plugin_calls import MOST_PAIRS, TOO_MANY, parse_by_model, parse_by_plugin
from syphus.replies import correction_for, parse_reply, reject_reason

if TYPE_CHECKING:
    from syphus.core.records import Reply
    from syphus.plugins.dataset import AbstractDataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Either `free_text`, or `parsed` with pairs, or `parsed` with reasons alone."""

    parsed: Parsed | None = None
    free_text: str | None = None

    @property
    def is_valid(self) -> bool:
        """Whether the reply gave anything."""
        return self.free_text is not None or bool(self.parsed and self.parsed.pairs)

    @property
    def pairs(self) -> int:
        """How many pairs, or free texts, the reply gave."""
        return len(self.parsed.pairs) if self.parsed else 1


def judge(dataset: AbstractDataset, reply: Reply) -> Verdict:
    """The verdict on a reply. Pure: the same reply gives the same verdict, at no cost.

    A plugin's `parse` or `response_model` that raises makes the reply invalid, with the error as
    the reason.
    """
    refused = reject_reason(reply.text, finish_reason=reply.finish_reason, refusal=reply.refusal)
    if dataset.free_text:
        if refused or reply.text is None:
            rejected = Rejected(response=reply.text or "", reason=refused or "the reply is empty")
            return Verdict(parsed=Parsed(rejected=(rejected,)))
        return Verdict(free_text=reply.text)
    own = None if refused else parse_by_plugin(dataset, reply.text or "")
    if own is not None:
        return Verdict(parsed=own)
    if dataset.response_model is not None:
        parsed = parse_by_model(dataset.response_model, reply)
    else:
        parsed = parse_reply(reply.text, finish_reason=reply.finish_reason, refusal=reply.refusal)
    return Verdict(parsed=_bounded(parsed, reply.text or ""))


def _bounded(parsed: Parsed, text: str) -> Parsed:
    if len(parsed.pairs) <= MOST_PAIRS:
        return parsed
    rejected = (*parsed.rejected, Rejected(response=text, reason=TOO_MANY))
    return replace(parsed, pairs=parsed.pairs[:MOST_PAIRS], rejected=rejected)


def correction(dataset: AbstractDataset, parsed: Parsed) -> str:
    """What the model is told after a reply that gave nothing."""
    if dataset.free_text:
        return (
            f"Your last reply could not be used: {parsed.rejected[0].reason}. Please reply again."
        )
    return correction_for(parsed, structured=dataset.response_model is not None)
