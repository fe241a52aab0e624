"""Whatever became of a journal's bytes: what is read was written, what is damaged is refused."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from syphus.core.errors import JournalDamaged, JournalError
from syphus.core.records import Failure, Reply, Usage
from syphus.journal.format import (
    _seal,
    encode_failure,
    encode_not_billed,
    encode_reply,
    encode_sent,
)
from syphus.journal.reader import JournalReader, read_index, scan
from syphus.journal.writer import JournalWriter
from tests.journal.conftest import request

REPLY = Reply(
    text='Question: "é\ud800\u2028\n"?',
    finish_reason="stop",
    usage=Usage(prompt_tokens=10, completion_tokens=5, cached_tokens=2),
    latency=1,
    deployment="d",
    attempt=1,
    cost=0.25,
)
TRANSLATION = replace(request("p1", f"{3:032x}"), pairs=(1, 2), languages=("de", "zh"))
FAILURE = Failure(kind="bad_request", message="no", attempts=1, status=400)
LINES = (
    encode_sent(request("p1", f"{1:032x}"), attempt=1, deployment="d", most_cost=0.5),
    encode_reply(request("p1", f"{1:032x}"), REPLY, time=0),
    encode_sent(request("p2", f"{2:032x}"), attempt=1, deployment="d"),
    encode_not_billed(request("p2", f"{2:032x}")),
    encode_failure(request("p2", f"{2:032x}"), FAILURE, time=0),
    encode_reply(TRANSLATION, replace(REPLY, text=None, finish_reason="length"), time=0),
)
STARTS = [0, *accumulate(map(len, LINES))]
CONTENT = b"".join(LINES)
JOURNALS = st.lists(st.sampled_from(LINES), min_size=1, max_size=8)
PLACES = st.integers(0, 1 << 16)
BLOCKS = (
    st.binary(min_size=1, max_size=40)
    | st.integers(1, 4096).map(bytes)
    | st.sampled_from([b"\n", b"\n\n", b"\r", b"{}\n", *LINES, *(line[:-1] for line in LINES)])
)


@dataclass
class Found:
    """What a reader made of some bytes; `refused_at` is None where it took them."""

    lines: list[bytes] = field(default_factory=list)
    torn: int = 0
    refused_at: int | None = None
    said: str = ""


def read(path: Path, content: bytes) -> Found:
    """Reads a journal of these bytes."""
    path.write_bytes(content)
    found = Found()
    try:
        whole, found.torn = scan(path, lambda line, _head, _at: found.lines.append(bytes(line)))
    except JournalDamaged as damage:
        found.refused_at, found.said = damage.offset, str(damage)
    else:
        assert whole + found.torn == len(content)
    return found


def restored(line: bytes) -> bytes:
    """A line with its newline, which a cut may have taken."""
    return line if line.endswith(b"\n") else line + b"\n"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each journal is written in its turn."""
    return tmp_path_factory.mktemp("journal") / "j.jsonl"


def test_a_cut_at_any_byte_loses_what_stood_behind_it_alone(path: Path) -> None:
    """Every line before the cut is read, a line that lost only its newline too; the rest is torn.

    The writer then goes on as if the torn line had never been begun.
    """
    for cut in range(len(CONTENT) + 1):
        found = read(path, CONTENT[:cut])
        whole = sum(end - 1 <= cut for end in STARTS[1:])
        assert [restored(line) for line in found.lines] == list(LINES[:whole])
        assert found.torn == max(0, cut - STARTS[whole])
        assert found.refused_at is None
        asyncio.run(go_on(path))
        assert path.read_bytes() == b"".join((*LINES[:whole], LINES[0]))


async def go_on(path: Path) -> None:
    """Adds a line to a journal as the next sitting would."""
    writer: JournalWriter[int] = JournalWriter(
        path,
        size=read_index(path).whole_bytes,
        on_durable=lambda _: None,
        on_refused=lambda _: None,
    )
    writer.append(LINES[0], 0)
    writer.close()


def test_any_flipped_bit_is_refused_with_its_line(path: Path) -> None:
    """Each bit of a journal in turn, its last newline included: the lines before it are read."""
    for number, line in enumerate(LINES):
        for bit in range(len(line) * 8):
            at = STARTS[number] + bit // 8
            content = bytearray(CONTENT)
            content[at] ^= 1 << bit % 8
            found = read(path, content)
            assert found.refused_at == STARTS[number]
            assert f"byte {STARTS[number]}:" in found.said
            assert found.lines == list(LINES[:number])


@given(JOURNALS, PLACES, st.integers(1, 255))
def test_any_changed_byte_is_refused_with_its_line(
    path: Path, lines: list[bytes], place: int, change: int
) -> None:
    """Another byte in place of any byte of any journal."""
    content = bytearray(b"".join(lines))
    place %= len(content)
    content[place] ^= change
    found = read(path, content)
    number = bytes(content[:place]).count(b"\n")
    assert found.lines == lines[:number]
    assert found.refused_at == sum(map(len, lines[:number]))


def test_line_ends_of_windows_have_a_mend_that_loses_nothing(path: Path) -> None:
    """The advice is to take the carriage returns out, never to cut the journal; it works."""
    found = read(path, CONTENT.replace(b"\n", b"\r\n"))
    assert found.refused_at == 0
    assert "truncate" not in found.said
    command = found.said.split("(")[1].split(")")[0].replace("FILE", str(path))
    assert command.startswith("sed ")
    subprocess.run(command, shell=True, check=True)  # noqa: S602 - it is what a user would type
    assert path.read_bytes() == CONTENT


def check_damage(path: Path, lines: list[bytes], damaged: bytes) -> None:
    """What holds whatever was done to the bytes of `lines`.

    Every line given is one that was written; those before the damage are all given; what is taken
    is taken whole, but for a torn end; what is refused is refused at a line that nobody wrote.
    """
    content = b"".join(lines)
    assume(content != damaged)
    pairs = zip(content, damaged, strict=False)
    same = next((at for at, (one, other) in enumerate(pairs) if one != other), None)
    same = min(len(content), len(damaged)) if same is None else same
    before = content[:same].count(b"\n")
    found = read(path, damaged)
    given = [restored(line) for line in found.lines]
    assert given[:before] == lines[:before]
    assert set(given) <= set(LINES)
    rest = damaged[sum(map(len, found.lines)) :]
    if found.refused_at is None:
        assert len(rest) == found.torn
        assert b"\n" not in rest
    else:
        assert found.refused_at == len(damaged) - len(rest)
        assert rest.split(b"\n")[0] + b"\n" not in LINES


@given(JOURNALS, PLACES, PLACES)
def test_a_block_that_is_gone_never_makes_a_line(
    path: Path, lines: list[bytes], start: int, size: int
) -> None:
    """Bytes left out anywhere: their neighbours aren't taken for one line."""
    content = b"".join(lines)
    start %= len(content)
    end = start + 1 + size % (len(content) - start)
    check_damage(path, lines, content[:start] + content[end:])


@given(JOURNALS, PLACES, BLOCKS)
def test_a_block_that_was_put_in_never_makes_a_line(
    path: Path, lines: list[bytes], place: int, block: bytes
) -> None:
    """Zeros, newlines, rubbish, or a piece of a journal, anywhere."""
    content = b"".join(lines)
    place %= len(content) + 1
    check_damage(path, lines, content[:place] + block + content[place:])


@given(JOURNALS, PLACES, BLOCKS)
def test_a_block_written_over_never_makes_a_line(
    path: Path, lines: list[bytes], place: int, block: bytes
) -> None:
    """Another file's page, or one that the disk never wrote, in the place of a journal's."""
    content = b"".join(lines)
    place %= len(content)
    damaged = content[:place] + block + content[place + len(block) :]
    check_damage(path, lines, damaged)


@pytest.mark.parametrize(
    ("kind", "rest"),
    [
        ("paused", '"query":"p1"'),
        ("session", '"query":"p1"'),
        ("reply", '"tokens":{"in":1},"query":"p1"'),
        ("replying", '"usage":[1,2,3],"query":"p1"'),
    ],
)
def test_a_line_of_another_version_is_refused(path: Path, kind: str, rest: str) -> None:
    """A sound line whose meaning isn't known is no damage: the offset and the way on are told."""
    path.write_bytes(CONTENT + _seal(f"{9:032x}", kind, rest) + LINES[0])  # type: ignore[arg-type]
    with pytest.raises(JournalError, match=rf"another version.* byte {len(CONTENT)}\b") as caught:
        read_index(path)
    assert not isinstance(caught.value, JournalDamaged)


def test_damage_that_comes_while_a_run_goes_on_is_refused_too(path: Path) -> None:
    """A record that is read again for the files is checked again."""
    damaged = bytearray(CONTENT)
    damaged[STARTS[1] + 60] ^= 1
    path.write_bytes(damaged)
    reader = JournalReader(path)
    with pytest.raises(JournalDamaged) as caught:
        reader.at(STARTS[1])
    reader.close()
    assert caught.value.offset == STARTS[1]
