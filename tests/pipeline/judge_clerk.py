"""A model that writes pairs, judges and translates them, and what a judged run should hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from syphus.testing import draw_answer
from syphus.testing.judging import draw_marks, read_judge_request
from syphus.testing.translating import read_translation_request

QUERIES = 12
THINGS = ("boat", "bench", "lamp", "fence", "tower", "kite", "well", "gate", "tree", "cart")
CRITERIA = ("relevance", "grounding", "clarity")
ONLY_JUDGED = 'annotation":"'
Marks = dict[str, int]


def pairs_of(number: int) -> list[tuple[str, str]]:
    """Three pairs of a photo; of every fourth photo the second has a fault of its own."""
    first, second, third = (THINGS[(number * 3 + at) % len(THINGS)] for at in range(3))
    pairs = [
        (
            f"Where in photo {number} is the {first}?",
            f"It stands left of the {second}, at {number}.",
        ),
        (
            f"How many {second}s does photo {number} show?",
            f"There are {number + 2} by the {third}.",
        ),
        (f"What is the {third} of photo {number} made of?", f"The {third} is of wood and {first}."),
    ]
    if number % 4 == 0:
        pairs[1] = (pairs[1][0], f"According to the caption there are {number + 2}.")
    return pairs


ALL = [(n, pair) for n in range(QUERIES) for pair in pairs_of(n)]
OWN = [pair for _, pair in ALL if "caption" in pair[1]]
JUDGED = [pair for _, pair in ALL if pair not in OWN]


def marks_of(pair: tuple[str, str]) -> Marks:
    """What the judge gives a pair."""
    return draw_marks({"question": pair[0], "answer": pair[1]})


def is_low(pair: tuple[str, str], least: int = 3) -> bool:
    """Whether a mark of a pair is a fault."""
    return min(marks_of(pair).values()) < least


@dataclass
class Clerk:
    """Answers by the messages alone, and notes what was to be judged and translated.

    `spoil` changes the judgement in the reply to a request that wasn't made before.
    """

    spoil: Callable[[dict[str, Any], str], str] = lambda _, reply: reply
    always: bool = False
    judged: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    formats: list[Any] = field(default_factory=list)
    translated: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        text = messages[-1]["content"]
        if isinstance(text, list):
            text = text[0]["text"]
        request = read_translation_request(text)
        if request is not None:
            pairs = request["pairs"].values()
            self.translated |= {(pair["instruction"], pair["answer"]) for pair in pairs}
            return draw_answer(messages, body)
        graded = read_judge_request(text)
        if graded is None:
            number = int(text.split()[-1][:-1])
            return "\n\n".join(f"Question: {q}\nAnswer: {a}" for q, a in pairs_of(number))
        self.judged.append(graded)
        self.texts.append(text)
        self.formats.append(body.get("response_format"))
        reply = draw_answer(messages, body)
        return self.spoil(graded, reply) if self.always or "rejected" not in graded else reply

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Each pair that was to be judged, as often as it was."""
        found = [pair for graded in self.judged for pair in graded["pairs"].values()]
        return [(pair["question"], pair["answer"]) for pair in found]


def quality(job: Any) -> dict[str, Any]:
    """What `meta.json` says of the pairs."""
    found: dict[str, Any] = job.read("meta.json")["quality"]
    return found


def written(job: Any) -> list[tuple[str, str]]:
    """The pairs of the English file, in order."""
    data = job.read("PH_instructions.json")["data"].values()
    return [(one["instruction"], one["answer"]) for one in data]


def expected(job: Any) -> list[dict[str, Any]]:
    """The records that `judgements.json` has to have."""
    data = job.read("PH_instructions.json")["data"]
    pairs = {name: (one["instruction"], one["answer"]) for name, one in data.items()}
    return [
        {"id": name, **{each: marks_of(pair)[each] for each in CRITERIA}}
        for name, pair in pairs.items()
        if pair not in OWN
    ]
