"""How a run ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syphus.core.exit_status import DONE, SOME_FAILED, STOPPED_EARLY

if TYPE_CHECKING:
    from pathlib import Path

    from syphus.core.errors import SyphusError
    from syphus.core.events import Snapshot
    from syphus.export.results import ResultCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended. `stopped_by` is None where every query has its final outcome.

    `missing_translations` counts pairs that one of the languages lacks, once for each;
    `unasked_translations` those of them that a stop or --reparse left to be asked for;
    `failed_translations` those of them whose request was given up, in this sitting or before.
    `missing_judgements` counts pairs that the judge gave no scores, `unasked_judgements` those of
    them that may be asked about once more.
    `goes_on` says that the same command asks for what is missing. `skipped` counts the items that
    the plugin left out, as far as the data set was read; they are no queries.
    """

    folder: Path
    snapshot: Snapshot
    written: ResultCounts
    failed_translations: int
    missing_translations: int
    stopped_by: SyphusError | None
    unasked_translations: int = 0
    missing_judgements: int = 0
    unasked_judgements: int = 0
    goes_on: bool = True
    skipped: int = 0

    @property
    def exit_status(self) -> int:
        """0 all answered, 3 stopped early, 4 finished but some failed or have no judgement."""
        if self.stopped_by is not None:
            return STOPPED_EARLY
        unjudged = self.missing_judgements - self.unasked_judgements
        left = self.snapshot.failed or self.failed_translations or unjudged
        return SOME_FAILED if left else DONE
