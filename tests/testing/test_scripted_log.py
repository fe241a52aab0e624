from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from syphus.testing import Log

ADMITTED = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), min_size=1, max_size=40)


def _fill(admitted: list[tuple[int, int]]) -> tuple[Log, list[int]]:
    """A log whose admissions lie whole eighths of a second apart, and their times in eighths."""
    log = Log()
    count = log.recognise("key", "text")
    times = list(accumulate(gap for gap, _ in admitted))
    for now, (_, tokens) in zip(times, admitted, strict=True):
        log.admit(count, now / 8, tokens)
    return log, times


@given(admitted=ADMITTED, seconds=st.integers(1, 10))
def test_the_busiest_window_is_the_busiest(admitted: list[tuple[int, int]], seconds: int) -> None:
    """No window of that length holds more requests or tokens, and one holds as many."""
    log, times = _fill(admitted)
    sizes = [tokens for _, tokens in admitted]
    windows = [
        [size for at, size in zip(times, sizes, strict=True) if end - seconds * 8 < at <= end]
        for end in times
    ]
    assert log.busiest(seconds) == (max(map(len, windows)), max(map(sum, windows)))


@given(admitted=ADMITTED, seconds=st.integers(1, 10))
def test_windows_hold_everything_in_its_place(
    admitted: list[tuple[int, int]], seconds: int
) -> None:
    """Consecutive windows count each admission once, in the window that its time falls into."""
    log, times = _fill(admitted)
    windows = log.windows(seconds)
    for number, counted in enumerate(windows):
        begin = times[0] + number * seconds * 8
        inside = [
            size
            for at, (_, size) in zip(times, admitted, strict=True)
            if begin <= at < begin + seconds * 8
        ]
        assert counted == (len(inside), sum(inside))
    assert sum(requests for requests, _ in windows) == len(admitted)
