"""Opens what asks: an engine over the deployments' lanes, or one over batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syphus.core.errors import SettingsError
from syphus.engine.budget import Budget
from syphus.engine.engine import Engine
from syphus.pipeline.keeping import Keeper
from syphus.pipeline.lanes import open_lanes, wants_description

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AsyncExitStack
    from pathlib import Path

    from syphus.core.deployments import Deployment
    from syphus.core.events import BatchCounts, Observer
    from syphus.core.records import Stage
    from syphus.engine.asking import Asking
    from syphus.engine.batch_earlier import SentBefore
    from syphus.engine.batch_owners import Renew
    from syphus.pipeline.keeping import Kept, StageJournal
    from syphus.pipeline.plan import Plan
    from syphus.pipeline.spent import Spent

    OnDurable = Callable[[Sequence[Kept]], None]


def _nothing(_: str) -> Sequence[SentBefore]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An engine, ready to run.

    `wants_description` tells whether the response format must be put in words. What a journal made
    durable goes through `watching`. `keeps_strays` says that outcomes may come which no stage of
    this sitting asks for; `sent_before` finds the translations of a journal key that earlier
    sittings sent and that aren't answered yet, `batches` counts what was sent.
    """

    engine: Asking
    wants_description: Callable[[], bool]
    watching: Callable[[OnDurable], OnDurable]
    keeps_strays: bool = False
    sent_before: Callable[[str], Sequence[SentBefore]] = _nothing
    batches: Callable[[], BatchCounts] | None = None
    renewing: dict[Stage, Renew] = field(default_factory=dict)


async def open_asked(
    plan: Plan,
    deployments: tuple[Deployment, ...],
    journals: Mapping[Stage, StageJournal],
    spent: Spent,
    stack: AsyncExitStack,
    *,
    observer: Observer,
) -> Asked:
    """The engine that the plan's backend means, with its connections open.

    Raises SettingsError where batches of the run are under way and the backend would not see them.
    """
    folder = plan.settings.folder / "journal"
    if plan.settings.backend == "batch" and deployments:
        from syphus.pipeline.batches import open_batches  # noqa: PLC0415 - the SDK takes 600 ms

        return await open_batches(
            plan.settings,
            deployments,
            journals,
            spent,
            stack,
            observer=observer,
            folder=folder,
            vision=plan.vision,
        )
    if deployments:
        _refuse_batches_under_way(folder)
    lanes = await open_lanes(deployments, plan.settings, stack, observer, plan.vision)
    engine = Engine(
        lanes,
        Keeper(journals, spent),
        most_in_flight=plan.settings.num_threads,
        budget=Budget(plan.settings.budget, spent=spent.for_budget),
        on_notice=observer.notice,
    )
    return Asked(
        engine=engine,
        wants_description=lambda: wants_description(lanes),
        watching=lambda on_durable: on_durable,
    )


def _refuse_batches_under_way(folder: Path) -> None:
    """What is in a batch would be paid for twice."""
    if not (folder / "batches.jsonl").exists():
        return
    from syphus.backends.batch.ledger import read_ledger  # noqa: PLC0415 - only with batches

    chunks, _ = read_ledger(folder / "batches.jsonl")
    lines = sum(chunk.lines for chunk in chunks.values() if chunk.is_open)
    if lines:
        raise SettingsError(
            f"{lines} requests of this run are in batches: --backend batch goes on with them, "
            f"`syphus cancel {folder.parent}` ends them and keeps what they have done"
        )
