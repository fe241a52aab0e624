from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from syphus.validation.ids import IdSet

NUMBERED = st.integers(0, 10**7).map("DC_INS_{:05d}".format)
NAMES = st.lists(
    st.one_of(NUMBERED, st.text(max_size=4), st.sampled_from(["a01", "a1", "a\u0660\u0661"]))
)


def held(names: list[str]) -> IdSet:
    """A set with these."""
    ids = IdSet()
    for name in names:
        ids.add(name)
    return ids


@given(names=NAMES, others=NAMES)
@settings(deadline=None)
def test_it_is_a_set(names: list[str], others: list[str]) -> None:
    """It answers as Python's own set does, whatever the ids look like."""
    ids, expected = IdSet(), set[str]()
    for name in names:
        assert ids.add(name) == (name not in expected)
        expected.add(name)
    assert len(ids) == len(expected)
    assert all((name in ids) == (name in expected) for name in others)
    assert sorted(ids.without(held(others))) == sorted(expected - set(others))
    assert sorted(ids.common(held(others))) == sorted(expected & set(others))
