"""Requests as the journal knows them."""

from __future__ import annotations

from syphus.core.records import Request, RequestShape, Sampling

SHAPE = RequestShape(model="m", sampling=Sampling())


def request(query_id: str, key: str = "0123456789abcdef0123456789abcdef", turn: int = 0) -> Request:
    """A request of one query."""
    return Request(
        key=key,
        identity="b2:0",
        query_id=query_id,
        stage="generate",
        shape=SHAPE,
        messages=b"[]",
        prompt_tokens=1,
        turn=turn,
    )
