"""`--judge` grades each pair once and says what it found; a reply is taken for what it says."""

from __future__ import annotations

from typing import Any

import pytest

from syphus.core.errors import SettingsError
from syphus.core.records import Pair
from syphus.pipeline import pair_requests
from syphus.testing import Script
from tests.pipeline.eight_photos import files_of, lines_of
from tests.pipeline.judge_clerk import (
    ALL,
    CRITERIA,
    JUDGED,
    OWN,
    QUERIES,
    Clerk,
    expected,
    is_low,
    marks_of,
    pairs_of,
    quality,
    written,
)


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
