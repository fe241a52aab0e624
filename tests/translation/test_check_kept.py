from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.translation.check_kept import find_kept_fault, split_kept

ITEMS = {
    "code span": ["`git push`", "`x`", "`a.b(c, 'd')`"],
    "tag": ["<image>", "</b>", "<br/>", '<a href="https://a.b/c?d=e">', "<image_1>"],
    "address": ["https://a.org/x_(y)?q=1&r=%20#z", "http://a.b:80/", "www.example.com/a"],
    "e-mail address": ["ann.lee+x@mail.example.org"],
    "placeholder": ["{name}", "{{ x }}", "{0}", "${HOME}", "%(name)s", "%s", "%d", "%1$s"],
    "timestamp": ["00:12", "1:05:30", "12:07.500"],
}


@pytest.mark.parametrize(("kind", "item"), [(k, i) for k, items in ITEMS.items() for i in items])
def test_a_lost_item_is_named(kind: str, item: str) -> None:
    """Each kind of item is found in a text, and missed in a translation without it."""
    _, source = split_kept(f"Look at {item} now.")
    assert source == {(kind, item): 1}
    prose, text = split_kept("看。")
    assert find_kept_fault(source, text, prose) == f"the {kind} {item} is missing"


@pytest.mark.parametrize(("kind", "item"), [(k, i) for k, items in ITEMS.items() for i in items])
def test_an_item_is_found_between_characters_without_spaces(kind: str, item: str) -> None:
    """Chinese and Japanese put no space around an item."""
    _, items = split_kept(f"请看{item}\uff0c然后")
    assert items == {(kind, item): 1}


def test_items_stand_as_often_as_in_the_source() -> None:
    """A placeholder said twice for once, or once for twice, is a fault."""
    once, twice = split_kept("{name} left"), split_kept("{name} left {name}")
    assert find_kept_fault(once[1], twice[1], twice[0]) == (
        "the placeholder {name} is there 2 times, not 1"
    )
    assert find_kept_fault(twice[1], once[1], once[0]) == (
        "the placeholder {name} is there 1 times, not 2"
    )


def test_a_changed_item_is_named() -> None:
    """A timestamp with its digits turned round is missing."""
    _, source = split_kept("At 00:12 he leaves.")
    prose, text = split_kept("Um 00:21 geht er.")
    assert find_kept_fault(source, text, prose) == "the timestamp 00:12 is missing"


def test_an_added_item_is_named() -> None:
    """A placeholder that the source doesn't have is a fault."""
    prose, text = split_kept("Hola {name}")
    assert find_kept_fault({}, text, prose) == "the placeholder {name} is not in the source"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("He leaves at 10:30.", "Il part à 10 h 30."),
        ("He leaves at 10:00.", "Er geht um 10 Uhr."),
        ("He leaves at 9:05.", "彼は9時5分に出発します。"),
        ("He leaves at 5 p.m.", "Er geht um 17:00 Uhr."),
        ("Press Return.", "Drücken Sie `Return`."),
        ("See https://a.b/c.", "见 https://a.b/c。"),
        ("Sure? 50% sure: a < b and c > d", "¿Seguro? 50 % seguro: a < b y c > d"),
        ("```\n# say it\n```", "```\n# dilo\n```"),
    ],
)
def test_other_ways_to_write_are_no_fault(source: str, text: str) -> None:
    """Clock times in the way of the language, and what only looks like an item, are let through."""
    prose, items = split_kept(text)
    assert find_kept_fault(split_kept(source)[1], items, prose) is None


def test_a_timestamp_is_no_clock_time() -> None:
    """00:12 stays 00:12: nobody tells a time of day so."""
    prose, items = split_kept("à 00 h 12")
    fault = find_kept_fault(split_kept("at 00:12")[1], items, prose)
    assert fault == "the timestamp 00:12 is missing"


ANY_ITEM = st.sampled_from([item for items in ITEMS.values() for item in items])
WORDS = st.text(alphabet="abc ABC", max_size=8)


@given(
    pieces=st.lists(st.tuples(WORDS, ANY_ITEM), max_size=6),
    shuffler=st.randoms(use_true_random=False),
)
def test_a_text_with_all_items_passes(pieces: list[tuple[str, str]], shuffler: Random) -> None:
    """Whatever words stand around them and in whatever order, kept items are kept."""
    items = [item for _, item in pieces]
    source = " ".join(f"{words} {item} " for words, item in pieces)
    shuffler.shuffle(items)
    prose, text = split_kept(" 然后 ".join(items))
    assert find_kept_fault(split_kept(source)[1], text, prose) is None


@given(st.lists(ANY_ITEM, min_size=1, max_size=6), st.integers(min_value=0))
def test_a_text_without_one_item_fails(items: list[str], which: int) -> None:
    """Leave one out, and the check says so."""
    source = split_kept(" and ".join(items))[1]
    del items[which % len(items)]
    prose, text = split_kept(" und ".join(items))
    assert find_kept_fault(source, text, prose) is not None
