"""`--quality` counts or drops faulty pairs, whatever the order of replies, and pays for no more."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus import AbstractDataset
from syphus.core.errors import PluginError, SettingsError
from syphus.core.records import Pair
from syphus.pipeline import pair_requests
from syphus.quality import sketch
from syphus.testing import Script, draw_answer
from syphus.testing.translating import read_translation_request
from tests.pipeline.eight_photos import files_of

QUERIES = 24
WORST = 6
LANGUAGES = "de,zh"
WORDS = [
    *("table", "window", "garden", "river", "stone", "letter", "bottle", "candle", "mirror"),
    *("basket", "ladder", "blanket", "hammer", "pillow", "carpet", "curtain", "kettle", "bridge"),
    *("tunnel", "harbour", "market", "station", "library", "kitchen", "orchard", "meadow"),
]


def items() -> list[dict[str, str]]:
    """The last four have ids that came before."""
    return [{"id": f"p{n % 20}", "sentences": f"Photo number {n}."} for n in range(QUERIES)]


def name_of(number: int) -> str:
    """The id that a query gets in the run."""
    return f"p{number}" if number < 20 else f"p{number - 20}#2"


def write_pair(number: int, pair: int) -> tuple[str, str]:
    """A pair that has next to nothing in common with the others."""
    dice = random.Random(f"{number}-{pair}")  # noqa: S311 - no secrets
    words = dice.sample(WORDS, 16)
    said = ", the ".join(words[2:])
    return f"What lies between the {words[0]} and the {words[1]}?", f"There are the {said}."


def pairs_of(number: int) -> dict[tuple[str, str], str | None]:
    """The three pairs of a photo, each with the check that it fails."""
    first, second, third = (write_pair(number, pair) for pair in range(3))
    if number == WORST:
        return {
            (first[0], "According to the caption it is a fish."): "giveaway",
            (second[0], "I'm sorry, but I can't help with that."): "refusal",
            (third[0], "The text does not mention it."): "unanswered",
        }
    pairs: dict[tuple[str, str], str | None] = {first: None}
    if number % 3 == 0:
        pairs[second[0], f"The description says: {second[1]}"] = "giveaway"
    else:
        pairs[second] = None
    if number % 4 == 1:
        pairs[write_pair(number - 1, 0)] = "repeated_in_set"
    elif number % 4 == 3:
        pairs[first[0], f"{first[1]} Nothing else."] = "near_in_source"
    elif number == QUERIES - 2:
        pairs[write_pair(number - 20, 0)] = "repeated_in_source"
    else:
        pairs[third] = None
    return pairs


FAULTS = [
    (name_of(number), pair, check)
    for number in range(QUERIES)
    for pair, check in pairs_of(number).items()
]
COUNTS = Counter(check for *_, check in FAULTS if check)
OF_SET = ("repeated_in_set", "repeated_in_source", "near_in_source")


@dataclass
class Clerk:
    """Answers by the messages alone; `asked` are the texts that were to be translated."""

    asked: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        text = messages[-1]["content"]
        request = read_translation_request(text)
        if request is not None:
            pairs = request["pairs"].values()
            self.asked |= {(pair["instruction"], pair["answer"]) for pair in pairs}
            return draw_answer(messages, body)
        number = int(text.split()[-1][:-1])
        return "\n\n".join(f"Question: {q}\nAnswer: {a}" for q, a in pairs_of(number))


@pytest.fixture
def clerk(server: Any) -> Clerk:
    """At the server."""
    made = Clerk()
    server.play(Script(answer=made))
    return made


@pytest.fixture
def sit(clerk: Clerk, photos: Callable[..., AbstractDataset]) -> Callable[..., Any]:
    """A sitting of a job, with translations."""
    assert not clerk.asked
    return lambda job, **settings: job.run(photos(items()), languages=LANGUAGES, **settings)


def found(job: Any) -> dict[str, Any]:
    """What `meta.json` says of the pairs."""
    quality: dict[str, Any] = job.read("meta.json")["quality"]
    return quality


def written(job: Any) -> list[tuple[str, tuple[str, str]]]:
    """The pairs of `valid_output.json`, with their queries."""
    return [(one["id"], (one["question"], one["answer"])) for one in job.read("valid_output.json")]


def test_off_says_nothing(job: Any, sit: Callable[..., Any]) -> None:
    """It is the default: no counts, no notice."""
    assert sit(job).outcome.exit_status == 0
    assert "quality" not in job.read("meta.json")
    assert not any("quality" in notice for notice in job.notices)


def test_report_counts_and_changes_nothing(job: Any, another: Any, sit: Callable[..., Any]) -> None:
    """The files are those of a run without it; meta.json counts, and names the first ids."""
    sit(job)
    done = sit(another, quality="report")
    plain, reported = files_of(job.folder), files_of(another.folder)
    assert {name for name in plain if plain[name] != reported[name]} == {"meta.json"}
    quality = found(another)
    assert quality["mode"] == "report"
    assert quality["pairs"] == len(FAULTS)
    assert quality["faulty"] == COUNTS.total()
    assert {name: count for name, count in quality["checks"].items() if count} == COUNTS
    english = another.read("PH_instructions.json")["data"]
    for name, ids in quality["first"].items():
        pairs = [(english[each]["instruction"], english[each]["answer"]) for each in ids]
        assert pairs == [pair for _, pair, check in FAULTS if check == name][:5]
    assert f"quality: {COUNTS.total()} of {len(FAULTS)} pairs have faults" in done.said


def test_drop_leaves_out_and_says_why(job: Any, sit: Callable[..., Any]) -> None:
    """Good pairs stay in their order, the others stand in invalid_output.json with the reason."""
    assert sit(job, quality="drop").outcome.exit_status == 0
    assert written(job) == [(name, pair) for name, pair, check in FAULTS if check is None]
    invalid = job.read("invalid_output.json")
    assert [(one["id"], one["response"]) for one in invalid] == [
        (name, f"Question: {pair[0]}\nAnswer: {pair[1]}") for name, pair, check in FAULTS if check
    ]
    assert all(one["error_message"].startswith("quality: ") for one in invalid)
    quality = found(job)
    assert quality["checks"] == {**dict.fromkeys(quality["checks"], 0), **COUNTS}
    assert "first" not in quality
    meta = job.read("meta.json")
    assert (meta["valid_outputs"], meta["invalid_outputs"]) == (len(written(job)), len(invalid))


def test_a_dropped_pair_stands_in_no_file_of_any_language(
    job: Any, sit: Callable[..., Any]
) -> None:
    """Ids are the same in all, and nothing counts as missing that isn't wanted."""
    outcome = sit(job, quality="drop").outcome
    good = sum(check is None for *_, check in FAULTS)
    english = job.read("PH_instructions.json")["data"]
    assert list(english) == [f"PH_INS_{number:05}" for number in range(1, good + 1)]
    for code in LANGUAGES.split(","):
        data = job.read(f"PH_instructions_{code}.json")["data"]
        assert list(data) == list(english)
        assert job.read("meta.json")["translations"][code] == {
            "translated": good,
            "missing": 0,
            "unjudged_texts": 0,
        }
    related = [each for entry in english.values() for each in entry["rel_ins_ids"]]
    assert set(related) <= set(english)
    assert job.read("translation_errors.json") == []
    assert outcome.missing_translations == 0


@pytest.mark.parametrize("at_hand", [0, 2000])
def test_a_pair_with_a_fault_of_its_own_is_not_translated(
    job: Any,
    clerk: Clerk,
    sit: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    at_hand: int,
) -> None:
    """Only what the order of queries decides may have been asked for, pairs read again or not."""
    monkeypatch.setattr(pair_requests, "_MOST_AT_HAND", at_hand)
    sit(job, quality="drop")
    wanted = {pair for _, pair, check in FAULTS if check is None}
    repeats = {pair for _, pair, check in FAULTS if check in OF_SET}
    assert wanted <= clerk.asked <= wanted | repeats


@pytest.mark.parametrize("first", ["off", "report"])
def test_dropping_later_costs_nothing(
    job: Any, another: Any, sit: Callable[..., Any], first: str
) -> None:
    """With --reparse the files are those of a run that dropped, each pair with its own words."""
    sit(job, quality=first)
    assert sit(job, quality="drop", reparse=True).requests == 0
    sit(another, quality="drop")
    mine, others = files_of(job.folder), files_of(another.folder)
    assert found(job) == found(another)
    assert job.read("meta.json")["translations"] == another.read("meta.json")["translations"]
    for name in mine.keys() - {"meta.json"}:
        assert mine[name] == others[name], name
    assert sit(job, quality="drop").requests == 0


def test_dropped_pairs_come_back(job: Any, another: Any, sit: Callable[..., Any]) -> None:
    """Without --quality they are written again, and only their translations are asked for."""
    sit(job, quality="drop")
    assert sit(job, reparse=True).requests == 0
    sit(another)
    assert job.read("valid_output.json") == another.read("valid_output.json")
    assert sit(job).requests > 0
    for code in LANGUAGES.split(","):
        assert len(job.read(f"PH_instructions_{code}.json")["data"]) == len(FAULTS)
    assert sit(job).requests == 0


@pytest.mark.parametrize("seed", range(4))
def test_files_do_not_depend_on_order_or_stops(
    job: Any, another: Any, photos: Callable[..., Any], clerk: Clerk, seed: int
) -> None:
    """The first in the data set's order stays, whichever reply came first and however often."""
    sitting = {"languages": LANGUAGES, "quality": "drop"}
    another.run(photos(items()), num_threads=1, **sitting)
    dice = random.Random(seed)  # noqa: S311 - moments, not secrets

    async def stopped() -> None:
        run = job.syphus(photos(items()), num_threads=dice.randint(2, 24), **sitting)
        running = asyncio.create_task(run.run())
        asked = job.server.log.requests + dice.randrange(1, 30)
        while job.server.log.requests < asked and not running.done():  # noqa: ASYNC110 - a thread's
            await asyncio.sleep(0.001)
        run.stop()
        await running

    for _ in range(seed):
        job.server.play(Script(answer=clerk, latency=(0.0, 0.02)))
        asyncio.run(stopped())
    job.server.play(Script(answer=clerk, latency=(0.0, 0.02)))
    assert job.run(photos(items()), num_threads=24, **sitting).outcome.exit_status == 0
    mine, calm = files_of(job.folder), files_of(another.folder)
    for files in (mine, calm):
        tokens = orjson.loads(files.pop("meta.json"))
        assert tokens["quality"]["checks"] == {
            **dict.fromkeys(tokens["quality"]["checks"], 0),
            **COUNTS,
        }
    assert mine == calm


def test_a_data_set_has_its_own_rules(job: Any, clerk: Clerk, photos: Callable[..., Any]) -> None:
    """Its phrases and bounds are used, and checks that it skips aren't made."""
    own = photos(
        items(),
        giveaway_phrases=["there are the"],
        question_words=(3, 200),
        quality_skips={"refusal", "near_in_source"},
    )
    job.run(own, quality="report")
    checks = found(job)["checks"]
    assert checks["giveaway"] == len(FAULTS) - 2
    assert not {"refusal", "near_in_source"} & checks.keys()
    assert checks["near_in_set"] == checks["length"] == 0
    assert clerk.asked == set()


class Whole(AbstractDataset):
    """Keeps its replies whole."""

    free_text = True

    def _load_query_inputs(self) -> list[dict[str, str]]:
        return items()

    def _load_prefix(self) -> dict[str, str]:
        return {"system_message": "Write."}


class Ready(Whole):
    """Brings its pairs."""

    free_text = False

    def ready_pairs(self, query: Any) -> list[Pair]:
        return [Pair(id="x", query_id=query.id, instruction="What?", answer="That.")]


@pytest.mark.parametrize("plugin", [Whole, Ready])
def test_there_must_be_pairs_to_check(job: Any, plugin: type[AbstractDataset]) -> None:
    """Wrong settings are told before anything is sent."""
    with pytest.raises(SettingsError, match=r"--quality: .* so there are none to check"):
        job.run(plugin(), quality="drop")


def test_personal_data_alone_looks_for_nothing(job: Any, photos: Callable[..., Any]) -> None:
    """It is one of the checks, so they must be on."""
    with pytest.raises(SettingsError, match="--personal_data"):
        job.run(photos(1), personal_data=True)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"giveaway_phrases": "a text"}, "giveaway_phrases must be a list of texts"),
        ({"giveaway_phrases": [1]}, "giveaway_phrases must be a list of texts"),
        ({"giveaway_phrases": [" "]}, "giveaway_phrases must be a list of texts"),
        ({"answer_words": (5, 1)}, "answer_words must be the least and the most words"),
        ({"question_words": 7}, "question_words must be the least and the most words"),
        ({"quality_skips": ["giveawy"]}, "quality_skips: there is no check 'giveawy'; there are"),
    ],
)
def test_rules_of_another_shape_are_told(
    job: Any, photos: Callable[..., Any], rules: dict[str, Any], words: str
) -> None:
    """In one line that names the attribute, with nothing sent."""
    with pytest.raises(PluginError, match=rf"^Photos\.{words}") as raised:
        job.run(photos(1, **rules), quality="report")
    assert "\n" not in str(raised.value)
    assert job.server.log.requests == 0


def test_a_missing_package_is_named(
    job: Any, photos: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it; without --quality it isn't needed."""
    monkeypatch.setattr(sketch, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"pip install 'syphus-engine\[quality\]'"):
        job.run(photos(1), quality="report")
    assert job.run(photos(1)).outcome.exit_status == 0


def test_nothing_is_left_behind(job: Any, sit: Callable[..., Any], tmp_path: Path) -> None:
    """What is needed to find repeats has no name in the folder."""

    def names() -> list[str]:
        return sorted(path.name for path in (tmp_path / "out").iterdir())

    sit(job)
    before = names()
    sit(job, quality="drop", reparse=True)
    assert names() == before
