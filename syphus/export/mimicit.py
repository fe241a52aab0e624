"""The MIMIC-IT files of a run: English instructions, and which instructions are related."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from syphus.core.durable import replacing
from syphus.export.entries import EntryWriter
from syphus.export.instructions import InstructionsMeta, instructions_file
from syphus.export.numbering import number_pairs, pair_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from syphus.core.records import QuestionAnswer
    from syphus.export.instructions import InstructionsWriter
    from syphus.export.numbering import QueryFacts
    from syphus.export.relations import Relations


def instructions_path(folder: Path, short: str) -> Path:
    """Where the instructions of the data set named `short` stand."""
    return folder / f"{short}_instructions.json"


def train_path(folder: Path, short: str) -> Path:
    """Where the related ids of each instruction stand."""
    return folder / f"{short}_train.json"


class MimicitWriter:
    """Adds the pairs of one query after the other to both files; `count` says how many."""

    def __init__(
        self,
        short: str,
        instructions: InstructionsWriter,
        train: EntryWriter,
        relations: Relations,
    ) -> None:
        self._short = short
        self._instructions = instructions
        self._train = train
        self._relations = relations

    @property
    def count(self) -> int:
        """Pairs written so far."""
        return self._train.count

    def add(self, facts: QueryFacts, pairs: Sequence[QuestionAnswer]) -> None:
        """Adds the pairs of the next query, each with the names of those it is related to."""
        first = self.count + 1
        numbers = range(first, first + len(pairs))
        own = [pair_id(self._short, number) for number in numbers]
        names = dict(zip(numbers, own, strict=True))
        each = zip(own, pairs, self._relations.related(facts, numbers), strict=True)
        for name, pair, found in each:
            related = [
                names.get(other) or names.setdefault(other, pair_id(self._short, other))
                for other in found
            ]
            self._instructions.write(name, pair.question, pair.answer, facts.image_ids, related)
            self._train.add(name, related)


@contextmanager
def mimicit_files(
    folder: Path, *, short: str, meta: InstructionsMeta, relations: Relations
) -> Iterator[MimicitWriter]:
    """A writer of `<SHORT>_instructions.json` and `<SHORT>_train.json`.

    The files are put in place when the block ends without an error.
    """
    with (
        instructions_file(instructions_path(folder, short), meta) as instructions,
        train_file(train_path(folder, short)) as train,
    ):
        yield MimicitWriter(short, instructions, train, relations)


def write_mimicit(
    folder: Path,
    *,
    short: str,
    valid: Path,
    facts: Callable[[], Iterable[QueryFacts]],
    meta: InstructionsMeta,
    relations: Relations,
) -> int:
    """Writes both files from the run's `valid_output.json`; gives the number of pairs.

    `facts` opens the queries' facts, in the order of that file.

    Raises ValueError where `valid` has a query that the facts don't have in its place; the
    earlier files then stay as they were.
    """
    with mimicit_files(folder, short=short, meta=meta, relations=relations) as files:
        for group in number_pairs(valid, facts()):
            files.add(group.facts, group.pairs)
        return files.count


@contextmanager
def train_file(path: Path) -> Iterator[EntryWriter]:
    """A writer of related ids whose file is put in place when the block ends without an error."""
    with replacing(path) as file:
        entries = EntryWriter(file)
        yield entries
        entries.close()
        file.write(b"\n")
