from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syphus.quality.duplicates import Duplicates
from syphus.quality.sketch import SIMILAR, compare
from syphus.quality.slots import MOST_SHARING, Slots

WORDS = [f"{a}{b}" for a in ("red", "oak", "sun", "tin", "fog") for b in range(800)]
QUESTION = "What can be seen in the picture?"
ANSWER = (
    "A woman in a red coat waits at a crossing in the rain while a boy on a bicycle looks at the "
    "window of a bakery."
)


@pytest.fixture
def duplicates(tmp_path: Path) -> Iterator[Duplicates]:
    """With room for a thousand pairs."""
    found = Duplicates(tmp_path, expected=1000)
    yield found
    found.close()


def planted(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Originals and what is made from them: words replaced until 0.8 is close, never below."""
    dice = random.Random(seed)  # noqa: S311 - no secrets
    for _ in range(count):
        words = dice.choices(WORDS, k=dice.randint(25, 60))
        copy = list(words)
        for _ in range(40):
            tried = list(copy)
            tried[dice.randrange(len(tried))] = dice.choice(WORDS)
            if compare(" ".join(words), " ".join(tried)) >= SIMILAR:
                copy = tried
        yield " ".join(words), " ".join(copy)


def test_nearly_all_near_duplicates_are_found(duplicates: Duplicates) -> None:
    """Of pairs whose similarity is 0.8 or hardly more at least 95 in 100."""
    pairs = list(planted(400, seed=1))
    similar = [compare(one, other) for one, other in pairs]
    assert min(similar) >= SIMILAR
    assert sorted(similar)[len(similar) // 2] < SIMILAR + 0.04
    found = 0
    for at, (one, other) in enumerate(pairs):
        assert duplicates.find(f"x{at}", "", one) is None
        found += duplicates.find(f"y{at}", "", other) == "near_in_set"
    assert found >= 0.95 * len(pairs)


def test_only_near_duplicates_are_found(duplicates: Duplicates) -> None:
    """What is found was compared word by word with a pair that stays, not estimated."""
    dice = random.Random(2)  # noqa: S311 - no secrets
    words = dice.choices(WORDS, k=40)
    kept: list[str] = []
    for _ in range(300):
        other = list(words)
        for _ in range(dice.randint(1, 12)):
            other[dice.randrange(40)] = dice.choice(WORDS)
        text = " ".join(other)
        if duplicates.find("a", "", text) is None:
            kept.append(text)
        else:
            assert max(compare(text, each) for each in kept) >= SIMILAR
    assert 100 < len(kept) < 300


def test_an_exact_repeat_has_the_same_words(duplicates: Duplicates) -> None:
    """Capitals, signs and spaces make no other pair; a word does."""
    assert duplicates.find("a", QUESTION, ANSWER) is None
    assert duplicates.find("a", QUESTION.upper(), f" {ANSWER}!") == "repeated_in_source"
    assert duplicates.find("b", QUESTION, ANSWER) == "repeated_in_set"
    assert duplicates.find("a", QUESTION, f"{ANSWER} Yes.") == "near_in_source"
    assert duplicates.find("b", QUESTION, f"{ANSWER} Yes.") == "near_in_set"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("What colour is the car?", "It is red."), ("What colour is the car?", "It is blue.")),
        (("How many dogs are there?", "Two."), ("How many dogs are there?", "Three.")),
        (("Is he alone?", "Yes."), ("Is she alone?", "Yes.")),
        (("\u8ab0?", "\u732b"), ("\u8ab0?", "\u72ac")),
        (("?", "!"), ("Hm?", "!")),
    ],
)
def test_another_answer_is_another_pair(
    duplicates: Duplicates, one: tuple[str, str], other: tuple[str, str]
) -> None:
    """Short pairs that differ in a word both stay."""
    assert duplicates.find("a", *one) is None
    assert duplicates.find("a", *other) is None


def test_a_repeat_is_nobodys_original(duplicates: Duplicates) -> None:
    """A chain of small changes doesn't take the whole set with it."""
    words = [f"word{at}" for at in range(60)]
    assert duplicates.find("a", "", " ".join(words)) is None
    near = [*(f"new{at}" for at in range(5)), *words[5:]]
    assert duplicates.find("a", "", " ".join(near)) == "near_in_source"
    far = [*near[:-6], *(f"other{at}" for at in range(6))]
    assert compare(" ".join(near), " ".join(far)) >= SIMILAR
    assert compare(" ".join(words), " ".join(far)) < SIMILAR
    assert duplicates.find("a", "", " ".join(far)) is None


def test_texts_that_no_encoding_holds_are_compared(duplicates: Duplicates) -> None:
    """Replies contain lone surrogates."""
    assert duplicates.find("\ud800", "What?", "\ud800 that") is None
    assert duplicates.find("\ud800", "What?", "\ud800 that") == "repeated_in_source"


def test_more_pairs_than_expected_are_found_again(tmp_path: Path) -> None:
    """The guess of how many come is only about room."""
    few, many = Duplicates(tmp_path), Duplicates(tmp_path, expected=5000)
    for duplicates in (few, many):
        for at in range(3000):
            assert duplicates.find("a", "", f"{at} red oak {at} tin {at + 7} sun") is None
        for at in range(0, 3000, 50):
            again = duplicates.find("b", "", f"{at} red oak {at} tin {at + 7} sun")
            assert again == "repeated_in_set"
        duplicates.close()


def test_memory_grows_by_a_bounded_size_a_pair(tmp_path: Path) -> None:
    """200 bytes at most, however long the texts are, and nothing is left in the folder."""
    count = 3000
    duplicates = Duplicates(tmp_path, expected=count)
    dice = random.Random(3)  # noqa: S311 - no secrets
    for at in range(count):
        assert duplicates.find(str(at), "", " ".join(dice.choices(WORDS, k=60))) is None
    assert size_of(duplicates) < 200 * count
    assert not list(tmp_path.iterdir())
    duplicates.close()


def size_of(value: object) -> int:
    """Bytes of a value and of all that its attributes and elements hold."""
    held = list(value) if isinstance(value, list | tuple) else []
    held += vars(value).values() if hasattr(value, "__dict__") else []
    held += [getattr(value, name) for name in getattr(value, "__slots__", ())]
    return sys.getsizeof(value) + sum(map(size_of, held))


def test_a_phrase_that_all_share_is_not_compared_with_all() -> None:
    """Of the pairs that have a key the first few are found."""
    slots = Slots()
    for number in range(3 * MOST_SHARING):
        slots.add((42, 1000 + number), number)
    assert slots.find((42,)) == list(range(MOST_SHARING))
    assert slots.find((1005,)) == [5]
    assert slots.find((7,)) == []
