"""Pairs of any text that JSON may have to carry."""

from __future__ import annotations

from hypothesis import strategies as st

from syphus.core.records import Pair

TEXT = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('\u2028\x00\n\r"\\<>.,:[]{}')
)
PAIRS = st.lists(
    st.builds(
        Pair,
        id=TEXT,
        query_id=st.just(""),
        instruction=TEXT,
        answer=TEXT,
        image_ids=st.lists(TEXT, max_size=3).map(tuple),
        related_ids=st.lists(TEXT, max_size=3).map(tuple),
    ),
    max_size=6,
    unique_by=lambda pair: pair.id,
)
