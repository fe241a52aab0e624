"""Sizes, sources and reasons of a stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syphus.report.counting import LONGEST, MOST_KINDS, Reasons, Sizes, Sources


@given(st.lists(st.integers(0, 2 * LONGEST), min_size=1), st.integers(3, 40))
def test_every_size_stands_in_one_column(sizes: list[int], most: int) -> None:
    """The columns sum up to all, in at most so many columns and one for giants."""
    counted = Sizes()
    for size in sizes:
        counted.add(size)
    bins = counted.bins(most)
    assert sum(count for _, count in bins) == len(sizes) == counted.total
    assert len(bins) <= most + 1


@given(st.lists(st.integers(0, LONGEST), min_size=1))
def test_quantiles_are_sizes_that_occur(sizes: list[int]) -> None:
    """Half of the sizes are at most the middle one, all are at most the last."""
    counted = Sizes()
    for size in sizes:
        counted.add(size)
    middle = counted.quantile(0.5)
    assert middle in sizes
    assert 2 * sum(size <= middle for size in sizes) >= len(sizes)
    assert 2 * sum(size < middle for size in sizes) < len(sizes) + 1
    assert counted.quantile(1) == max(sizes)


def test_columns_have_round_widths() -> None:
    """A hundred sizes stand in columns of five, and one giant in a column behind them."""
    counted = Sizes()
    for size in range(100):
        counted.add(size, 10)
    counted.add(9_000)
    labels = [label for label, _ in counted.bins(30)]
    assert labels[:2] == ["0 to 4", "5 to 9"]
    assert labels[-2:] == ["95 to 99", "100 or more"]


def test_nothing_counted() -> None:
    """There are no columns, and nothing is divided by nought."""
    assert (Sizes().bins(), Sizes().mean, Sizes().quantile(0.5)) == ([], 0.0, 0)


def test_pairs_of_a_source() -> None:
    """Pairs on the same images are one source's, wherever they stand; others have none."""
    sources = Sources()
    for images in [("a",), ("b", "c"), ("a",), (), ("b",), ("a",)]:
        sources.add(images)
    sizes = sources.sizes()
    assert sources.without == 1
    assert (sizes.total, sizes.quantile(0.5), sizes.quantile(1)) == (3, 1, 3)


def test_reasons_without_their_details() -> None:
    """Numbers and quotations don't make another reason; the most frequent stand first."""
    reasons = Reasons()
    for reason in ["number 3 isn't 4", "number 17 isn't 4", "'x'\n is odd", "", "'y' is odd"]:
        reasons.add(reason)
    reasons.add('"z" is odd')
    assert reasons.most_common() == [
        ("… is odd", 3),
        ("number … isn't …", 2),
        ("no reason given", 1),
    ]


def test_reasons_without_end() -> None:
    """Behind a thousand kinds the others are counted together, and memory stays as it is."""
    reasons = Reasons()
    for at in range(2 * MOST_KINDS):
        reasons.add("x" * (at % 100) + "y" * (at // 100))
    assert reasons.total == 2 * MOST_KINDS
    shown = reasons.most_common(5)
    assert shown[-1][0] == "other reasons"
    assert sum(count for _, count in shown) == 2 * MOST_KINDS
