from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.plugins.naming import UniqueNames

IDS = st.sampled_from(["x", "x#2", "x#3", "x#2#2", "y", "y#2"])
TEXTS = st.sampled_from(["", "a", "b", "c"])


def claim_all(items: list[tuple[str, str]]) -> list[str | None]:
    """The names of these items, in order."""
    names = UniqueNames()
    return [names.claim(source_id, text) for source_id, text in items]


def test_same_id_and_text_is_one_query() -> None:
    """A repeated item has no name of its own, wherever it is repeated."""
    items = [("x", "a"), ("x", "b"), ("y", "a"), ("x", "a"), ("x", "b"), ("x", "c")]
    assert claim_all(items) == ["x", "x#2", "y", None, None, "x#3"]


def test_own_id_before_the_renamed_one() -> None:
    """A plugin's own id x#2 keeps its name; another text of x takes the next number."""
    assert claim_all([("x#2", "a"), ("x", "a"), ("x", "b")]) == ["x#2", "x", "x#3"]


def test_own_id_after_the_renamed_one() -> None:
    """A plugin's own id x#2 that comes late gets a number itself, even with the same text."""
    items = [("x", "a"), ("x", "b"), ("x#2", "b"), ("x#2", "b")]
    assert claim_all(items) == ["x", "x#2", "x#2#2", None]


@given(items=st.lists(st.tuples(IDS, TEXTS), max_size=30))
def test_every_different_item_has_a_name_of_its_own(items: list[tuple[str, str]]) -> None:
    """Exactly the first of each different item gets a name, and no name is given twice."""
    names = claim_all(items)
    for index, name in enumerate(names):
        assert (name is None) == (items[index] in items[:index])
    given_names = [name for name in names if name is not None]
    assert len(set(given_names)) == len(given_names)


@given(items=st.lists(st.tuples(IDS, TEXTS), max_size=30), more=st.lists(st.tuples(IDS, TEXTS)))
def test_names_depend_on_what_came_before(
    items: list[tuple[str, str]], more: list[tuple[str, str]]
) -> None:
    """Items added at the end of a file change no earlier name."""
    assert claim_all(items + more)[: len(items)] == claim_all(items)


def test_names_of_many() -> None:
    """However far the tables have grown, what was claimed is known again."""
    items = [(f"v{number % 3_000}", str(number % 5_000)) for number in range(16_000)]
    given_names = [name for name in claim_all(items) if name is not None]
    assert given_names[:3_000] == [source_id for source_id, _ in items[:3_000]]
    assert len(set(given_names)) == len(given_names) == len(set(items))


@pytest.mark.parametrize("count", [22_000, 44_000, 60_000])
def test_memory_of_a_query(count: int) -> None:
    """A query costs less than 60 bytes, also while the tables grow (22,000 and 44,000)."""
    names = UniqueNames()
    tracemalloc.start()
    for number in range(count):
        names.claim(f"video_{number}", "a man walks through a park")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most / count < 60
