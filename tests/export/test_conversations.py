"""Pairs as conversations, in the formats that have turns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from syphus.core.records import Pair
from syphus.export.chatml import write_chatml
from syphus.export.conversations import find_images, group_turns, say_turns
from syphus.export.editions import Edition
from syphus.export.instructions import InstructionsMeta, instructions_file
from syphus.export.llava import write_llava
from syphus.export.sharegpt import write_sharegpt

META = InstructionsMeta(version="v1", time="now", author="Ada")


def pair(name: str, *related: str, images: tuple[str, ...] = (), text: str = "What?") -> Pair:
    """A pair that is named and related."""
    return Pair(
        id=name,
        query_id="",
        instruction=text,
        answer=f"{name}!",
        image_ids=images,
        related_ids=related,
    )


TALK = [
    pair("a", images=("i",)),
    pair("b", "a", images=("i",)),
    pair("c", "a", "b", images=("i", "j")),
    pair("d"),
    pair("e", "d"),
    pair("f", "d"),
    pair("g", "h"),
]


def edition(folder: Path, pairs: list[Pair]) -> Edition:
    """Pairs in a file."""
    path = folder / "source.json"
    with instructions_file(path, META) as file:
        for each in pairs:
            file.add(each)
    return Edition(language="en", path=path)


def test_related_pairs_stay_pairs() -> None:
    """Unless the data set says that they are the turns before."""
    found = [[each.id for each in turns] for turns in group_turns(TALK, joined=False)]
    assert found == [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"]]


def test_a_pair_joins_the_conversation_whose_turns_it_names() -> None:
    """All of them, in order; a pair that names others begins anew."""
    found = [[each.id for each in turns] for turns in group_turns(TALK, joined=True)]
    assert found == [["a", "b", "c"], ["d", "e"], ["f"], ["g"]]
    assert list(group_turns([], joined=True)) == []


def test_a_long_conversation_stays_one() -> None:
    """A pair names a hundred related ones at most: the last hundred turns, when there are more."""
    names = [f"n{at}" for at in range(130)]
    talk = [pair(name, *names[max(0, at - 100) : at]) for at, name in enumerate(names)]
    assert [len(turns) for turns in group_turns(talk, joined=True)] == [130]


def test_the_first_turn_shows_the_images() -> None:
    """One mark for each image of the conversation, once."""
    turns = next(group_turns(TALK, joined=True))
    assert find_images(turns) == ["i", "j"]
    said = [(each["from"], each["value"]) for each in say_turns(turns)]
    assert said[:3] == [("human", "<image>\n<image>\nWhat?"), ("gpt", "a!"), ("human", "What?")]
    assert sum(text.count("<image>") for _, text in said) == 2


def test_a_text_is_never_taken_for_an_image() -> None:
    """Loaders count the marks, so what a text says of them is put in other brackets."""
    odd = pair("a", images=("i",), text="Is <image> before <video>, or <b>?")
    assert say_turns([odd])[0]["value"] == "<image>\nIs [image] before [video], or <b>?"


def test_llava_names_one_image_or_a_list_or_none(tmp_path: Path) -> None:
    """Its loaders take a name, several names, and texts without an image."""
    pairs = [pair("a"), pair("b", images=("i",)), pair("c", images=("i", "j"))]
    counts = write_llava(tmp_path, [edition(tmp_path, pairs)], short="PH", joined=False)
    found: list[dict[str, Any]] = json.loads((tmp_path / "PH_llava.json").read_bytes())
    assert counts == {"en": 3}
    assert [each.get("image") for each in found] == [None, "i", ["i", "j"]]
    assert "image" not in found[0]


def test_conversations_are_counted_by_their_pairs(tmp_path: Path) -> None:
    """Four conversations of seven pairs are seven pairs, in each format."""
    editions = [edition(tmp_path, TALK)]
    assert write_llava(tmp_path, editions, short="PH", joined=True) == {"en": 7}
    assert write_sharegpt(tmp_path, editions, short="PH", joined=True) == {"en": 7}
    assert write_chatml(tmp_path, editions, short="PH", joined=True) == {"en": 7}
    for kind in ("llava", "sharegpt"):
        assert len(json.loads((tmp_path / f"PH_{kind}.json").read_bytes())) == 4
    lines = (tmp_path / "PH_chatml.jsonl").read_bytes().splitlines()
    first = json.loads(lines[0])["messages"]
    assert len(lines) == 4
    assert [each["role"] for each in first] == ["user", "assistant"] * 3
    assert [each["content"] for each in first[1::2]] == ["a!", "b!", "c!"]
