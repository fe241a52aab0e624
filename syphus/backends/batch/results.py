"""Takes a batch's output and error file apart, into what became of each line.

Both files are always read, whatever the batch's status. The first answer to a line counts; an error
counts where no answer to the same line stands anywhere. Lines may come in any order, twice, with
ids that nobody sent, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from syphus.backends.batch.filling import read_facts_line
from syphus.backends.batch.problems import Unanswered
from syphus.core.batches import BatchOutcome
from syphus.core.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syphus.backends.batch.chunk import Chunk, ChunkFiles
    from syphus.backends.batch.line import LineReader
    from syphus.core.records import Reply

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GROUP = 100
# What a reply may have online, too.
LONGEST_LINE = 64 << 20
_HEAD_BYTES = 1 << 16


@dataclass(slots=True, kw_only=True)
class Oddities:
    """Lines that no request is answered by, and requests that no line answers."""

    unknown: int = 0
    repeated: int = 0
    nameless: int = 0
    maybe_billed: int = 0


def read_results(
    chunk: Chunk, files: ChunkFiles, reader: LineReader, oddities: Oddities
) -> Iterator[list[BatchOutcome]]:
    """One outcome for each line of an ended chunk, in groups; `oddities` are counted on the way.

    Takes some 200 bytes of memory a line, whatever the sizes of the lines.
    """
    group: list[BatchOutcome] = []
    given = 0
    with files.facts.open("rb") as facts:
        for custom_id, offset, result in _results(chunk, files, facts, reader, oddities):
            facts.seek(offset)
            line = read_facts_line(facts.readline())
            error = result if isinstance(result, RequestError) else None
            given += 1
            group.append(
                BatchOutcome(
                    custom_id=custom_id,
                    facts=line.facts,
                    reply=None if isinstance(result, RequestError) else result,
                    error=error,
                    most_cost=line.most_cost,
                    batch=chunk.name,
                    is_last=given == chunk.lines,
                )
            )
            if len(group) == _GROUP:
                yield group
                group = []
    if group:
        yield group


def _results(
    chunk: Chunk, files: ChunkFiles, facts: IO[bytes], reader: LineReader, oddities: Oddities
) -> Iterator[tuple[str, int, Reply | RequestError]]:
    offsets = _index(facts)
    # The places of error lines; a line's answer may come after its error.
    errors: dict[str, tuple[Path, int]] = {}
    answered: set[str] = set()
    for path, place, raw in _lines(files):
        custom_id, result = reader.read(raw)
        if custom_id is None:
            oddities.nameless += 1
        elif custom_id not in offsets:
            oddities.unknown += 1
        elif custom_id in answered or (isinstance(result, RequestError) and custom_id in errors):
            oddities.repeated += 1
        elif isinstance(result, RequestError):
            errors[custom_id] = path, place
        else:
            answered.add(custom_id)
            yield custom_id, offsets[custom_id], result
    spoiled = 0
    for custom_id, (path, place) in errors.items():
        spoiled += path == files.output
        if custom_id not in answered:
            yield custom_id, offsets[custom_id], reader.read(_line_at(path, place))[1]
    received = len(answered) + spoiled
    unanswered = Unanswered(chunk, list(offsets), received=received, secrets=reader.secrets)
    for custom_id, offset in offsets.items():
        if custom_id not in answered and custom_id not in errors:
            error = unanswered.error_of(custom_id)
            oddities.maybe_billed += error.maybe_billed
            yield custom_id, offset, error


def read_custom_ids(files: ChunkFiles) -> Iterator[str]:
    """The custom ids of a chunk's lines, in their order."""
    with files.facts.open("rb") as facts:
        for raw in facts:
            yield raw.partition(b"\t")[0].decode("ascii")


def _index(facts: IO[bytes]) -> dict[str, int]:
    offsets, offset = {}, 0
    for raw in facts:
        offsets[raw.partition(b"\t")[0].decode("ascii")] = offset
        offset += len(raw)
    return offsets


def starts_as_json(path: Path) -> bool:
    """Whether a file is empty or begins with a JSON object: a gateway's page of HTML doesn't."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).removeprefix(_BYTE_ORDER_MARK).lstrip()
    return not head or head.startswith(b"{")


def _lines(files: ChunkFiles) -> Iterator[tuple[Path, int, bytes]]:
    for path in (files.output, files.error):
        if not path.exists():
            continue
        with path.open("rb") as file:
            offset = 0
            while raw := file.readline(LONGEST_LINE):
                line = _clean(raw)
                if line:
                    yield path, offset, line
                while not raw.endswith(b"\n") and (rest := file.readline(LONGEST_LINE)):
                    raw = rest
                offset = file.tell()


def _line_at(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return _clean(file.readline(LONGEST_LINE))


def _clean(raw: bytes) -> bytes:
    """A line without its marks; of one too long for a reply, a beginning that tells whose it is."""
    if len(raw) >= LONGEST_LINE and not raw.endswith(b"\n"):
        raw = raw[:_HEAD_BYTES]
    return raw.removeprefix(_BYTE_ORDER_MARK).strip()
