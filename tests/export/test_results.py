"""What the three result files hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from syphus.core.durable import read_json_list
from syphus.core.records import Failure, Parsed, Query, QuestionAnswer, Rejected
from syphus.export.results import Answered, ResultCounts, write_results

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = ("valid_output.json", "invalid_output.json", "error_messages.json")
HOSTILE = "line\u2028para\u2029next\nreturn\r\x85nul\x00 end"


def query(query_id: str) -> Query:
    """A query whose source is what stands before `#`."""
    return Query(id=query_id, text="", source_id=query_id.partition("#")[0])


def pairs(*texts: str) -> tuple[QuestionAnswer, ...]:
    """A pair for each of `texts`."""
    return tuple(QuestionAnswer(question=f"{text}?", answer=f"{text}.") for text in texts)


def read(path: Path) -> list[object]:
    """The list in a file, as another reader sees it."""
    value = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(value, list)
    return value


def test_every_state_of_a_query_goes_where_it_belongs(tmp_path: Path) -> None:
    """Pairs, rejected parts, free text and failures are written in the order of the answers."""
    counts = write_results(
        tmp_path,
        [
            Answered(
                query=query("b"),
                parsed=Parsed(
                    pairs=pairs("one", "two"),
                    rejected=(Rejected(response="Question: x", reason="no answer"),),
                    truncated=True,
                ),
            ),
            Answered(
                query=query("a"),
                failure=Failure(
                    kind="timed_out", message="no answer", attempts=3, maybe_billed=True
                ),
            ),
            Answered(query=query("a#2"), free_text="a story"),
            Answered(
                query=query("c"),
                failure=Failure(kind="bad_request", message="too big", attempts=1, status=413),
            ),
        ],
    )
    assert read(tmp_path / "valid_output.json") == [
        {"id": "b", "question": "one?", "answer": "one."},
        {"id": "b", "question": "two?", "answer": "two."},
        {"id": "a#2", "results": "a story"},
    ]
    assert read(tmp_path / "invalid_output.json") == [
        {"id": "b", "response": "Question: x", "error_message": "no answer"}
    ]
    assert read(tmp_path / "error_messages.json") == [
        {
            "id": "a",
            "error_message": "no answer",
            "kind": "timed_out",
            "status": None,
            "attempts": 3,
            "maybe_billed": True,
        },
        {
            "id": "c",
            "error_message": "too big",
            "kind": "bad_request",
            "status": 413,
            "attempts": 1,
            "maybe_billed": False,
        },
    ]
    assert counts == ResultCounts(
        queries=4, productive=2, valid=3, invalid=1, failed=2, truncated=1
    )


def test_the_bytes_are_one_record_a_line(tmp_path: Path) -> None:
    """The file is a JSON array with each record on a line of its own."""
    write_results(tmp_path, [Answered(query=query("x"), parsed=Parsed(pairs=pairs("é", "n")))])
    assert (tmp_path / "valid_output.json").read_bytes() == (
        b"[\n"
        b'{"id":"x","question":"\xc3\xa9?","answer":"\xc3\xa9."},\n'
        b'{"id":"x","question":"n?","answer":"n."}\n'
        b"]\n"
    )


def test_all_three_files_are_written_even_if_empty(tmp_path: Path) -> None:
    """A run without answers replaces an older run's lists by empty ones, and nothing else."""
    other = tmp_path / "valid_output.bak.json"
    other.write_text("mine")
    for name in FILES:
        (tmp_path / name).write_text('[{"id":"old"}]')
    assert write_results(tmp_path, []) == ResultCounts()
    assert [read(tmp_path / name) for name in FILES] == [[], [], []]
    assert other.read_text() == "mine"


def test_a_reply_that_gave_nothing_is_listed_as_invalid(tmp_path: Path) -> None:
    """No answered query is missing from all three files."""
    counts = write_results(tmp_path, [Answered(query=query("x"), parsed=Parsed())])
    (record,) = read(tmp_path / "invalid_output.json")
    assert isinstance(record, dict)
    assert record["id"] == "x"
    assert (counts.valid, counts.invalid) == (0, 1)


@pytest.mark.parametrize(
    "state",
    [{"free_text": "told"}, {"failure": Failure(kind="timed_out", message="", attempts=1)}],
    ids=["free text", "failure"],
)
def test_an_empty_parse_beside_another_state_is_not_invalid(
    tmp_path: Path, state: dict[str, object]
) -> None:
    """What is said by another file isn't said a second time."""
    answer = Answered(query=query("x"), parsed=Parsed(truncated=True), **state)  # type: ignore[arg-type]
    counts = write_results(tmp_path, [answer])
    assert (counts.invalid, counts.truncated) == (0, 1)
    assert counts.valid + counts.failed == 1


def test_a_query_without_any_state_is_refused() -> None:
    """A query that has no result yet can't be handed in by mistake."""
    with pytest.raises(ValueError, match="'x'"):
        Answered(query=query("x"))


def test_hostile_text_stays_on_its_line_and_reads_back_equal(tmp_path: Path) -> None:
    """Line separators of every kind survive; lone surrogates become U+FFFD."""
    parsed = Parsed(
        pairs=(
            QuestionAnswer(question=HOSTILE, answer="a\ud800b"),
            QuestionAnswer(question="],", answer="["),
        )
    )
    write_results(tmp_path, [Answered(query=query("x"), parsed=parsed)])
    path = tmp_path / "valid_output.json"
    assert path.read_bytes().count(b"\n") == 4
    assert list(read_json_list(path)) == [
        {"id": "x", "question": HOSTILE, "answer": "a\ufffdb"},
        {"id": "x", "question": "],", "answer": "["},
    ]
    assert read(path) == list(read_json_list(path))


def test_answers_that_raise_leave_the_earlier_files(tmp_path: Path) -> None:
    """A fault in the middle changes no file and leaves no part of one."""

    def breaking() -> Iterator[Answered]:
        for number in range(1000):
            yield Answered(query=query(f"new{number}"), parsed=Parsed(pairs=pairs("x" * 1000)))
        raise RuntimeError("journal")

    write_results(tmp_path, [Answered(query=query("old"), parsed=Parsed(pairs=pairs("x")))])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RuntimeError, match="journal"):
        write_results(tmp_path, breaking())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert set(before) == set(FILES)
