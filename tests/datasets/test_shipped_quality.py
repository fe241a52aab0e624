"""What `--quality drop` takes from the data sets that ship with Syphus, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from syphus import AbstractDataset
from syphus.core.records import Parsed, Query, QuestionAnswer
from syphus.core.settings import load_settings
from syphus.pipeline.quality import Sieve, choose_quality
from syphus.plugins import load_dataset
from tests.datasets.prompt_examples import examples_of
from tests.datasets.test_shipped_datasets import NAMES, ROOT


def load(name: str) -> AbstractDataset:
    """A data set that ships with Syphus."""
    return load_dataset(name, root=ROOT, prompt_path=None, query_inputs_path=None)


class Dropping:
    """Drops pairs as a run of one data set does."""

    def __init__(self, name: str, folder: Path) -> None:
        self.dataset = load(name)
        quality = choose_quality(load_settings({"name": name, "quality": "drop"}), self.dataset)
        assert quality is not None
        self._sieve = Sieve(quality, folder, short=self.dataset.short, expected=10)
        self._position = 0

    def close(self) -> None:
        """Lets go of the pairs."""
        self._sieve.close()

    def reasons(self, parsed: Parsed, *, source: str) -> list[str]:
        """Why pairs of the next reply, to a query of this source, are dropped."""
        self._position += 1
        query = Query(id=source, text="", source_id=source)
        return [each.reason for each in self._sieve.sift(self._position, query, parsed).rejected]


@pytest.fixture
def drop(tmp_path: Path) -> Iterator[Callable[[str], Dropping]]:
    """Drops pairs as a run of the data set of this name does."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(closing(Dropping(name, tmp_path)))


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_prompt_are_never_dropped(
    name: str, drop: Callable[[str], Dropping]
) -> None:
    """They give nothing away, answer what they ask, are English and repeat nothing."""
    dropping = drop(name)
    for number, parsed in enumerate(examples_of(dropping.dataset)):
        assert parsed.pairs
        assert dropping.reasons(parsed, source=f"example {number}") == []


@pytest.mark.parametrize(
    ("name", "question", "answer", "phrase"),
    [
        ("SpotTheDifference.change", "What is gone?", "The sentences name a van.", "the sentences"),
        (
            "CocoSpotTheDifference.change",
            "What is in both?",
            "The object list has a dog.",
            "the object list",
        ),
        ("LACONV.2d", "What is there?", "A dog is in the list of objects.", "the list of objects"),
        ("LADD.2d", "What is there?", "A dog is in the list of objects.", "the list of objects"),
        (
            "SceneNavigation.3d",
            "Could I read here?",
            "It is in the list of activities.",
            "the list of activities",
        ),
        ("EGO4D.fpv", "Who greeted me?", "Man X waved at you.", "man x"),
        ("EGO4D.fpv", "What does the wearer hold?", "You hold a cup.", "the wearer"),
        ("EGO4D.fpv", "What do I do in the video?", "You wash a cup.", "in the video"),
        (
            "DenseCaptions.video",
            "What comes first?",
            "The timestamps begin with a dance.",
            "the timestamps",
        ),
        (
            "TVCaptions.video",
            "Who speaks?",
            "Nora does in the first of the sentences.",
            "the sentences",
        ),
        ("VisualStoryTelling.video", "Who was there?", "It was [female] with her dog.", "[female]"),
        ("VisualStoryTelling.video", "What is it?", "A boat, as the tags show.", "the tags show"),
    ],
)
def test_what_a_data_set_may_not_say_is_dropped(
    name: str, question: str, answer: str, phrase: str, drop: Callable[[str], Dropping]
) -> None:
    """The words of its annotations, beside those that no data set may say."""
    pair = QuestionAnswer(question=question, answer=answer)
    (reason,) = drop(name).reasons(Parsed(pairs=(pair,)), source="a")
    assert phrase in reason


@pytest.mark.parametrize(
    ("name", "question", "answer"),
    [
        ("EGO4D.fpv", "Did anyone greet me?", "Yes, a man waved at you while you paused a video."),
        ("SpotTheDifference.change", "Who left?", "The man who read his sentence left."),
        (
            "VisualStoryTelling.video",
            "Who was there?",
            "A female dog; she wears the tags of the vet.",
        ),
        ("TVCaptions.video", "What does House do?", "He finishes the sentence for his friend."),
    ],
)
def test_what_is_to_be_seen_stays(
    name: str, question: str, answer: str, drop: Callable[[str], Dropping]
) -> None:
    """Words that only look like those of the annotation."""
    pair = QuestionAnswer(question=question, answer=answer)
    assert drop(name).reasons(Parsed(pairs=(pair,)), source="a") == []


def test_rephrasings_may_be_alike_but_not_the_same(drop: Callable[[str], Dropping]) -> None:
    """Five of them have few words to change; one that changes none is no rephrasing."""
    said = "The cat knows that its owner is looking on from the kitchen door and pushes the glass"
    answers = [f"{said} down.", f"{said} off.", f"{said} down."]
    pairs = tuple(QuestionAnswer(question="Why is it funny?", answer=each) for each in answers)
    (reason,) = drop("FunQATranslation.funqa").reasons(Parsed(pairs=pairs), source="v")
    assert reason == "quality: it repeats an earlier pair of the same source"


def test_other_pictures_may_have_changed_alike(drop: Callable[[str], Dropping]) -> None:
    """More people, or none, are the good answer for many pairs of pictures."""
    pair = QuestionAnswer(question="Are there more people now?", answer="Yes, there are more.")
    dropping = drop("SpotTheDifference.change")
    assert dropping.reasons(Parsed(pairs=(pair,)), source="1") == []
    assert dropping.reasons(Parsed(pairs=(pair,)), source="2") == []
