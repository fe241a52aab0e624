"""What the MIMIC-IT files of a run hold."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syphus.core.durable import json_list
from syphus.core.records import Parsed, Query, QuestionAnswer
from syphus.export.instructions import InstructionsMeta
from syphus.export.mimicit import instructions_path, train_path, write_mimicit
from syphus.export.numbering import QueryFacts
from syphus.export.relations import BySource, EachAlone, SameSource
from syphus.export.results import Answered, write_results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

META = InstructionsMeta(version="v1", time="2024-01-02", author="Ada")


def facts(query_id: str, source_id: str | None = None, *images: str) -> QueryFacts:
    """The facts of a query; its source is itself unless another is given."""
    source = query_id if source_id is None else source_id
    return QueryFacts(query_id=query_id, source_id=source, image_ids=images)


def write(folder: Path, records: Iterable[dict[str, str]], known: list[QueryFacts]) -> int:
    """Writes `valid_output.json` and the MIMIC-IT files of it."""
    valid = folder / "valid_output.json"
    with json_list(valid) as file:
        for record in records:
            file.add(record)
    relations = SameSource(valid, lambda: known, BySource(known))
    return write_mimicit(
        folder, short="DC", valid=valid, facts=lambda: known, meta=META, relations=relations
    )


def record(query_id: str, question: str = "q", answer: str = "a") -> dict[str, str]:
    """A line of `valid_output.json`."""
    return {"id": query_id, "question": question, "answer": answer}


def read_data(folder: Path) -> dict[str, Any]:
    """The entries of the instruction file, as another reader sees them."""
    value = json.loads(instructions_path(folder, "DC").read_bytes())["data"]
    assert isinstance(value, dict)
    return value


def read_train(folder: Path) -> dict[str, list[str]]:
    """The related ids of each instruction, as another reader sees them."""
    value = json.loads(train_path(folder, "DC").read_bytes())
    assert isinstance(value, dict)
    return value


def test_the_files_of_a_small_run_are_exactly_these(tmp_path: Path) -> None:
    """Head, entries and relations, one entry a line, in the order of the queries."""
    count = write(
        tmp_path,
        [record("x", "q1", "a1"), record("y", "é\n", "a2"), record("x#2", "q3", "a3")],
        [facts("x", "x", "i1", "i2"), facts("y"), facts("z"), facts("x#2", "x", "i1", "i2")],
    )
    assert count == 3
    assert (tmp_path / "DC_instructions.json").read_text("utf-8") == (
        '{"meta":{"version":"v1","time":"2024-01-02","author":"Ada"},\n'
        '"data":{\n'
        '"DC_INS_00001":{"instruction":"q1","answer":"a1","image_ids":["i1","i2"],'
        '"rel_ins_ids":["DC_INS_00003"]},\n'
        '"DC_INS_00002":{"instruction":"é\\n","answer":"a2","image_ids":[],"rel_ins_ids":[]},\n'
        '"DC_INS_00003":{"instruction":"q3","answer":"a3","image_ids":["i1","i2"],'
        '"rel_ins_ids":["DC_INS_00001"]}\n'
        "}}\n"
    )
    assert (tmp_path / "DC_train.json").read_text("utf-8") == (
        '{\n"DC_INS_00001":["DC_INS_00003"],\n'
        '"DC_INS_00002":[],\n'
        '"DC_INS_00003":["DC_INS_00001"]\n}\n'
    )


def test_a_run_without_pairs_leaves_empty_files(tmp_path: Path) -> None:
    """No pair, and free text, which has no question: whole files without entries."""
    assert write(tmp_path, [{"id": "x", "results": "a story"}], [facts("x")]) == 0
    assert read_data(tmp_path) == {}
    assert read_train(tmp_path) == {}


def test_related_ids_keep_the_order_of_the_file(tmp_path: Path) -> None:
    """All pairs of one source are related, near and far, the pair itself left out."""
    write(
        tmp_path,
        [record("x"), record("x"), record("x"), record("y"), record("x#2"), record("x#2")],
        [facts("x"), facts("y"), facts("x#2", "x")],
    )
    ids = [f"DC_INS_0000{number}" for number in (1, 2, 3, 5, 6)]
    train = read_train(tmp_path)
    assert {each: train[each] for each in ids} == {
        each: [other for other in ids if other != each] for each in ids
    }
    assert train["DC_INS_00004"] == []


@pytest.mark.parametrize("sizes", [[350], [30] * 12, [1] * 400, [101], [40, 61]])
def test_a_pair_names_a_hundred_related_pairs_at_most(tmp_path: Path, sizes: list[int]) -> None:
    """The nearest of its source in order, in both files; up to 101 pairs name all others."""
    known = [facts("x"), facts("y")]
    records = []
    ids: list[str] = []
    for number, size in enumerate(sizes, start=1):
        query_id = "x" if number == 1 else f"x#{number}"
        known += [] if number == 1 else [facts(query_id, "x")]
        ids += [f"DC_INS_{len(records) + at:05d}" for at in range(1, size + 1)]
        records += [record(query_id)] * size
        if number == 1:
            records.append(record("y"))
    write(tmp_path, records, known)
    data, train = read_data(tmp_path), read_train(tmp_path)
    assert train[f"DC_INS_{sizes[0] + 1:05d}"] == []
    for at, each in enumerate(ids):
        related = train[each]
        assert data[each]["rel_ins_ids"] == related
        places = [ids.index(other) for other in related]
        assert len(places) == min(100, len(ids) - 1)
        assert sorted({*places, at}) == [*range(min(*places, at), max(*places, at) + 1)]
        if len(ids) > 101 and 50 <= at < len(ids) - 50:
            assert (places[0], places[-1]) == (at - 50, at + 50)


def test_a_source_is_known_by_its_later_queries_alone(tmp_path: Path) -> None:
    """Where the first query of a source gave no pair, the others are still related."""
    write(
        tmp_path,
        [record("x#2"), record("x#3")],
        [facts("x"), facts("x#2", "x"), facts("x#3", "x")],
    )
    assert read_train(tmp_path) == {
        "DC_INS_00001": ["DC_INS_00002"],
        "DC_INS_00002": ["DC_INS_00001"],
    }


def test_an_id_that_looks_renamed_is_a_source_of_its_own(tmp_path: Path) -> None:
    """A plugin's own id `x#2` has nothing to do with the source `x`."""
    write(tmp_path, [record("x"), record("x#2")], [facts("x"), facts("x#2")])
    assert read_train(tmp_path) == {"DC_INS_00001": [], "DC_INS_00002": []}


def test_an_id_with_a_lone_surrogate_finds_its_facts(tmp_path: Path) -> None:
    """Files hold U+FFFD where a query's id has half a character."""
    write(tmp_path, [record("a\ud800")], [facts("a\ud800", None, "i\udc00")])
    assert read_data(tmp_path)["DC_INS_00001"]["image_ids"] == ["i\ufffd"]


@pytest.mark.parametrize(
    "known", [[], [facts("y")], [facts("y"), facts("x")]], ids=["none", "one", "other order"]
)
def test_facts_that_do_not_fit_change_nothing(tmp_path: Path, known: list[QueryFacts]) -> None:
    """A record without facts in its place ends the export; the earlier files stay."""
    write(tmp_path, [record("old")], [facts("old")])
    names = ("DC_instructions.json", "DC_train.json")
    before = [(tmp_path / name).read_bytes() for name in names]
    with pytest.raises(ValueError, match="valid_output"):
        write(tmp_path, [record("x"), record("y")], known)
    assert [(tmp_path / name).read_bytes() for name in names] == before
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*"))


def test_facts_that_raise_leave_the_earlier_files(tmp_path: Path) -> None:
    """A fault while writing changes no file and leaves no part of one."""
    write(tmp_path, [record("x")], [facts("x")])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def breaking() -> Iterator[QueryFacts]:
        yield facts("y")
        raise RuntimeError("queries")

    valid = tmp_path / "valid_output.json"
    with pytest.raises(RuntimeError, match="queries"):
        write_mimicit(
            tmp_path, short="DC", valid=valid, facts=breaking, meta=META, relations=EachAlone()
        )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_files_of_other_names_are_left_alone(tmp_path: Path) -> None:
    """Another data set's files and translations stay."""
    others = ["SN_instructions.json", "DC_instructions_zh.json", "SN_train.json"]
    for name in others:
        (tmp_path / name).write_text("mine")
    write(tmp_path, [record("x")], [facts("x")])
    assert [(tmp_path / name).read_text() for name in others] == ["mine"] * 3


@st.composite
def data_sets(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Sources in the order of the annotations, each with its number of pairs."""
    source = st.sampled_from(["a", "b", "c", "é", "\u2028"])
    return draw(st.lists(st.tuples(source, st.integers(0, 3)), max_size=12))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layout=data_sets())
def test_ids_and_relations_hold_together(tmp_path: Path, layout: list[tuple[str, int]]) -> None:
    """Ids are sequential; two pairs are related exactly if their source is the same."""
    seen: dict[str, int] = {}
    known, records, sources = [], [], []
    for source, pairs in layout:
        seen[source] = seen.get(source, 0) + 1
        query_id = source if seen[source] == 1 else f"{source}#{seen[source]}"
        known.append(facts(query_id, source))
        records += [record(query_id)] * pairs
        sources += [source] * pairs
    write(tmp_path, records, known)
    data, train = read_data(tmp_path), read_train(tmp_path)
    ids = [f"DC_INS_{number:05d}" for number in range(1, len(records) + 1)]
    assert list(data) == list(train) == ids
    for each, source in zip(ids, sources, strict=True):
        same = [i for i, s in zip(ids, sources, strict=True) if s == source and i != each]
        assert data[each]["rel_ins_ids"] == train[each] == same


def test_a_hundred_thousand_pairs_stay_in_bounded_memory(tmp_path: Path) -> None:
    """Both passes stream, the ids grow a digit, and repeated sources cost little."""
    queries = 33_400

    def ask(number: int) -> Query:
        source = number % 30_000
        query_id = f"image{source}" if number < 30_000 else f"image{source}#2"
        return Query(id=query_id, text="", source_id=f"image{source}")

    def answers() -> Iterator[Answered]:
        for number in range(queries):
            pairs = tuple(
                QuestionAnswer(question=f"What is in {number}? {at}", answer="A thing. " * 9)
                for at in range(3)
            )
            yield Answered(query=ask(number), parsed=Parsed(pairs=pairs))

    def known() -> Iterator[QueryFacts]:
        for number in range(queries):
            query = ask(number)
            yield QueryFacts(query_id=query.id, source_id=query.source_id, image_ids=("i",))

    tracemalloc.start()
    try:
        counts = write_results(tmp_path, answers())
        valid = tmp_path / "valid_output.json"
        relations = SameSource(valid, known, BySource(known()))
        written = write_mimicit(
            tmp_path, short="DC", valid=valid, facts=known, meta=META, relations=relations
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert counts.valid == written == 100_200
    assert peak < 10_000_000
    train = read_train(tmp_path)
    assert train["DC_INS_100200"][0] == "DC_INS_10198"
    assert len(train["DC_INS_100200"]) == 5
