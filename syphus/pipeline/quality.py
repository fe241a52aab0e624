"""Which pairs are worth training on: checked in the order of the queries, as files are written.

What is wrong with one pair alone is known as soon as its reply is there, so such a pair isn't
judged and, with `drop`, isn't translated. What repeats another pair is known only in the order of
the queries: at the end.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from syphus.core.errors import PluginError, SettingsError
from syphus.core.records import Rejected
from syphus.export.numbering import pair_id
from syphus.pipeline.marks import CHECKS, LEAST_GOOD, Standard, show_scores
from syphus.pipeline.plugin_calls import MOST_PAIRS
from syphus.quality.duplicates import REASONS, Duplicates
from syphus.quality.length import ANSWER_WORDS, QUESTION_WORDS
from syphus.quality.screen import OF_ONE_PAIR, Rules, make_screen, names_of
from syphus.quality.sketch import require_library
from syphus.translation.check_language import name_not_english

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from syphus.core.records import Parsed, Query, QuestionAnswer
    from syphus.core.settings import Settings
    from syphus.judging.values import Scores
    from syphus.pipeline.judgements import Judgements
    from syphus.plugins.dataset import AbstractDataset
    from syphus.quality.screen import Screen

_FIRST_NAMED: Final = 5
_STEP: Final = MOST_PAIRS + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How the pairs of a run are checked, and whether those with faults are dropped."""

    drops: bool
    rules: Rules
    screen: Screen
    judges: bool
    standard: Standard

    def unwanted(self, position: int, pairs: Sequence[QuestionAnswer]) -> frozenset[int]:
        """The numbers of the pairs that have a fault of their own, from 1."""
        del position
        numbered = enumerate(pairs, start=1)
        return frozenset(n for n, pair in numbered if self.screen(pair.question, pair.answer))


def choose_quality(settings: Settings, dataset: AbstractDataset) -> Quality | None:
    """What `--quality`, `--judge` and `--personal_data` ask for; None for nothing.

    Raises SettingsError where there is nothing to check, or the package for it is missing;
    PluginError where the data set's own rules are of another shape.
    """
    if settings.judge_least is not None and not settings.judge:
        raise SettingsError("--judge_least: only --judge gives marks")
    if settings.quality == "off" and not settings.judge:
        if settings.personal_data:
            raise SettingsError("--personal_data: only --quality report or drop looks for anything")
        return None
    flag = "--judge" if settings.judge else "--quality"
    if dataset.free_text or dataset.has_ready_pairs():
        why = "keeps replies whole" if dataset.free_text else "asks for no pairs"
        raise SettingsError(f"{flag}: {settings.name} {why}, so there are none to check")
    require_library()
    rules = _read_rules(dataset, personal_data=settings.personal_data)
    return Quality(
        drops=settings.quality == "drop",
        rules=rules,
        screen=make_screen(rules, name_other=name_not_english),
        judges=settings.judge,
        standard=Standard(least=settings.judge_least or LEAST_GOOD, skips=rules.skips),
    )


class Sieve:
    """Takes the pairs of one query after the other, in order, and counts what it finds.

    A pair with several faults counts for each. Whether pairs are dropped or only counted, the
    counts are the same: a faulty pair is nobody's original.
    """

    def __init__(
        self,
        quality: Quality,
        folder: Path,
        *,
        short: str,
        expected: int,
        judgements: Judgements | None = None,
    ) -> None:
        self._quality = quality
        self._short = short
        self._pairs = self._kept = self._faulty = 0
        judged = () if judgements is None else quality.standard.checks
        names = (*names_of(quality.rules), *judged, *_repeats(quality.rules))
        self._counts = dict.fromkeys(names, 0)
        self._first: dict[str, list[str]] = {}
        self._dropped = array("Q")
        wants_repeats = bool(_repeats(quality.rules))
        self._duplicates = Duplicates(folder, expected=expected) if wants_repeats else None
        self._judgements = judgements

    def close(self) -> None:
        """Lets go of what was remembered to find duplicates; the counts stay."""
        if self._duplicates is not None:
            self._duplicates.close()

    def sift(self, position: int, query: Query, parsed: Parsed) -> Parsed:
        """What is left of a reply's pairs; those dropped are among the rejected."""
        kept: list[QuestionAnswer] = []
        dropped: list[Rejected] = []
        if self._judgements is not None:
            self._judgements.turn_to(position, query.id, parsed.pairs)
        for number, pair in enumerate(parsed.pairs, start=1):
            faults = self._quality.screen(pair.question, pair.answer)
            scores = None
            if not faults and self._judgements is not None:
                scores = self._judgements.count(number)
                faults = self._quality.standard.faults_of(scores) if scores else {}
            faults = faults or self._find_repeat(query.source_id, pair)
            self._count(faults)
            if faults and self._quality.drops:
                self._dropped.append(position * _STEP + number)
                dropped.append(_reject(pair, faults, scores))
                continue
            kept.append(pair)
            self._kept += 1
            if self._judgements is not None:
                self._judgements.write(pair_id(self._short, self._kept), number)
        if not dropped:
            return parsed
        return replace(parsed, pairs=tuple(kept), rejected=(*parsed.rejected, *dropped))

    def dropped_of(self, position: int) -> frozenset[int]:
        """The numbers of the pairs, counted from 1, that were dropped of a query's reply."""
        start = bisect_left(self._dropped, position * _STEP)
        end = bisect_left(self._dropped, (position + 1) * _STEP, start)
        return frozenset(each % _STEP for each in self._dropped[start:end])

    def _find_repeat(self, source_id: str, pair: QuestionAnswer) -> dict[str, str]:
        if self._duplicates is not None:
            repeat = self._duplicates.find(source_id, pair.question, pair.answer)
            if repeat is not None and repeat in self._counts:
                return {repeat: REASONS[repeat]}
        return {}

    def _count(self, faults: dict[str, str]) -> None:
        self._pairs += 1
        self._faulty += bool(faults)
        for name in faults:
            self._counts[name] += 1
            first = self._first.setdefault(name, [])
            if not self._quality.drops and len(first) < _FIRST_NAMED:
                first.append(pair_id(self._short, self._pairs))

    def summary(self) -> dict[str, Any]:
        """The counts, for `meta.json`; where nothing is dropped, with the first ids of each."""
        found: dict[str, Any] = {
            "mode": "drop" if self._quality.drops else "report",
            "pairs": self._pairs,
            "faulty": self._faulty,
            "checks": self._counts,
        }
        if not self._quality.drops:
            found["first"] = self._first
        if self._judgements is not None:
            found["judge"] = {
                **self._judgements.summary(),
                "least": self._quality.standard.least,
            }
        return found

    def tell(self) -> Iterator[str]:
        """A line on what was found, and one on the marks; none where there is nothing."""
        if self._judgements is not None and (marks := self._judgements.tell()):
            yield marks
        if not self._faulty:
            return
        counts = ", ".join(f"{name} {count}" for name, count in self._counts.items() if count)
        judge = "" if self._judgements is None else "--judge "
        left_out = f"kept; --reparse {judge}--quality drop leaves them out"
        end = "dropped" if self._quality.drops else left_out
        yield f"quality: {self._faulty} of {self._pairs} pairs have faults ({counts}); {end}"


def _reject(pair: QuestionAnswer, faults: dict[str, str], scores: Scores | None) -> Rejected:
    response = f"Question: {pair.question}\nAnswer: {pair.answer}"
    if scores is not None:
        response += f"\nScores: {show_scores(scores)}"
    return Rejected(response=response, reason=f"quality: {'; '.join(faults.values())}")


def _repeats(rules: Rules) -> list[str]:
    return [name for name in REASONS if name not in rules.skips]


def _read_rules(dataset: AbstractDataset, *, personal_data: bool) -> Rules:
    names = (*OF_ONE_PAIR, *CHECKS.values(), *REASONS)
    skips = _texts(dataset, "quality_skips")
    for name in skips:
        if name not in names:
            plugin = type(dataset).__name__
            raise PluginError(
                f"{plugin}.quality_skips: there is no check {name!r}; there are {', '.join(names)}"
            )
    return Rules(
        phrases=_texts(dataset, "giveaway_phrases"),
        question_words=_bounds(dataset, "question_words", QUESTION_WORDS),
        answer_words=_bounds(dataset, "answer_words", ANSWER_WORDS),
        skips=frozenset(skips),
        personal_data=personal_data,
    )


def _texts(dataset: AbstractDataset, name: str) -> tuple[str, ...]:
    value: Iterable[object] = getattr(dataset, name)
    if isinstance(value, list | tuple | set | frozenset) and all(
        isinstance(each, str) and each.strip() for each in value
    ):
        return tuple(map(str, value))
    raise PluginError(f"{type(dataset).__name__}.{name} must be a list of texts")


def _bounds(dataset: AbstractDataset, name: str, default: tuple[int, int]) -> tuple[int, int]:
    value: object = getattr(dataset, name)
    if value is None:
        return default
    match value:
        case (int() as least, int() as most) if 0 <= least <= most:
            return least, most
    raise PluginError(
        f"{type(dataset).__name__}.{name} must be the least and the most words, like (2, 200)"
    )
