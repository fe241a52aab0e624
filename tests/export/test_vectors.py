"""Vectors are computed once for each text, whatever happens to their file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syphus.export.vectors import VECTORS, vector_file

IN_A_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Counted:
    """A model of three dimensions that notes what it is asked for."""

    width = 3

    def __init__(self, name: str = "a") -> None:
        self.identity = name.encode() * 32
        self.asked: list[str] = []

    def embed(self, text: str) -> np.ndarray:
        self.asked.append(text)
        return np.array([len(text), text.count("a"), 1], np.float32)


def find(path: Path, texts: list[str], model: Counted) -> list[list[float]]:
    """The vectors, by a file that is opened for them."""
    with vector_file(path, model) as vectors:
        return [np.frombuffer(vectors.find(each), np.float16).tolist() for each in texts]


def expected(texts: list[str]) -> list[list[float]]:
    """What the model gives."""
    return [[len(text), text.count("a"), 1] for text in texts]


@given(rounds=st.lists(st.lists(st.text("ab\x00é", max_size=3)), max_size=4))
@IN_A_FOLDER
def test_a_text_is_embedded_once(tmp_path: Path, rounds: list[list[str]]) -> None:
    """Over any number of writings, in any order, also where it comes twice in one."""
    path = tmp_path / VECTORS
    path.unlink(missing_ok=True)
    model = Counted()
    for texts in rounds:
        assert find(path, texts, model) == expected(texts)
    assert sorted(model.asked) == sorted({text for texts in rounds for text in texts})


def test_another_model_begins_anew(tmp_path: Path) -> None:
    """Its vectors are of another space."""
    path, other = tmp_path / VECTORS, Counted("b")
    find(path, ["one", "two"], Counted())
    find(path, ["one"], other)
    assert other.asked == ["one"]
    again = Counted("b")
    assert find(path, ["one", "two"], again) == expected(["one", "two"])
    assert again.asked == ["two"]


@pytest.mark.parametrize("damage", ["cut", "zeroes", "changed", "head", "foreign"])
def test_a_damaged_file_gives_no_wrong_vector(tmp_path: Path, damage: str) -> None:
    """What a kill, a power cut or another program left is computed anew, and kept again."""
    path, texts = tmp_path / VECTORS, [f"{number}a" for number in range(5)]
    find(path, texts, Counted())
    content = bytearray(path.read_bytes())
    size = (len(content) - 48) // 5
    third = 48 + 2 * size
    if damage == "cut":
        del content[third + 4 :]
    elif damage == "zeroes":
        content[third + 16 :] = bytes(3 * size - 16)
    elif damage == "changed":
        content[third + 17] ^= 1
    else:
        content[:48] = os.urandom(48) if damage == "foreign" else content[:20] + bytes(28)
    path.write_bytes(content)
    for wanted in (texts if damage in {"head", "foreign"} else texts[2:], []):
        model = Counted()
        assert find(path, texts, model) == expected(texts)
        assert model.asked == wanted
