"""The judge's marks of all pairs, and which of them are faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from syphus.judging.values import CRITERIA, HIGHEST, LOWEST

if TYPE_CHECKING:
    from collections.abc import Collection

    from syphus.judging.values import Scores

LEAST_GOOD: Final = 3
CHECKS: Final = {name: f"judged_{name}" for name in CRITERIA}
"""The name of the check that a low mark fails, by criterion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The least mark that is no fault; `skips` names checks that aren't made."""

    least: int
    skips: Collection[str] = ()

    @property
    def checks(self) -> list[str]:
        """The checks that are made."""
        return [check for check in CHECKS.values() if check not in self.skips]

    def faults_of(self, scores: Scores) -> dict[str, str]:
        """The checks that a pair of these scores fails, with the reasons."""
        return {
            check: f"the judge gave {getattr(scores, name)} of {HIGHEST} for {name}"
            for name, check in CHECKS.items()
            if check not in self.skips and getattr(scores, name) < self.least
        }


def show_scores(scores: Scores) -> str:
    """The scores in words: relevance 5, grounding 2, clarity 4."""
    return ", ".join(f"{name} {getattr(scores, name)}" for name in CRITERIA)


@dataclass(slots=True, kw_only=True)
class Marks:
    """How many pairs got which mark. `unasked` of those `unjudged` may be asked about once more."""

    judged: int = 0
    unjudged: int = 0
    unasked: int = 0
    _counts: dict[str, list[int]] = field(
        default_factory=lambda: {name: [0] * (HIGHEST - LOWEST + 1) for name in CRITERIA}
    )

    def add(self, scores: Scores | None, *, is_unasked: bool = False) -> None:
        """Counts a pair; None: it has no scores."""
        if scores is None:
            self.unjudged += 1
            self.unasked += is_unasked
            return
        self.judged += 1
        for name, counts in self._counts.items():
            counts[getattr(scores, name) - LOWEST] += 1

    def summary(self) -> dict[str, Any]:
        """The counts, for `meta.json`."""
        return {
            "judged": self.judged,
            "unjudged": self.unjudged,
            "scores": {
                name: {
                    "mean": _mean(counts),
                    "counts": {str(mark): n for mark, n in enumerate(counts, start=LOWEST)},
                }
                for name, counts in self._counts.items()
            },
        }

    def tell(self) -> str | None:
        """One line on the marks; None where there are none."""
        if not self.judged:
            return None
        means = ", ".join(f"{name} {_mean(n)}" for name, n in self._counts.items())
        return f"judge: {self.judged} pairs judged, on average {means}"


def _mean(counts: list[int]) -> float | None:
    total = sum(counts)
    marks = sum(mark * count for mark, count in enumerate(counts, start=LOWEST))
    return round(marks / total, 2) if total else None
