"""`--judge` grades each pair once and says what it found; a reply is taken for what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from syphus import AbstractDataset
from syphus.core.errors import SettingsError
from syphus.core.records import Pair
from syphus.pipeline import pair_requests
from syphus.testing import Fault, Script, draw_answer
from syphus.testing.judging import draw_marks, read_judge_request
from syphus.testing.translating import read_translation_request
from tests.pipeline.eight_photos import files_of, lines_of

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


@pytest.fixture
def clerk(server: Any) -> Clerk:
    """At the server."""
    made = Clerk()
    server.play(Script(answer=made))
    return made


@pytest.fixture
def sit(clerk: Clerk, photos: Callable[..., AbstractDataset]) -> Callable[..., Any]:
    """A sitting of a job, with a judge."""
    assert not clerk.judged
    return lambda job, **settings: job.run(photos(QUERIES), **{"judge": True, **settings})


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


def test_the_judge_alone_reports(job: Any, another: Any, clerk: Clerk, sit: Any) -> None:
    """No pair is left out; marks are counted, and stand under each pair's id."""
    done = sit(job)
    assert done.outcome.exit_status == 0
    assert done.requests == 2 * QUERIES
    assert sorted(clerk.pairs) == sorted(JUDGED)
    assert job.read("judgements.json") == expected(job)
    found = quality(job)
    assert found["mode"] == "report"
    for name in CRITERIA:
        marks = [marks_of(pair)[name] for pair in JUDGED]
        assert found["checks"][f"judged_{name}"] == sum(mark < 3 for mark in marks)
        assert found["judge"]["scores"][name] == {
            "mean": round(sum(marks) / len(marks), 2),
            "counts": {str(mark): marks.count(mark) for mark in range(1, 6)},
        }
    low = sum(map(is_low, JUDGED))
    assert 0 < low < len(JUDGED) / 2
    assert found["faulty"] == low + len(OWN)
    assert (found["judge"]["judged"], found["judge"]["unjudged"]) == (len(JUDGED), 0)
    assert (found["judge"]["model"], found["judge"]["least"]) == ("m", 3)
    assert done.outcome.snapshot.judged == len(JUDGED)
    sit(another, judge=False)
    mine, plain = files_of(job.folder), files_of(another.folder)
    assert {name for name in mine if mine[name] != plain.get(name)} == {
        "meta.json",
        "judgements.json",
    }


def test_the_judge_sees_what_the_pairs_were_made_of(clerk: Clerk, job: Any, sit: Any) -> None:
    """The task of the data set, the annotation, and the pairs as they stand in the files."""
    sit(job)
    for graded in clerk.judged:
        assert graded["task"] == "Write pairs about the photo."
        number = int(graded["annotation"].removeprefix("Photo number ")[:-1])
        shown = [(pair["question"], pair["answer"]) for pair in graded["pairs"].values()]
        assert shown == [pair for pair in pairs_of(number) if pair not in OWN]
    schema = clerk.formats[0]["json_schema"]
    assert schema["strict"] is True
    assert list(schema["schema"]["properties"]) == list(clerk.judged[0]["pairs"])


@pytest.mark.parametrize("at_hand", [0, 2000])
def test_low_pairs_are_dropped_before_they_are_translated(
    job: Any, clerk: Clerk, sit: Any, monkeypatch: pytest.MonkeyPatch, at_hand: int
) -> None:
    """They stand in invalid_output.json with their marks, in no file, and cost no translation."""
    monkeypatch.setattr(pair_requests, "_MOST_AT_HAND", at_hand)
    assert sit(job, quality="drop", languages="de,zh").outcome.exit_status == 0
    good = [pair for pair in JUDGED if not is_low(pair)]
    assert written(job) == good
    assert clerk.translated == set(good)
    assert sorted(clerk.pairs) == sorted(JUDGED)
    assert job.read("judgements.json") == expected(job)
    told = {one["response"]: one["error_message"] for one in job.read("invalid_output.json")}
    assert len(told) == len(ALL) - len(good)
    for pair in JUDGED:
        if is_low(pair):
            marks = marks_of(pair)
            shown = ", ".join(f"{name} {marks[name]}" for name in CRITERIA)
            reason = told[f"Question: {pair[0]}\nAnswer: {pair[1]}\nScores: {shown}"]
            low = [f"the judge gave {marks[n]} of 5 for {n}" for n in CRITERIA if marks[n] < 3]
            assert reason == f"quality: {'; '.join(low)}"
    for code in ("de", "zh"):
        data = job.read(f"PH_instructions_{code}.json")["data"]
        assert list(data) == list(job.read("PH_instructions.json")["data"])
    assert job.read("translation_errors.json") == []


def test_all_pairs_are_translated_where_none_is_dropped(job: Any, clerk: Clerk, sit: Any) -> None:
    """The judge only reports, so nothing waits for it."""
    assert sit(job, languages="de").outcome.exit_status == 0
    assert clerk.translated == {pair for _, pair in ALL}


def test_another_threshold_costs_nothing(job: Any, another: Any, sit: Any) -> None:
    """With --reparse the files are those of a run that had it from the beginning."""
    sit(job, languages="de")
    for least in (5, 1, 4):
        assert sit(job, quality="drop", judge_least=least, reparse=True).requests == 0
        kept = [pair for pair in JUDGED if not is_low(pair, least)]
        assert written(job) == kept
        assert quality(job)["judge"]["least"] == least
    sit(another, quality="drop", judge_least=4, languages="de")
    mine, others = files_of(job.folder), files_of(another.folder)
    for name in mine.keys() - {"meta.json"}:
        assert mine[name] == others[name], name
    assert quality(job) == quality(another)


def test_a_later_judge_asks_for_its_own_stage_alone(job: Any, clerk: Clerk, sit: Any) -> None:
    """Of a finished run, what it judges; then nothing any more, and without it its file goes."""
    sit(job, judge=False)
    assert clerk.judged == []
    assert sit(job).requests == QUERIES
    assert sit(job).requests == 0
    assert sit(job, quality="drop").requests == 0
    assert sit(job, judge=False).requests == 0
    assert not (job.folder / "judgements.json").exists()
    assert job.read("meta.json")["prompt_tokens"] == sum(
        line["usage"][0]
        for stage in ("generate", "judge")
        for line in lines_of(job.folder, stage)
        if line["kind"] == "reply"
    )


def change(reply: str, **marks: Any) -> str:
    """A judgement whose first pair has other marks."""
    value = orjson.loads(reply)
    value["1"] |= marks
    return orjson.dumps(value).decode()


def without_last(reply: str) -> str:
    """A judgement that lacks a pair."""
    value = orjson.loads(reply)
    value.popitem()
    return orjson.dumps(value).decode()


SPOILT: dict[str, tuple[Callable[[str], str], str]] = {
    "too large": (lambda reply: change(reply, grounding=7), "grounding is 7, no whole number"),
    "zero": (lambda reply: change(reply, clarity=0), "clarity is 0, no whole number"),
    "no number": (lambda reply: change(reply, relevance="high"), "relevance is high"),
    "a pair less": (without_last, "the pair is missing"),
    "prose": (lambda _: "All of them are very good pairs.", "the reply is not JSON"),
    "cut": (lambda reply: reply[: len(reply) // 2], "the reply is not JSON"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_lacks_a_mark_is_asked_again(job: Any, clerk: Clerk, sit: Any, how: str) -> None:
    """Only the pairs without marks, with the reason; what comes then counts."""
    spoil, reason = SPOILT[how]
    clerk.spoil = lambda _, reply: spoil(reply)
    done = sit(job)
    assert done.outcome.exit_status == 0
    assert done.requests == 3 * QUERIES
    assert job.read("judgements.json") == expected(job)
    again = [graded for graded in clerk.judged if "rejected" in graded]
    assert len(again) == QUERIES
    for graded in again:
        assert graded["rejected"].keys() == graded["pairs"].keys()
        assert all(said.startswith(reason) for said in graded["rejected"].values())
        alone = how in ("too large", "zero", "no number", "a pair less")
        assert len(graded["pairs"]) == 1 or not alone
    assert sit(job).requests == 0


def test_words_around_the_judgement_cost_nothing(job: Any, clerk: Clerk, sit: Any) -> None:
    """What is said before and behind it is passed over."""
    clerk.spoil = lambda _, reply: f"Here is {{my}} judgement:\n```json\n{reply}\n```\nBye {{all}}."
    assert sit(job).requests == 2 * QUERIES
    assert job.read("judgements.json") == expected(job)


@pytest.mark.parametrize(
    ("kind", "requests"),
    [("refusal", 4), ("finish_length", 4), ("null_content", 4), ("no_pairs", 4), ("reset", 3)],
)
def test_what_goes_wrong_once_leaves_no_trace(
    hurried: Any, clerk: Clerk, sit: Any, kind: Any, requests: int
) -> None:
    """A refusal, a cut, silence, prose, a lost connection: all pairs are judged in the end.

    A request that says what was wrong is another one to the server, so it meets the fault too.
    """
    fault = Fault(kind, containing=ONLY_JUDGED, per_query_at_most=1)
    hurried.server.play(Script(answer=clerk, faults=[fault]))
    done = sit(hurried, max_reasks=2)
    assert done.outcome.exit_status == 0
    assert done.requests == requests * QUERIES
    assert hurried.read("judgements.json") == expected(hurried)


def test_a_pair_without_marks_is_kept_and_told(job: Any, clerk: Clerk, sit: Any) -> None:
    """After --max_reasks it is unjudged: kept, counted, status 4; --redo invalid asks once more."""
    clerk.always = True
    victim = pairs_of(3)[0]

    def spoil(graded: dict[str, Any], reply: str) -> str:
        value = orjson.loads(reply)
        for place, pair in graded["pairs"].items():
            if pair["question"] == victim[0]:
                value[place]["grounding"] = 9
        return orjson.dumps(value).decode()

    clerk.spoil = spoil
    done = sit(job, quality="drop", max_reasks=2, languages="de")
    assert done.outcome.exit_status == 4
    assert done.requests == 3 * QUERIES + 2
    assert clerk.pairs.count(victim) == 3
    assert victim in written(job)
    assert victim in clerk.translated
    assert quality(job)["judge"]["unjudged"] == done.outcome.missing_judgements == 1
    records = job.read("judgements.json")
    lacking = [one for one in records if "error_message" in one]
    assert [one["error_message"] for one in lacking] == [
        "grounding is 9, no whole number from 1 to 5"
    ]
    assert len(records) == len(written(job))
    again = sit(job, quality="drop", max_reasks=2, languages="de")
    assert (again.requests, again.outcome.exit_status) == (0, 4)
    clerk.always = False
    clerk.spoil = lambda _, reply: reply
    mended = sit(job, quality="drop", languages="de", redo="invalid")
    assert (mended.requests, mended.outcome.exit_status) == (1, 0)
    assert job.read("judgements.json") == expected(job)


def test_a_judgement_that_was_given_up_fails_the_run_not_the_pair(
    job: Any, clerk: Clerk, sit: Any
) -> None:
    """What the endpoint refuses for good: status 4, and the pairs stay."""
    fault = Fault("context_length", containing='annotation":"Photo number 5.')
    job.server.play(Script(answer=clerk, faults=[fault]))
    done = sit(job, quality="drop")
    assert done.outcome.exit_status == 4
    assert quality(job)["judge"]["unjudged"] == len(pairs_of(5))
    assert set(pairs_of(5)) <= set(written(job))
    job.server.play(Script(answer=clerk))
    mended = sit(job, quality="drop", redo="failed")
    assert (mended.requests, mended.outcome.exit_status) == (1, 0)


def test_an_endpoint_without_schemas_gets_the_shape_in_words(
    job: Any, clerk: Clerk, sit: Any
) -> None:
    """The format is left out once it was refused, and described."""
    clerk.spoil = lambda _, reply: without_last(reply)
    job.server.play(Script(answer=clerk, refuses={"response_format"}))
    assert sit(job).outcome.exit_status == 0
    assert clerk.formats == [None] * len(clerk.formats)
    assert job.read("judgements.json") == expected(job)
    again = [text for text in clerk.texts if '"rejected":' in text]
    assert len(again) == QUERIES
    assert all("of exactly this shape" in text for text in again)


def test_a_long_list_is_divided(job: Any, clerk: Clerk, photos: Any) -> None:
    """Fifty pairs of one query travel in three requests; under a small max_tokens five in each."""
    long = "\n\n".join(f"Question: What is {n} in it?\nAnswer: A thing {n}." for n in range(50))
    judged = clerk

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        return judged(messages, body) if "annotation" in messages[-1]["content"] else long

    job.server.play(Script(answer=answer))
    rules = {"quality_skips": {"near_in_source", "near_in_set"}}
    assert job.run(photos(1, **rules), judge=True).requests == 4
    assert sorted(len(graded["pairs"]) for graded in clerk.judged) == [10, 20, 20]
    assert len(job.read("judgements.json")) == quality(job)["judge"]["judged"] == 50
    (job.folder / "journal" / "judge.jsonl").unlink()
    clerk.judged.clear()
    job.run(photos(1, **rules), judge=True, max_tokens=120)
    assert [len(graded["pairs"]) for graded in clerk.judged] == [5] * 10
    assert len(job.read("judgements.json")) == 50


def test_rules_of_the_data_set_hold_for_the_judge(job: Any, clerk: Clerk, photos: Any) -> None:
    """A criterion that it skips is counted and faults nothing."""
    skipping = photos(QUERIES, quality_skips={"judged_clarity"})
    job.run(skipping, judge=True, quality="drop")
    low = [pair for pair in JUDGED if min(marks_of(pair)[n] for n in CRITERIA[:2]) < 3]
    assert written(job) == [pair for pair in JUDGED if pair not in low]
    assert "judged_clarity" not in quality(job)["checks"]
    assert quality(job)["judge"]["scores"]["clarity"]["mean"] is not None
    assert clerk.judged


def test_a_rule_that_changes_has_only_the_rest_judged(
    job: Any, another: Any, clerk: Clerk, photos: Any
) -> None:
    """A pair that no longer fails a check is judged then; all others keep their marks."""
    job.run(photos(QUERIES), judge=True)
    lenient = photos(QUERIES, quality_skips={"giveaway"})
    reparsed = job.run(lenient, judge=True, reparse=True)
    assert reparsed.outcome.unasked_judgements == len(OWN)
    assert (reparsed.requests, reparsed.outcome.exit_status) == (0, 0)
    clerk.judged.clear()
    assert job.run(lenient, judge=True).requests == len(OWN)
    assert sorted(clerk.pairs) == sorted(OWN)
    another.run(lenient, judge=True)
    assert job.read("judgements.json") == another.read("judgements.json")


def test_a_run_by_batches_judges_as_one_online(job: Any, another: Any, sit: Any) -> None:
    """The same files, in three batches: what is dropped is never put into the third."""
    how = {"quality": "drop", "languages": "de"}
    sit(another, **how)
    assert sit(job, backend="batch", poll_seconds=0.01, **how).outcome.exit_status == 0
    mine, others = files_of(job.folder), files_of(another.folder)
    for name in mine.keys() - {"meta.json", "batches.json"}:
        assert mine[name] == others[name], name
    assert quality(job) == quality(another)
    assert job.server.log.batches.creates == 3


def test_another_language_later_keeps_to_the_judgements(job: Any, clerk: Clerk, sit: Any) -> None:
    """What was dropped isn't translated later; no pair is judged again."""
    sit(job, quality="drop")
    judged = len(clerk.judged)
    sit(job, quality="drop", languages="de")
    assert len(clerk.judged) == judged
    assert clerk.translated == {pair for pair in JUDGED if not is_low(pair)}


@pytest.mark.parametrize("brings", [True, False])
def test_there_must_be_pairs_to_judge(job: Any, photos: Any, *, brings: bool) -> None:
    """Whole replies and ready pairs are refused in one line, before anything is sent."""

    def ready(_: Any, query: Any) -> list[Pair]:
        return [Pair(id="x", query_id=query.id, instruction="What?", answer="That.")]

    own = {"ready_pairs": ready} if brings else {"free_text": True}
    with pytest.raises(SettingsError, match=r"--judge: .* so there are none to check"):
        job.run(photos(1, **own), judge=True)


def test_a_threshold_alone_says_nothing(job: Any, photos: Any) -> None:
    """Without a judge there are no marks to compare with it."""
    with pytest.raises(SettingsError, match="--judge_least: only --judge gives marks"):
        job.run(photos(1), quality="drop", judge_least=3)


@pytest.mark.parametrize("least", [0, 6])
def test_the_threshold_is_a_mark(job: Any, photos: Any, least: int) -> None:
    """Another number is refused."""
    with pytest.raises(SettingsError, match="judge_least"):
        job.run(photos(1), judge=True, judge_least=least)
