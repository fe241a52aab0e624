"""What is known to be whole of JSON that was cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.json_mending import close_cut

TEXTS = st.text(st.sampled_from('ab"\\{}[],:\n é😀'), max_size=6)
SCALARS = TEXTS | st.integers(-999, 999) | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
TOPS = st.lists(VALUES, max_size=4) | st.dictionaries(TEXTS, VALUES, max_size=4)


def begins(part: Any, whole: Any) -> bool:
    """Whether `part` is what stands in `whole` up to some place, each scalar of it undamaged."""
    if isinstance(part, dict) and isinstance(whole, dict):
        names = list(whole)[: len(part)]
        return list(part) == names and all(begins(part[name], whole[name]) for name in names)
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(begins, part, whole))
    return type(part) is type(whole) and part == whole


@pytest.mark.parametrize("keeps_members", [False, True])
@given(value=TOPS, data=st.data())
def test_what_is_kept_of_a_cut_text_is_undamaged(
    *, keeps_members: bool, value: Any, data: st.DataObject
) -> None:
    """Cut anywhere, the closed part is JSON, begins as the whole did, and loses no character."""
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    closed = close_cut(cut, keeps_members=keeps_members)
    assert closed.state == "cut"
    if closed.whole:
        assert begins(json.loads(closed.whole), value)
    kept = closed.whole.rstrip("]}")
    assert cut.startswith(kept)
    rest = cut[len(kept) :]
    assert closed.rest in rest
    assert not rest.replace(closed.rest, "", 1).strip("]}, \n")


@pytest.mark.parametrize("keeps_members", [False, True])
@given(value=TOPS)
def test_a_whole_text_closes_by_itself(*, keeps_members: bool, value: Any) -> None:
    """A text that wasn't cut is given back as it is, and what stands behind it apart."""
    text = json.dumps(value)
    assert close_cut(f"{text},\n[", keeps_members=keeps_members) == (text, "[", "closed")


@pytest.mark.parametrize(
    ("keeps_members", "kept"),
    [(False, '[{"q": 1, "a": 2}]'), (True, '[{"q": 1, "a": 2}, {"q": 3}]')],
)
def test_members_of_an_unfinished_object_are_kept_on_request(
    *, keeps_members: bool, kept: str
) -> None:
    """Half a pair is no pair, but one of two languages is a translation."""
    closed = close_cut('[{"q": 1, "a": 2}, {"q": 3, "a": 4', keeps_members=keeps_members)
    assert closed.whole == kept


@pytest.mark.parametrize("text", ['[{"a": 1}, {"b": 2]', '{"a": [1}', "[" * 65, '{"a":' * 65])
def test_tangled_brackets_are_no_cut(text: str) -> None:
    """Brackets that don't match, or are nested very deep, are told apart from a cut."""
    assert close_cut(text).state == "tangled"


@given(text=st.text(st.sampled_from('ab"\\{}[],: '), max_size=30), keeps_members=st.booleans())
def test_any_text_is_taken(*, text: str, keeps_members: bool) -> None:
    """Nothing raises, and what is kept and what follows stand in the text."""
    closed = close_cut(text, keeps_members=keeps_members)
    assert closed.rest in text
    assert text.startswith(closed.whole.rstrip("]}"))
