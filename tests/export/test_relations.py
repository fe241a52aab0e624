"""Which pairs are related, by each strategy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syphus.core.durable import json_list
from syphus.export import relations
from syphus.export.numbering import QueryFacts, number_pairs
from syphus.export.relations import (
    MOST_RELATED,
    ByImages,
    EachAlone,
    PreviousTurns,
    Relations,
    SameSource,
)

Layout = list[tuple[tuple[str, ...], int]]
IMAGES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2).map(tuple)
IN_A_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def lay_out(folder: Path, layout: Layout) -> Callable[[], Iterator[QueryFacts]]:
    """Writes the pairs of queries with these images and so many pairs; gives their facts."""
    with json_list(folder / "valid_output.json") as valid:
        for number, (_, pairs) in enumerate(layout):
            for at in range(pairs):
                valid.add({"id": f"q{number}", "question": f"{number} {at}?", "answer": "a"})

    def facts() -> Iterator[QueryFacts]:
        for number, (images, _) in enumerate(layout):
            name = f"q{number}"
            yield QueryFacts(query_id=name, source_id=name, image_ids=images, position=number)

    return facts


def related(
    strategy: Relations, folder: Path, facts: Callable[[], Iterator[QueryFacts]]
) -> dict[int, list[int]]:
    """The numbers that each pair is related to."""
    found = {}
    for group in number_pairs(folder / "valid_output.json", facts()):
        each = strategy.related(group.facts, group.numbers)
        found |= {n: list(others) for n, others in zip(group.numbers, each, strict=True)}
    return found


@given(layout=st.lists(st.tuples(IMAGES, st.integers(0, 3)), max_size=9), table=st.booleans())
@IN_A_FOLDER
def test_pairs_on_the_same_images_are_related(
    tmp_path: Path, layout: Layout, *, table: bool
) -> None:
    """Exactly those, however many queries asked; also where a full table of bits takes all keys."""
    facts = lay_out(tmp_path, layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relations, "_TABLE_BYTES", 1 if table else 1 << 16)
        grouping = ByImages(facts())
        strategy = SameSource(tmp_path / "valid_output.json", facts, grouping)
        found = related(strategy, tmp_path, facts)
    subjects = [images or number for number, (images, n) in enumerate(layout) for _ in range(n)]
    assert found == {
        number: [at for at, s in enumerate(subjects, 1) if s == subject and at != number]
        for number, subject in enumerate(subjects, 1)
    }
    keys = [images or number for number, (images, _) in enumerate(layout)]
    if len(set(keys)) < len(keys):
        assert grouping


def test_images_of_their_own_need_no_second_pass(tmp_path: Path) -> None:
    """Where no two queries share images, each is known to stand alone."""
    facts = lay_out(tmp_path, [(("a",), 1), (("b",), 1), (("a", "b"), 1), ((), 1), ((), 1)])
    assert not ByImages(facts())


def test_a_turn_is_related_to_those_before_it(tmp_path: Path) -> None:
    """In their order, within its conversation alone, and the latest where there are many."""
    facts = lay_out(tmp_path, [(("a",), 3), (("a",), MOST_RELATED + 3)])
    found = related(PreviousTurns(), tmp_path, facts)
    assert [found[number] for number in range(1, 6)] == [[], [1], [1, 2], [], [4]]
    assert found[MOST_RELATED + 6] == list(range(6, MOST_RELATED + 6))


@pytest.mark.parametrize(
    ("pairs", "expected"), [(6, [[], [1], [1, 2], [], [4], [4, 5]]), (5, [[]] * 5), (0, [])]
)
def test_several_conversations_of_a_reply_are_apart(
    tmp_path: Path, pairs: int, expected: list[list[int]]
) -> None:
    """By the number of their turns; where one was lost, no pair claims another for its own."""
    facts = lay_out(tmp_path, [((), pairs)])
    assert list(related(PreviousTurns(3), tmp_path, facts).values()) == expected


def test_a_query_alone_relates_its_own_pairs(tmp_path: Path) -> None:
    """All others of the reply."""
    facts = lay_out(tmp_path, [(("a",), 3), (("b",), 1)])
    assert related(EachAlone(), tmp_path, facts) == {1: [2, 3], 2: [1, 3], 3: [1, 2], 4: []}


@pytest.mark.parametrize("queries", [1, 40])
def test_a_long_source_has_no_square_of_ids(tmp_path: Path, queries: int) -> None:
    """Of 10,000 pairs on one clip each names its hundred nearest, however many queries asked."""
    pairs = 10_000
    facts = lay_out(tmp_path, [(("clip",), pairs // queries)] * queries)
    strategy: Relations = EachAlone()
    if queries > 1:
        valid = tmp_path / "valid_output.json"
        strategy = SameSource(valid, facts, ByImages(facts()))
    found = related(strategy, tmp_path, facts)
    assert {len(others) for others in found.values()} == {MOST_RELATED}
    assert found[1] == list(range(2, MOST_RELATED + 2))
    middle, half = pairs // 2, MOST_RELATED // 2
    near = range(middle - half, middle + half + 1)
    assert found[middle] == [at for at in near if at != middle]
    assert found[pairs] == list(range(pairs - MOST_RELATED, pairs))
