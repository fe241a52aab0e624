"""The map from keys to places in the journal."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from syphus.journal.places import Places

# Few different bytes, so that keys and offsets look alike and meet in one run.
KEYS = st.lists(st.sampled_from([0, 1]), min_size=2, max_size=2).map(
    lambda ends: int.from_bytes(bytes([0, 0, *[1] * 12, *ends]), "big")
) | st.sampled_from([0, 1, 1 << 64, (1 << 128) - 1])
OFFSETS = st.sampled_from([0, 1, 0x0101010101010101, 1 << 62, (1 << 64) - 1])
STEPS = st.lists(st.tuples(KEYS, OFFSETS | st.none()), max_size=40)


@given(STEPS)
def test_it_holds_what_a_dictionary_holds(steps: list[tuple[int, int | None]]) -> None:
    """Whatever is put in, put over and taken out, in any order."""
    places, known = Places(), dict[int, int]()
    for key, offset in steps:
        if offset is None:
            assert places.pop(key, None) == known.pop(key, None)
        else:
            places[key] = known[key] = offset
        assert dict(places) == known
        assert len(places) == len(known)
        assert places.find(1 << 100) is None


def test_a_place_takes_at_most_45_bytes() -> None:
    """What a resume keeps of each reply: a dictionary would take 122 bytes."""
    entries = 500_000
    step = (1 << 128) // entries
    tracemalloc.start()
    places = Places()
    for number in range(entries):
        places[number * step * 7919 % (1 << 128)] = number
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(places) == entries
    assert held / entries < 45
