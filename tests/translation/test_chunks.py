from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from syphus.translation.chunks import chunk_missing, chunk_pairs, estimate_completion
from syphus.translation.shape import MOST_PAIRS
from syphus.translation.values import Chunk, SourcePair

CODES = ("ar", "de", "es", "fr", "ja", "ko", "zh")
LANGUAGES = st.sets(st.sampled_from(CODES), min_size=1)
BOUNDS = st.integers(1, 3000)


def make_pairs(sizes: list[int]) -> list[SourcePair]:
    """Pairs whose texts have so many characters, a token each."""
    return [
        SourcePair(number=number, instruction="i" * (size // 2), answer="a" * (size - size // 2))
        for number, size in enumerate(sizes, 1)
    ]


PAIRS = st.lists(st.integers(0, 400), max_size=14).map(make_pairs)


def size_of(chunk: Chunk) -> int:
    """The estimated completion of a chunk."""
    return sum(estimate_completion(pair, chunk.languages, len) for pair in chunk.pairs)


def asked(chunks: list[Chunk]) -> list[tuple[int, str]]:
    """What is asked, by pair number and language, in the order of the requests."""
    return [
        (pair.number, code) for chunk in chunks for pair in chunk.pairs for code in chunk.languages
    ]


@given(PAIRS, LANGUAGES, BOUNDS, st.none() | BOUNDS)
def test_everything_is_asked_once(
    pairs: list[SourcePair], languages: set[str], most_tokens: int, max_tokens: int | None
) -> None:
    """Every pair and language stands in exactly one request, and the order of pairs is kept."""
    chunks = chunk_pairs(
        pairs,
        languages=languages,
        count_tokens=len,
        most_tokens=most_tokens,
        max_tokens=max_tokens,
    )
    assert sorted(asked(chunks)) == sorted(
        (pair.number, code) for pair in pairs for code in languages
    )
    numbers = [number for number, _ in asked(chunks)]
    assert numbers == sorted(numbers)


@given(PAIRS, LANGUAGES, BOUNDS, st.none() | BOUNDS)
def test_the_bounds_are_kept(
    pairs: list[SourcePair], languages: set[str], most_tokens: int, max_tokens: int | None
) -> None:
    """Only a pair alone exceeds the one, only a language alone three quarters of the other."""
    for chunk in chunk_pairs(
        pairs,
        languages=languages,
        count_tokens=len,
        most_tokens=most_tokens,
        max_tokens=max_tokens,
    ):
        assert 1 <= len(chunk.pairs) <= MOST_PAIRS
        if len(chunk.pairs) > 1:
            assert size_of(chunk) <= most_tokens
        if max_tokens is not None and len(chunk.pairs) * len(chunk.languages) > 1:
            assert size_of(chunk) <= max_tokens * 0.75


@given(PAIRS, LANGUAGES, BOUNDS)
def test_no_request_could_have_been_saved(
    pairs: list[SourcePair], languages: set[str], most_tokens: int
) -> None:
    """The first pair of a request didn't fit into the one before."""
    chunks = chunk_pairs(pairs, languages=languages, count_tokens=len, most_tokens=most_tokens)
    for before, after in pairwise(chunks):
        together = Chunk(pairs=(*before.pairs, after.pairs[0]), languages=before.languages)
        assert len(together.pairs) > MOST_PAIRS or size_of(together) > most_tokens


def test_a_pair_too_large_for_the_endpoint_is_divided_by_language() -> None:
    """Its languages go over as few requests as hold them; the others' stay together."""
    pairs = make_pairs([10, 300, 10, 10])
    chunks = chunk_pairs(pairs, languages=CODES, count_tokens=len, most_tokens=900, max_tokens=1200)
    assert [[pair.number for pair in chunk.pairs] for chunk in chunks] == [
        [1],
        [2],
        [2],
        [2],
        [2],
        [3, 4],
    ]
    assert [chunk.languages for chunk in chunks[1:5]] == [
        ("ar", "de"),
        ("es", "fr"),
        ("ja", "ko"),
        ("zh",),
    ]


def test_a_bound_may_be_reached() -> None:
    """Two pairs that are exactly as large as the bound travel together."""
    pairs = make_pairs([7, 8, 9])
    size = sum(estimate_completion(pair, CODES, len) for pair in pairs[:2])
    chunks = chunk_pairs(pairs, languages=CODES, count_tokens=len, most_tokens=size)
    assert [len(chunk.pairs) for chunk in chunks] == [2, 1]


def test_without_languages_nothing_is_asked() -> None:
    """An empty choice of languages gives no request."""
    assert chunk_pairs(make_pairs([5]), languages=(), count_tokens=len, most_tokens=100) == []


@given(PAIRS, st.sets(st.tuples(st.integers(1, 14), st.sampled_from(CODES))), BOUNDS)
def test_only_what_is_missing_is_asked_again(
    pairs: list[SourcePair], missing: set[tuple[int, str]], most_tokens: int
) -> None:
    """The pairs and languages that are missing, each once, and none besides."""
    chunks = chunk_missing(pairs, missing, count_tokens=len, most_tokens=most_tokens)
    numbers = {pair.number for pair in pairs}
    assert sorted(asked(chunks)) == sorted(key for key in missing if key[0] in numbers)


def test_pairs_that_miss_the_same_languages_travel_together() -> None:
    """One request for each set of languages, not one for each text."""
    missing = {(1, "ja"), (1, "zh"), (2, "ar"), (3, "zh"), (3, "ja")}
    chunks = chunk_missing(make_pairs([5, 5, 5]), missing, count_tokens=len, most_tokens=1000)
    assert [(len(chunk.pairs), chunk.languages) for chunk in chunks] == [
        (2, ("ja", "zh")),
        (1, ("ar",)),
    ]
