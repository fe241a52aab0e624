"""What a run's replies cost, those of earlier sittings included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from syphus.core.prices import halved
from syphus.core.records import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syphus.core.deployments import Deployment
    from syphus.core.events import Observer
    from syphus.core.prices import Rates
    from syphus.core.records import Reply
    from syphus.journal.reader import JournalIndex, Unpriced

# What the embedded model's replies are journalled under; they cost nothing.
EMBEDDED = "local"


@dataclass(slots=True, kw_only=True)
class Spent:
    """Tokens and US dollars of every reply in the run's journals.

    Replies that were journalled without a cost count at the rates that their deployment has today,
    those of batches at what batches cost there: `reckoned` says how many, `reckoned_cost` what they
    add to the cost. `unpriced` are those whose deployment has none, or isn't there; no other's
    rates are theirs, and the cost leaves them out. `assumed` is what a budget counts for them:
    their usage at the dearest rates known.
    `attempts_lost` counts attempts that may have been billed without a reply, `uncertain` is the
    most that they may have cost.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    uncertain: float = 0.0
    attempts_lost: int = 0
    reckoned: int = 0
    reckoned_cost: float = 0.0
    unpriced: int = 0
    assumed: float = 0.0

    @property
    def for_budget(self) -> float:
        """US dollars that a budget has to count as spent: certain, perhaps billed, and assumed."""
        return self.cost + self.uncertain + self.assumed

    def add(self, reply: Reply) -> None:
        """Counts one reply."""
        self.prompt_tokens += reply.usage.prompt_tokens
        self.completion_tokens += reply.usage.completion_tokens
        self.cached_tokens += reply.usage.cached_tokens
        self.cost += reply.cost or 0.0

    def add_lost(self, most_cost: float) -> None:
        """Counts an attempt that may have been billed and gave no reply."""
        self.attempts_lost += 1
        self.uncertain += most_cost

    def add_index(
        self,
        index: JournalIndex,
        deployments: Sequence[Deployment] = (),
        *,
        models: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Counts what earlier sittings spent; what has no price at the rates of `deployments`.

        `models` are those that the deployments had, by name: one that has another now is another.
        """
        self.prompt_tokens += index.prompt_tokens
        self.completion_tokens += index.completion_tokens
        self.cached_tokens += index.cached_tokens
        self.cost += index.cost
        self.uncertain += index.uncertain_cost
        self.attempts_lost += index.lost_sends + len(index.open_sends)
        in_batches = [replace(each, rates=_in_batches(each)) for each in deployments]
        for found, rated in (
            (index.unpriced, deployments),
            (index.unpriced_in_batches, in_batches),
        ):
            for name, used in found.items():
                same = [each for each in rated if each.name == name]
                if models.get(name) not in (None, *(each.model for each in same)):
                    same = []
                self._reckon(used, same, rated)

    def _reckon(
        self, used: Unpriced, same: Sequence[Deployment], deployments: Sequence[Deployment]
    ) -> None:
        usage = Usage(
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cached_tokens=used.cached_tokens,
        )
        cost = max((each.rates.cost(usage) for each in same if each.rates), default=None)
        if cost is not None:
            self.reckoned += used.replies
            self.reckoned_cost += cost
            self.cost += cost
            return
        self.unpriced += used.replies
        known = (each.rates.cost(usage) for each in deployments if each.rates)
        self.assumed += max(known, default=0.0)


def _in_batches(deployment: Deployment) -> Rates | None:
    """What batches cost, also in a run that makes none."""
    if deployment.batch_rates is None and deployment.rates is not None:
        return halved(deployment.rates)
    return deployment.batch_rates


def tell_the_price(spent: Spent, *, has_price: bool, observer: Observer) -> None:
    """Says how replies count that earlier sittings had no price for; nothing if none has one."""
    if spent.reckoned:
        observer.notice(
            f"{spent.reckoned} earlier replies had no price: at the prices known now they cost "
            f"${spent.reckoned_cost:.4f}"
        )
    if spent.unpriced and has_price:
        assumed = ""
        if spent.assumed:
            assumed = f"; --budget counts ${spent.assumed:.4f} for them, at the dearest price known"
        observer.notice(
            f"no price is known for {spent.unpriced} earlier replies: the cost leaves them out"
            f"{assumed}"
        )
