"""Relations by text."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syphus.core.durable import json_list
from syphus.export import neighbours
from syphus.export.minilm import MiniLM
from syphus.export.neighbours import MOST_NEAREST, find_nearest, nearest_text
from syphus.export.numbering import QueryFacts
from syphus.export.vectors import Model

LATTICE = st.tuples(*[st.integers(-3, 3)] * 3)


def slowly(vectors: Any, queries: Sequence[int]) -> list[list[int]]:
    """What `find_nearest` finds, by sorting everything."""
    found = []
    for own, vector in zip(queries, vectors, strict=True):
        others = [at for at, query in enumerate(queries) if query != own]
        order = sorted(others, key=lambda at: (-int(vectors[at] @ vector), at))[:MOST_NEAREST]
        found.append(order + [-1] * (MOST_NEAREST - len(order)))
    return found


@example(rows=[((0, 0, 0), 0)] * 9 + [((0, 0, 0), 1)] * 11 + [((0, 0, 0), 2)] * 9)
@given(rows=st.lists(st.tuples(LATTICE, st.integers(0, 9)), min_size=1, max_size=60))
@settings(deadline=None)
def test_the_search_is_exact(rows: list[tuple[tuple[int, ...], int]]) -> None:
    """Through blocks of any size it finds what sorting everything finds, without ties at random."""
    vectors = np.array([vector for vector, _ in rows], np.float16)
    queries = sorted(query for _, query in rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "_ROWS", 7)
        patch.setattr(neighbours, "_COLUMNS", 16)
        found = find_nearest(vectors, np.array(queries, np.int32))
    assert found.tolist() == slowly(vectors.astype(np.int64), queries)


def facts_of(texts: list[list[str]], folder: Path) -> list[QueryFacts]:
    """Writes pairs, one list a query; gives the queries' facts."""
    with json_list(folder / "valid_output.json") as valid:
        for number, questions in enumerate(texts):
            for question in questions:
                valid.add({"id": f"q{number}", "question": question, "answer": "Yes."})
    return [
        QueryFacts(query_id=f"q{number}", source_id=f"q{number}") for number in range(len(texts))
    ]


class Animals:
    """A model that knows cats and dogs."""

    identity = b"a" * 32
    width = 3

    def embed(self, text: str) -> Any:
        return np.array([text.count("cat"), text.count("dog"), 0.1])


def read_related(
    texts: list[list[str]], folder: Path, model: Model | None = None
) -> list[list[int]]:
    """The numbers that each pair is related to."""
    facts = facts_of(texts, folder)
    strategy = nearest_text(folder / "valid_output.json", lambda: facts, model)
    found, first = [], 1
    for fact, questions in zip(facts, texts, strict=True):
        found += map(list, strategy.related(fact, range(first, first + len(questions))))
        first += len(questions)
    return found


def test_pairs_of_the_own_query_are_left_out(tmp_path: Path) -> None:
    """However alike they are: what is near on the same image is there by another strategy."""
    found = read_related([["cat", "dog"], ["dog"], [], ["cat", "cat dog"]], tmp_path, Animals())
    assert found == [[4, 5, 3], [3, 5, 4], [2, 5, 1, 4], [1, 2, 3], [1, 2, 3]]
    assert {each.name for each in tmp_path.iterdir()} == {"valid_output.json", "vectors.bin"}


def test_a_run_without_pairs_has_no_neighbours(tmp_path: Path) -> None:
    """Nothing is searched."""
    assert read_related([[], []], tmp_path, Animals()) == []


ALIKE = [
    ["What colour is the car that waits at the light?"],
    ["How many people sit around the dinner table?"],
    ["Which hue has the automobile at the crossing?"],
    ["What is the number of guests having supper?"],
]


def test_the_model_knows_what_is_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packaged model puts a paraphrase first; a second time it isn't even loaded."""
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("network"))
    found = read_related(ALIKE, tmp_path)
    assert [each[0] for each in found] == [3, 4, 1, 2]
    monkeypatch.setattr(MiniLM, "embed", lambda *_: pytest.fail("embedded again"))
    assert read_related(ALIKE, tmp_path) == found


def test_vectors_have_length_one() -> None:
    """Of any text, the empty one and one beyond the model's 256 tokens too."""
    model = MiniLM()
    for text in ("A cat.", "", "\x00", "cat " * 1000, "\u0641\u064a\u0644"):
        vector = model.embed(text)
        assert vector.shape == (model.width,)
        assert float(vector @ vector) == pytest.approx(1, abs=1e-5)


def test_the_model_tells_nobody_of_its_use(tmp_path: Path) -> None:
    """Its runtime would report to its makers by default; it leaves no trace of having tried."""
    code = "from syphus.export.minilm import MiniLM; MiniLM().embed('A cat.')"
    env = {name: value for name, value in os.environ.items() if name not in {"CI", "HOME"}}
    env |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    (tmp_path / ".env").write_text("SECRET=1")
    code += "; import os; assert 'SECRET' not in os.environ"
    env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    subprocess.run([sys.executable, "-c", code], check=True, env=env, cwd=tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [".env"]
