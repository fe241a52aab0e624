"""Root verb and noun of instructions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from syphus.report import tagging
from syphus.report.roots import Root, Word, find_root
from syphus.report.tagging import RootCounter, Tagger, asking_sentence


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    """The tagger, loaded once."""
    return Tagger()


@pytest.mark.parametrize(
    ("instruction", "verb", "noun"),
    [
        ("Describe the main activity taking place in the video.", "describe", "activity"),
        ("List three items on the shelf.", "list", "item"),
        ("Identify the objects that moved.", "identify", "object"),
        ("Can you describe the scene in the image?", "describe", "scene"),
        ("Tell me about the video.", "tell", "video"),
        ("What is the man doing?", "do", "man"),
        ("What is the man in the red shirt wearing?", "wear", "man"),
        ("Where is the dog sitting?", "sit", "dog"),
        ("Why might the woman be holding an umbrella?", "hold", "umbrella"),
        ("Who wins the race?", "win", "race"),
        ("What happens between 3.5s and 9.0s in the video?", "happen", None),
        ("What is Dr. Smith holding?", "hold", "smith"),
        ("At 0:12.5, what does the cook cut?", "cut", "cook"),
        ("Did the player catch the ball?", "catch", "ball"),
        ("Does the person pick up a knife?", "pick", "knife"),
        ("How does the weather look?", "look", "weather"),
        ("What objects can be seen on the desk?", "see", "object"),
        ("What kind of animals aren't shown?", "show", "animal"),
        ("Which direction does the car turn?", "turn", "direction"),
        ("How many people are standing in the kitchen?", "stand", "people"),
        ("How many chairs are there in the room?", "be", "chair"),
        ("What time of day is it?", "be", "time"),
        ("Is there a man sitting on the bench?", "be", "man"),
        ("Are there any differences between the two images?", "be", "difference"),
        ("What is the color of the car parked next to the tree?", "be", "color"),
        ("What's the man's job?", "be", "job"),
        ("What had to be done before the boat could go?", "do", "boat"),
        ("What might happen next?", "happen", None),
        ("I want to relax after work. What could I do in this room?", "do", "room"),
        ("Based on the image, what season might it be?", "be", "season"),
        ("Given the weather, should the man take an umbrella?", "take", "umbrella"),
        ("When the man jumps, what does the dog do?", "do", "dog"),
        ("Looking at the shelf, name the books.", "name", "book"),
        ("How has the position of the truck changed?", "change", "position"),
        ("Blue sky.", None, None),
    ],
)
def test_the_root_of_an_instruction(
    tagger: Tagger, instruction: str, verb: str | None, noun: str | None
) -> None:
    """The verb that asks, and its object, else what is asked for, else the subject."""
    assert tagger.root(asking_sentence(instruction)) == Root(verb=verb, noun=noun)


def test_how_many_roots_are_right(tagger: Tagger) -> None:
    """Of 160 questions that were labelled by hand, all but a few."""
    lines = (Path(__file__).parent / "root_questions.tsv").read_text().splitlines()
    wanted = {asked: (verb, noun) for verb, noun, asked in (each.split("\t") for each in lines)}
    found = {asked: tagger.root(asking_sentence(asked)) for asked in wanted}
    assert len(wanted) == 160
    assert sum(found[asked].verb == verb for asked, (verb, _) in wanted.items()) >= 155
    pairs = sum((root.verb, root.noun or "-") == wanted[asked] for asked, root in found.items())
    assert pairs >= 153


@pytest.mark.parametrize(
    "instruction",
    [
        "",
        "?",
        "你在做什么",
        "<script>alert(1)</script>",
        "\ud800 \x00",
        "a" * 100_000,
        "what " * 9_999,
    ],
)
def test_what_is_no_sentence(tagger: Tagger, instruction: str) -> None:
    """It has some root or none, within the time that a sentence takes."""
    assert isinstance(tagger.root(asking_sentence(instruction)), Root)


def test_the_sentence_that_asks() -> None:
    """The last question, or the first sentence where nothing is asked."""
    assert asking_sentence("You see a room. Who lives here? Who left? Say why.") == "Who left?"
    assert asking_sentence("Look at it. Describe it.") == "Look at it."


def test_a_word_that_is_no_verb_stays_one() -> None:
    """Where the tagger finds no verb and no word may be one, there is none."""
    words = [Word(text="red", lemma="red", tag="AJ0"), Word(text="sky", lemma="sky", tag="NN1")]
    assert find_root(words, lambda _: None) == Root(verb=None, noun=None)


def test_a_draw_of_the_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many so many are looked at, evenly over the run and the same ones each time."""

    class FirstWord:
        def root(self, sentence: str) -> Root:
            return Root(verb=sentence[0], noun=None)

    monkeypatch.setattr(tagging, "Tagger", FirstWord)

    def count() -> Counter[Root]:
        roots = RootCounter(looked_at=400)
        for at in range(4_000):
            roots.add("first?" if at < 2_000 else "later?")
        assert (roots.seen, roots.looked_at) == (4_000, 400)
        return roots.roots()

    found = count()
    assert found == count()
    assert found.total() == 400
    assert 150 < found[Root(verb="f", noun=None)] < 250
