"""What the checks find among pairs that were written to lead them astray."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from syphus.quality.screen import Rules, make_screen
from syphus.translation.check_language import name_not_english

SCREEN = make_screen(Rules(personal_data=True), name_other=name_not_english)
GOOD = "-"


def pairs() -> list[tuple[str, str, str]]:
    """Each with the check that it should fail, or `-`."""
    path = Path(__file__).parent / "tricky_pairs.tsv"
    rows = (line.replace("\\n", "\n").split("\t") for line in path.read_text("utf-8").splitlines())
    return [(check, question, answer) for check, question, answer in rows]


@pytest.mark.parametrize(
    ("question", "answer"), [(asked, told) for check, asked, told in pairs() if check == GOOD]
)
def test_a_good_pair_is_left_alone(question: str, answer: str) -> None:
    """A pair that is dropped wrongly is lost without anybody noticing."""
    assert SCREEN(question, answer) == {}


def test_nearly_all_bad_pairs_are_found() -> None:
    """By the check that is there for them."""
    found, wanted = Counter[str](), Counter[str]()
    for check, question, answer in pairs():
        wanted[check] += check != GOOD
        found[check] += check in SCREEN(question, answer)
    assert wanted.total() >= 100
    assert found.total() >= 0.95 * wanted.total()
    assert all(found[check] >= 0.9 * count for check, count in wanted.items())
