"""Which names were given already."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syphus.convert.seen import SeenNames


@given(st.lists(st.text(alphabet="ab\udcff", max_size=4)))
def test_it_tells_what_a_set_tells(names: list[str]) -> None:
    """A name is new once."""
    seen, known = SeenNames(), set()
    for name in names:
        assert seen.add(name) is (name not in known)
        known.add(name)


def test_many_names_in_few_bytes() -> None:
    """A hundred thousand names, each found again and none taken for another."""
    seen = SeenNames()
    assert all(seen.add(f"v_{at}") for at in range(100_000))
    assert not any(seen.add(f"v_{at}") for at in range(0, 100_000, 7))
