"""`judgements.json`: the scores of the pairs that the files have, under their ids."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from syphus.core.durable import json_list
from syphus.judging.values import CRITERIA
from syphus.pipeline.pair_progress import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from syphus.core.durable import ListWriter
    from syphus.core.records import QuestionAnswer
    from syphus.judging.values import Scores
    from syphus.pipeline.judging import Judging
    from syphus.pipeline.pair_progress import Progress

JUDGEMENTS = "judgements.json"
_NOT_ASKED = "it wasn't asked for"


class Judgements:
    """Reads the scores of one query's pairs after the other's again, and writes them down."""

    def __init__(self, judging: Judging, file: ListWriter) -> None:
        judging.recount()
        self._judging = judging
        self._file = file
        self._progress: Progress[Scores]
        self._counted: set[int] = set()

    def turn_to(self, position: int, query_id: str, pairs: Sequence[QuestionAnswer]) -> None:
        """Goes on with the pairs of the query at a position."""
        self._progress = self._judging.requests.result(
            position, query_id, pairs, skipped=frozenset()
        )
        self._counted.clear()

    def count(self, number: int) -> Scores | None:
        """Counts a pair of the query that has no fault of its own; gives its scores."""
        self._counted.add(number)
        return self._judging.count(self._progress, number)

    def write(self, pair_id: str, number: int) -> None:
        """Writes the scores of a pair of the query, or why it has none; nothing if not counted."""
        if number not in self._counted:
            return
        scores = self._progress.given.get((number, WHOLE))
        if scores is not None:
            self._file.add({"id": pair_id, **{name: getattr(scores, name) for name in CRITERIA}})
            return
        lacking = self._progress.rejected.get((number, WHOLE))
        reason = lacking.reason if lacking is not None else _NOT_ASKED
        self._file.add({"id": pair_id, "error_message": reason})

    def summary(self) -> dict[str, Any]:
        """The model and the counts of its marks, for `meta.json`."""
        return {"model": self._judging.model, **self._judging.marks.summary()}

    def tell(self) -> str | None:
        """One line on the marks; None where there are none."""
        return self._judging.marks.tell()


@contextmanager
def judgements_file(folder: Path, judging: Judging) -> Iterator[Judgements]:
    """The scores, whose file is put in place, atomically, when the block ends."""
    with json_list(folder / JUDGEMENTS) as file:
        yield Judgements(judging, file)
