from __future__ import annotations

from itertools import chain, count, islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.errors import InputError, PluginError
from syphus.core.records import Query
from syphus.plugins import AbstractDataset, QuerySource, select
from syphus.plugins.skips import MOST_KEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Given(AbstractDataset):
    """A dataset that returns what it was made with."""

    def __init__(self, items: Any) -> None:
        super().__init__("Given")
        self.items = items

    def _load_query_inputs(self) -> Any:
        return self.items() if callable(self.items) else self.items


def queries(items: Any) -> list[Query]:
    """The queries of these items."""
    return list(QuerySource(Given(items)))


def item(number: int = 1, **others: Any) -> dict[str, Any]:
    """A good item."""
    return {"id": f"v{number}", "sentences": f"text {number}", **others}


def test_items_become_queries_in_order() -> None:
    """Ids become texts, lists of sentences become lines, images become names."""
    items = [
        {"id": 7, "sentences": ["a", "b"], "other": 1},
        {"id": "v", "sentences": "", "images": ["x.jpg", Path("y.jpg")]},
        MappingProxyType({"id": "w", "sentences": ("c",), "images": None}),
    ]
    assert queries(items) == [
        Query(id="7", text="a\nb", source_id="7"),
        Query(id="v", text="", source_id="v", images=("x.jpg", "y.jpg")),
        Query(id="w", text="c", source_id="w"),
    ]


class Countdown:
    """An iterator that knows how much is left, and so is false at its end."""

    def __init__(self) -> None:
        self.left = 3

    def __len__(self) -> int:
        return self.left

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        if not self.left:
            raise StopIteration
        self.left -= 1
        return item(self.left)


class Countdowns:
    """Gives another iterator each time."""

    def __iter__(self) -> Countdown:
        return Countdown()


def test_an_iterator_that_has_a_length_is_read_once() -> None:
    """At its end it is false, and that is its end."""
    found = list(islice(QuerySource(Given(Countdowns())), 4))
    assert [query.id for query in found] == ["v2", "v1", "v0"]


def test_repeated_and_renamed_items_are_counted() -> None:
    """The same item again is left out, another text of an id is renamed; both are counted."""
    source = QuerySource(Given([item(1), item(1), item(1, sentences="other"), item(2)]))
    assert [(query.id, query.source_id) for query in source] == [
        ("v1", "v1"),
        ("v1#2", "v1"),
        ("v2", "v2"),
    ]
    assert (source.repeated, source.renamed) == (1, 1)
    assert len(list(source)) == 3
    assert (source.repeated, source.renamed) == (1, 1)


def test_lone_surrogates_are_replaced() -> None:
    """A lone surrogate in a text or an id becomes U+FFFD."""
    (query,) = queries([{"id": "v\udc80", "sentences": ["a \ud83d boat"]}])
    assert (query.id, query.source_id, query.text) == ("v\ufffd", "v\ufffd", "a \ufffd boat")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sentences": "x"}, "no 'id'; its keys: 'sentences'"),
        ({}, "no 'id'; its keys: none"),
        ({"id": "v", "sentence": "x"}, "no 'sentences'; its keys: 'id', 'sentence'"),
        ({"id": True, "sentences": "x"}, "type bool as id; use a text or an integer"),
        ({"id": 1.5, "sentences": "x"}, "type float as id"),
        ({"id": None, "sentences": "x"}, "None as id"),
        ({"id": " ", "sentences": "x"}, "empty id"),
        ({"id": "v", "sentences": None}, "None as sentences; use a text or a list of texts"),
        ({"id": "v", "sentences": {"a": "b"}}, "type dict as sentences"),
        ({"id": "v", "sentences": ["x", 3]}, "type int as sentence 2"),
        ({"id": "v", "sentences": "x", "images": "a.jpg"}, "type str as images; use a list"),
        ({"id": "v", "sentences": "x", "images": Path("a.jpg")}, "as images; use a list"),
        ({"id": "v", "sentences": "x", "images": ["a.jpg", 2]}, "type int as image 2"),
        ("text", "is a value of type str; it must be a dict"),
        (None, "is None; it must be a dict"),
        (["v", "x"], "is a value of type list"),
    ],
)
@pytest.mark.parametrize("kind", [list, iter])
def test_wrong_items(
    refusal: Callable[..., str], kind: Callable[[Any], Any], wrong: Any, said: str
) -> None:
    """A wrong item is named by plugin and position, with what is wrong and the mend."""
    items = [item(1), item(2), wrong, item(4)]
    for function in (list, lambda source: source.check_ahead(3)):
        message = refusal(function, QuerySource(Given(lambda: kind(items))))
        assert "item 3 " in message
        assert said in message
        assert message.startswith("Given.")


@pytest.mark.parametrize("returned", [None, {}, {"v": "x"}, "text", b"text", 5, item()])
def test_what_a_plugin_may_not_return(refusal: Callable[..., str], returned: Any) -> None:
    """A plugin returns a list or a generator, no dict, text or nothing."""
    message = refusal(QuerySource(Given(lambda: returned)).check_ahead, 10)
    assert "_load_query_inputs returned" in message
    assert "a list or a generator" in message


@pytest.mark.parametrize("empty", [[], (), iter([])])
def test_empty_data_set(refusal: Callable[..., str], empty: Any) -> None:
    """A data set without a query is refused, ahead and at iteration."""
    made = Given(lambda: empty)
    made.query_inputs_path = "some.json"
    for function in (list, lambda source: source.check_ahead(3)):
        message = refusal(function, QuerySource(made))
        assert "there is no query in some.json; --query_inputs_path" in message


def test_generators_are_read_lazily() -> None:
    """Of an endless generator only what is asked for is read; what was held comes first."""
    made: list[int] = []

    def endless() -> Iterator[dict[str, Any]]:
        for number in count(1):
            made.append(number)
            yield item(number)

    source = QuerySource(Given(endless))
    source.check_ahead(5)
    assert made == [1, 2, 3, 4, 5]
    assert [query.id for query in islice(source, 7)] == [f"v{n}" for n in range(1, 8)]
    assert made == [1, 2, 3, 4, 5, 6, 7]
    assert [query.id for query in islice(source, 2)] == ["v1", "v2"]


def test_error_behind_the_items_read_ahead() -> None:
    """A generator that fails later than it was checked still says at which item."""

    def failing() -> Iterator[dict[str, Any]]:
        yield from (item(number) for number in range(1, 9))
        raise OSError("disk gone")

    source = QuerySource(Given(failing))
    source.check_ahead(3)
    with pytest.raises(PluginError, match="item 9: OSError: disk gone") as caught:
        list(source)
    assert caught.value.position == 9


def test_size() -> None:
    """The number of items is known of a list, and of a generator only by reading it."""
    assert QuerySource(Given([item(1), item(1)])).size() == 2
    assert QuerySource(Given(lambda: iter([item(1)]))).size() is None


def numbered(amount: int) -> list[Query]:
    """As many queries."""
    return [Query(id=str(n), text="", source_id=str(n)) for n in range(amount)]


@given(amount=st.integers(1, 12), start=st.integers(0, 12), end=st.none() | st.integers(1, 14))
def test_slices_are_pythons(amount: int, start: int, end: int | None) -> None:
    """A slice that holds a query is Python's slice; any other is refused."""
    expected = numbered(amount)[start:end]
    if expected:
        assert list(select(iter(numbered(amount)), start, end)) == expected
    else:
        with pytest.raises(InputError, match="slice out of range"):
            select(iter(numbered(amount)), start, end)


@pytest.mark.parametrize("sample", [{}, {"sample": True, "seed": 1}])
@pytest.mark.parametrize(
    ("start", "end"), [(-1, None), (5, None), (3, 3), (4, 2), (0, -2), (9, 20)]
)
def test_slice_out_of_range(start: int, end: int | None, sample: dict[str, Any]) -> None:
    """A slice without a query is refused at once, with the number of queries there are."""
    with pytest.raises(InputError, match=r"slice out of range.*the 5 queries"):
        select(numbered(5), start, end, **sample)


@pytest.mark.parametrize("end", [None, -1])
def test_all_that_follow(end: int | None) -> None:
    """No end, or -1 as the first Syphus had it, means everything."""
    assert list(select(numbered(5), 2, end)) == numbered(5)[2:]


def test_selecting_is_lazy() -> None:
    """Of an endless source, only what the slice needs is read."""
    endless: Iterable[Query] = (Query(id=str(n), text="", source_id=str(n)) for n in count())
    assert [query.id for query in select(endless, 2, 5)] == ["2", "3", "4"]


@given(
    amount=st.integers(1, 40),
    start=st.integers(0, 40),
    end=st.none() | st.integers(1, 45),
    seed=st.integers(),
)
def test_samples_are_slices_of_one_order(
    amount: int, start: int, end: int | None, seed: int
) -> None:
    """Samples of one seed are slices of the same shuffled list, which holds each query once."""
    shuffled = list(select(numbered(amount), sample=True, seed=seed))
    assert sorted(shuffled, key=lambda query: int(query.id)) == numbered(amount)
    if shuffled[start:end]:
        assert (
            list(select(numbered(amount), start, end, sample=True, seed=seed))
            == (shuffled[start:end])
        )


def test_samples_are_uniform() -> None:
    """Over many seeds every query is equally often the first: 5 standard deviations are allowed."""
    seeds, amount = 2000, 4
    firsts = [next(select(numbered(amount), 0, 1, sample=True, seed=n)).id for n in range(seeds)]
    for name in "0123":
        assert abs(firsts.count(name) - seeds / amount) < 5 * (seeds * 3 / 16) ** 0.5


def test_ids_are_the_same_in_every_slice() -> None:
    """An id is renamed before slicing, so that a query keeps its id in every slice."""
    items = [item(1), item(1, sentences="other"), item(1, sentences="third"), item(2)]
    whole = list(select(QuerySource(Given(items))))
    assert list(select(QuerySource(Given(items)), 2)) == whole[2:]
    assert whole[2].id == "v1#3"


def test_left_out_items_are_counted_with_their_reason() -> None:
    """An item with a reason to skip gives no query, and the rest goes on."""
    items = [item(1), {"id": "v2", "skip": "names\nan absent photo"}, {"skip": "no id"}, item(4)]
    items.append({"id": 10**6000, "skip": "a large id"})
    source = QuerySource(Given(items))
    assert [query.id for query in source] == ["v1", "v4"]
    assert source.skips.count == 3
    assert [str(each) for each in source.skips.kept] == [
        "item 2 (v2) is left out: names an absent photo",
        "item 3 is left out: no id",
        "item 5 (a value of type int) is left out: a large id",
    ]


@pytest.mark.parametrize("lazy", [False, True])
def test_reading_again_counts_no_item_twice(*, lazy: bool) -> None:
    """What is read ahead, and then again, is one item."""
    items = [{"id": "a", "skip": "because"}, item(2), {"id": "c", "skip": "because"}, item(4)]
    source = QuerySource(Given((lambda: iter(items)) if lazy else items))
    source.check_ahead(2)
    assert source.skips.count == (1 if lazy else 2)
    assert len(list(source)) == len(list(source)) == 2
    assert [each.position for each in source.skips.kept] == [1, 3]


@pytest.mark.parametrize("lazy", [False, True])
def test_nothing_left_is_said_with_the_first_reason(*, lazy: bool) -> None:
    """Where every item is left out, there is nothing to run, and the line says why."""
    items = [{"id": f"v{number}", "skip": "no caption"} for number in range(3)]
    source = QuerySource(Given((lambda: iter(items)) if lazy else items))
    said = r"no query is left: item 1 \(v0\) is left out: no caption; left out in all: 3"
    with pytest.raises(PluginError, match=said):
        source.check_ahead(10)
    with pytest.raises(PluginError, match=said):
        list(source)


def test_items_behind_a_thousand_left_out_are_reached() -> None:
    """A beginning without a query doesn't end the reading."""

    def items() -> Iterator[dict[str, Any]]:
        yield from ({"id": str(number), "skip": "bad"} for number in range(12))
        yield item(1)

    source = QuerySource(Given(items))
    source.check_ahead(10)
    assert [query.id for query in source] == ["v1"]
    assert source.skips.count == 12


@pytest.mark.parametrize("reason", [5, ["no"], "  "])
def test_a_reason_is_a_text(reason: object) -> None:
    """A skip without words is the plugin's mistake."""
    with pytest.raises(PluginError, match=r"item 1 has .* as skip; say why"):
        queries([{"id": "a", "skip": reason}])


def test_of_very_many_left_out_items_the_first_are_kept() -> None:
    """All are counted; memory stays bounded."""
    items = ({"id": str(number), "skip": "bad"} for number in range(MOST_KEPT + 5))
    source = QuerySource(Given(lambda: chain(items, [item(1)])))
    assert len(list(source)) == 1
    assert source.skips.count == MOST_KEPT + 5
    assert len(source.skips.kept) == MOST_KEPT
