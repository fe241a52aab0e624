"""A line of a batch makes its request again, and its custom id names one attempt."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from syphus.core.images import SentImage
from syphus.core.records import RequestShape, Sampling
from syphus.engine.batch_lines import (
    FactsReader,
    LineFacts,
    custom_id,
    encode_facts,
    name_of,
)
from syphus.engine.retry import Tries
from tests.engine.batch_desk import (
    request,
)

texts = st.text(st.characters(codec=None), max_size=20)


@given(
    query_id=texts,
    messages=st.binary(max_size=3).map(lambda raw: b'["' + raw.hex().encode() + b'"]'),
    shape=st.tuples(
        st.integers(1, 9) | st.none(), st.floats(0, 2) | st.none(), st.none() | st.just(b"{}")
    ),
    pairs=st.lists(st.integers(1, 9)).map(tuple),
    images=st.lists(
        st.builds(
            SentImage,
            digest=st.just("0" * 32),
            size=st.integers(1, 9),
            width=st.integers(1, 9),
            height=st.integers(1, 9),
            tokens=st.integers(1, 9),
        ),
        max_size=2,
    ).map(tuple),
    span=st.floats(0, 1e9),
)
def test_facts_make_the_request_again(
    query_id: str,
    messages: bytes,
    shape: tuple[int | None, float | None, bytes | None],
    pairs: tuple[int, ...],
    images: tuple[SentImage, ...],
    *,
    span: float,
) -> None:
    """On one line of ASCII, whatever the query is called; equal shapes are one object."""
    sampling = Sampling(max_tokens=shape[0], temperature=shape[1])
    first = replace(
        request(1),
        query_id=query_id,
        messages=messages,
        pairs=pairs,
        images=images,
        languages=("de",) if pairs else (),
        shape=RequestShape(model="m", sampling=sampling, response_format=shape[2]),
    )
    tries = Tries(sent=2, span=span, good_seen=5)
    line = encode_facts(LineFacts(request=first, tries=tries, sitting="a", wording="w"))
    assert line.isascii()
    assert b"\n" not in line
    reader = FactsReader()
    found, later = reader.read(line, sitting="a"), reader.read(line, sitting="b")
    assert replace(found.request, shape=first.shape) == first
    assert found.request.shape.sampling == sampling
    assert found.request.shape.response_format == shape[2]
    assert found.request.shape is later.request.shape
    assert (found.tries, later.tries.good_seen) == (tries, 0)


def test_custom_ids_tell_runs_requests_and_attempts_apart() -> None:
    """Equal ids mean the same paid thing; two translations of one query share only their key."""
    one = request(1)
    names = {
        custom_id(run, name_of(each), attempt)
        for run in ("r", "s")
        for each in (one, request(2), replace(one, identity="b2:other"), replace(one, turn=1))
        for attempt in (1, 2)
    }
    assert len(names) == 16
    assert all(len(name) == 31 and name.isalnum() for name in names)
    assert custom_id("r", name_of(one), 1) == custom_id("r", name_of(request(1)), 1)
